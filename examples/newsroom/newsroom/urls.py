from __future__ import annotations

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.contrib.sitemaps.views import sitemap
from django.contrib.staticfiles.storage import staticfiles_storage
from django.urls import include, path
from django.views.decorators.cache import cache_control
from django.views.generic import RedirectView, TemplateView

from articles.sitemaps import SITEMAPS


class Favicon(RedirectView):
    """Browsers ask here without being told to; the address below static files changes with the content."""

    def get_redirect_url(self, *args: object, **kwargs: object) -> str:
        return staticfiles_storage.url("favicon.svg")


handler400 = "newsroom.errors.bad_request"
handler403 = "newsroom.errors.permission_denied"
handler404 = "newsroom.errors.page_not_found"
handler500 = "newsroom.errors.server_error"

urlpatterns = [
    path("", include("articles.urls")),
    path("accounts/", include("accounts.urls")),
    path("health/", include("ops.urls")),
    path("api/", include("api.urls")),
    path("sitemap.xml", cache_control(public=True, max_age=600)(sitemap), {"sitemaps": SITEMAPS}, name="sitemap"),
    path("robots.txt", TemplateView.as_view(template_name="robots.txt", content_type="text/plain"), name="robots"),
    path("favicon.ico", Favicon.as_view(), name="favicon"),
    path(settings.ADMIN_PATH, admin.site.urls),
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),  # empty unless DEBUG: the web server's task
]
