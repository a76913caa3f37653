"""Pages kept in the shared cache for strangers: they all see the same.

A kept page's key holds a version, and whatever a page shows changes that version when it is saved or deleted: nothing needs
finding and deleting, the old pages are simply never asked for again. A version is a time, so that one the cache has lost is
never used a second time. The key also holds the hash of the static files' manifest: a release with other files makes its own
pages, and does not hand out those that name the files of the release before.
"""

from __future__ import annotations

import hashlib
import re
import time

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

VERSION = "kept:version"
PAGE = re.compile(r"page=[1-9][0-9]{0,4}")  # written in one way only: what is kept takes room


def forget() -> None:
    cache.set(VERSION, time.time_ns(), None)


def version() -> int:
    found = cache.get(VERSION)
    if found is None:
        found = time.time_ns()
        cache.set(VERSION, found, None)
    return found


def _key(request: HttpRequest) -> str:
    # Django's storage without a manifest has no such name, and one whose files are not collected yet has none to give.
    files = getattr(staticfiles_storage, "manifest_hash", "")
    return f"kept:{version()}:{files}:{hashlib.sha256(request.get_full_path().encode()).hexdigest()}"


def is_plain(request: HttpRequest) -> bool:
    """A page as everybody gets it: no log-in, no message waiting, nothing asked for beyond the number of a page."""
    cookies = {settings.SESSION_COOKIE_NAME, "messages"}
    question = request.META.get("QUERY_STRING", "")
    return request.method == "GET" and cookies.isdisjoint(request.COOKIES) and bool(not question or PAGE.fullmatch(question))


class KeptForStrangers:
    """For a view whose page depends on nothing but its address and the paper."""

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not settings.PAGE_CACHE_SECONDS or not is_plain(request):
            return super().dispatch(request, *args, **kwargs)
        # The version is read before the page is made: a change in between makes a page nobody will ask for.
        key = _key(request)
        content = cache.get(key)
        if content is None:
            response = super().dispatch(request, *args, **kwargs)
            if response.status_code == 200:
                cache.set(key, response.render().content, settings.PAGE_CACHE_SECONDS)
        else:
            response = HttpResponse(content)
        patch_vary_headers(response, ["Cookie"])
        return response
