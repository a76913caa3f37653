from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema, extend_schema_view
from rest_framework import generics, mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework_simplejwt import views as jwt

from accounts.models import User
from api.filters import ArticleFilter
from api.permissions import ArticleRules, CommentRules
from api.serializers import (
    AccountSerializer,
    ArticleSerializer,
    CommentSerializer,
    RegistrationSerializer,
    SectionSerializer,
    TagSerializer,
    WholeArticleSerializer,
)
from articles import rules
from articles.models import Article, Comment, Section, Tag


class Articles(viewsets.ModelViewSet):
    """Articles: the published ones for everybody, one's own for a journalist, all for an editor."""

    queryset = Article.objects.all()
    permission_classes = [ArticleRules]
    filter_backends = [DjangoFilterBackend]
    lookup_field = "slug"
    lookup_value_regex = "[-a-zA-Z0-9_]+"

    # A list is filtered; one article is found by its address alone.
    @property
    def filterset_class(self) -> type[ArticleFilter] | None:
        return ArticleFilter if self.action == "list" else None

    def get_serializer_class(self) -> type[BaseSerializer]:
        return ArticleSerializer if self.action == "list" else WholeArticleSerializer

    def get_queryset(self) -> QuerySet[Article]:
        articles = rules.readable(self.request.user, Article.objects.all()).select_related("section", "author").prefetch_related("tags")
        if self.action in {"update", "partial_update"}:
            articles = articles.select_for_update(of=["self"])
        return articles.defer("search_vector", "body") if self.action == "list" else articles.defer("search_vector")

    @transaction.atomic
    def update(self, request: Request, *args: object, **kwargs: object) -> Response:
        # Locked from reading to saving: the fields that were not sent are saved as they are, not as they were.
        return super().update(request, *args, **kwargs)

    def perform_create(self, serializer: BaseSerializer) -> None:
        serializer.save(author=self.request.user)


class ArticleComments(generics.ListCreateAPIView):
    """What readers say about one article, oldest first."""

    queryset = Comment.objects.all()
    serializer_class = CommentSerializer
    permission_classes = [CommentRules]
    filter_backends: list[type] = []

    def get_article(self) -> Article:
        articles = rules.readable(self.request.user, Article.objects.select_related("author").defer("body", "search_vector"))
        return get_object_or_404(articles, slug=self.kwargs["slug"])

    def get_queryset(self) -> QuerySet[Comment]:
        return rules.visible(self.request.user, self.get_article().comments.with_article())

    def perform_create(self, serializer: BaseSerializer) -> None:
        article = self.get_article()
        if not rules.may_comment(self.request.user, article):
            raise PermissionDenied
        with transaction.atomic():  # with its letter, or not at all
            serializer.save(article=article, author=self.request.user)


@extend_schema(parameters=[OpenApiParameter("id", OpenApiTypes.INT64, OpenApiParameter.PATH)])
@extend_schema_view(
    hide=extend_schema(request=None, responses={204: None}),
    show=extend_schema(request=None, responses={204: None}),
)
class Comments(mixins.RetrieveModelMixin, mixins.UpdateModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet):
    """One comment: its writer changes it, its writer and moderators delete it."""

    queryset = Comment.objects.all()
    serializer_class = CommentSerializer
    permission_classes = [CommentRules]
    filter_backends: list[type] = []
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Comment]:
        comments = rules.visible(self.request.user, Comment.objects.with_article())
        return comments.filter(article__in=rules.readable(self.request.user, Article.objects.all()))

    @action(detail=True, methods=["post"])
    def hide(self, request: Request, pk: str) -> Response:
        """Take it off the page."""
        return self._set_visible(visible=False)

    @action(detail=True, methods=["post"])
    def show(self, request: Request, pk: str) -> Response:
        """Put it back."""
        return self._set_visible(visible=True)

    def _set_visible(self, *, visible: bool) -> Response:
        comment = self.get_object()
        comment.is_visible = visible
        comment.save(update_fields=["is_visible"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class Sections(generics.ListAPIView):
    """The paper's sections, in the order of its navigation."""

    queryset = Section.objects.all()
    serializer_class = SectionSerializer
    permission_classes = [AllowAny]
    pagination_class = None
    filter_backends: list[type] = []


class Tags(generics.ListAPIView):
    """The tags articles may carry."""

    queryset = Tag.objects.all()
    serializer_class = TagSerializer
    permission_classes = [AllowAny]
    filter_backends: list[type] = []


class Me(generics.RetrieveUpdateAPIView):
    """One's own account."""

    serializer_class = AccountSerializer
    permission_classes = [IsAuthenticated]

    def get_object(self) -> User:
        return User.objects.prefetch_related("groups").get(pk=self.request.user.pk)


class Register(generics.CreateAPIView):
    """Make an account, which may comment."""

    queryset = User.objects.all()
    serializer_class = RegistrationSerializer
    authentication_classes: list[type] = []  # counted by address, whoever asks
    permission_classes = [AllowAny]
    throttle_scope = "register"


class Obtain(jwt.TokenObtainPairView):
    """A pair of tokens for a name and a password."""

    throttle_scope = "login"


class Refresh(jwt.TokenRefreshView):
    """A new pair for a refresh token, which is used up by this."""


class Verify(jwt.TokenVerifyView):
    """Whether a token is genuine, not expired and not revoked."""


class Logout(jwt.TokenBlacklistView):
    """Revoke a refresh token. The access token that came with it ends by itself within minutes."""
