from __future__ import annotations

import math
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import AnonRateThrottle, SimpleRateThrottle, UserRateThrottle

if TYPE_CHECKING:
    from rest_framework.views import APIView


class WriteThrottle(UserRateThrottle):
    """Reading is cheap; writing has a limit of its own."""

    scope = "write"

    def allow_request(self, request: Request, view: APIView) -> bool:
        return request.method in SAFE_METHODS or super().allow_request(request, view)


class RegisterThrottle(AnonRateThrottle):
    scope = "register"


class CountedForm:
    """For a page whose form is counted together with the API's requests of the same kind."""

    throttle: type[SimpleRateThrottle]

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        throttle = self.throttle()
        if request.method in SAFE_METHODS or throttle.allow_request(request, self):
            return super().dispatch(request, *args, **kwargs)
        response = render(request, "429.html", status=429)
        if (seconds := throttle.wait()) is not None:
            response["Retry-After"] = math.ceil(seconds)
        return response
