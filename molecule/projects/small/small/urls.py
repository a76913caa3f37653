# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
import badge
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.urls import path

from small import EDITION


def home(_request: HttpRequest) -> HttpResponse:
    """The edition, what the private package says, and how often the page was asked for, as the cache remembers it."""
    cache.add("asked", 0)
    return HttpResponse(f"edition {EDITION}, {badge.COLOUR}, asked {cache.incr('asked')} times", content_type="text/plain")


urlpatterns = [path("", home)]
