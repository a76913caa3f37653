from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import SimpleRouter

from api import views

app_name = "api"

router = SimpleRouter()
router.register("articles", views.Articles, basename="article")
router.register("comments", views.Comments, basename="comment")

version_1 = [
    path("articles/<slug:slug>/comments/", views.ArticleComments.as_view(), name="article-comments"),
    path("sections/", views.Sections.as_view(), name="sections"),
    path("tags/", views.Tags.as_view(), name="tags"),
    path("me/", views.Me.as_view(), name="me"),
    path("register/", views.Register.as_view(), name="register"),
    path("token/", views.Obtain.as_view(), name="token"),
    path("token/refresh/", views.Refresh.as_view(), name="token-refresh"),
    path("token/verify/", views.Verify.as_view(), name="token-verify"),
    path("token/logout/", views.Logout.as_view(), name="token-logout"),
    path("", include(router.urls)),
]

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("v1/", include(version_1)),
]
