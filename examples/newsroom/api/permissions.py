"""The paper's rules, in the words of the framework. What the rules are stands in `articles.rules`."""

from __future__ import annotations

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from articles import rules
from articles.models import Article, Comment


class ArticleRules(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method in SAFE_METHODS:
            return True
        return rules.may_write(request.user)

    def has_object_permission(self, request: Request, view: APIView, obj: Article) -> bool:
        if request.method in SAFE_METHODS:
            return True  # the query has found readable ones only
        return (rules.may_delete if request.method == "DELETE" else rules.may_edit)(request.user, obj)


class CommentRules(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.method in SAFE_METHODS or request.user.is_authenticated

    def has_object_permission(self, request: Request, view: APIView, obj: Comment) -> bool:
        if request.method in SAFE_METHODS:
            return True
        if view.action in {"hide", "show"}:
            return rules.moderates(request.user)
        return (rules.may_delete_comment if request.method == "DELETE" else rules.may_change_comment)(request.user, obj)
