from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import transaction
from rest_framework import serializers

from accounts.letters import welcome
from accounts.models import User
from api.fields import CoverField, SlugField
from articles.covers import delete_files
from articles.models import Article, Comment, Section, Tag


class ChangedFieldsOnly:
    """Saves the fields that were sent and leaves the others to whoever changes them meanwhile."""

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.save(update_fields=list(validated_data))
        return instance


class AuthorSerializer(serializers.ModelSerializer):
    byline = serializers.CharField(read_only=True)

    class Meta:
        model = User
        fields = ["username", "byline"]
        read_only_fields = fields


class SectionSerializer(serializers.ModelSerializer):
    class Meta:
        model = Section
        fields = ["slug", "name", "description"]


class TagSerializer(serializers.ModelSerializer):
    class Meta:
        model = Tag
        fields = ["slug", "name"]


class ArticleSerializer(serializers.ModelSerializer):
    """An article in a list: all but its text."""

    author = AuthorSerializer(read_only=True)
    section = SlugField(queryset=Section.objects.all())
    tags = SlugField(queryset=Tag.objects.all(), many=True, required=False)
    cover = CoverField(required=False, allow_null=True, help_text="JPEG, PNG or WebP, at most 5 MB; null removes it.")
    cover_srcset = serializers.CharField(read_only=True)
    address = serializers.HyperlinkedIdentityField(view_name="articles:article", lookup_field="slug", help_text="Its page.")

    class Meta:
        model = Article
        fields = [
            "slug", "address", "title", "standfirst", "section", "tags", "author", "cover", "cover_alt", "cover_width", "cover_height",
            "cover_srcset", "status", "published_at", "created_at", "updated_at",
        ]
        read_only_fields = ["slug", "cover_width", "cover_height", "created_at", "updated_at"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        status = attrs.get("status", getattr(self.instance, "status", None))
        time = attrs.get("published_at", getattr(self.instance, "published_at", None))
        if status == Article.Status.SCHEDULED and time is None:
            raise serializers.ValidationError({"published_at": "Say when it is to be published."})
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Article:
        with transaction.atomic():
            return super().create(self._plain(validated_data))

    def update(self, instance: Article, validated_data: dict[str, Any]) -> Article:
        before, storage = instance.cover.name, instance.cover.storage
        with transaction.atomic():
            article = super().update(instance, self._plain(validated_data))
            if before and before != article.cover.name:
                transaction.on_commit(lambda: delete_files(storage, before))
        return article

    def _plain(self, data: dict[str, Any]) -> dict[str, Any]:
        return data | {"cover": data["cover"] or "", "cover_widths": None} if "cover" in data else data


class WholeArticleSerializer(ArticleSerializer):
    """An article with its text."""

    minutes = serializers.IntegerField(read_only=True, help_text="How long it takes to read.")

    class Meta(ArticleSerializer.Meta):
        fields = [*ArticleSerializer.Meta.fields, "body", "minutes"]


class CommentSerializer(ChangedFieldsOnly, serializers.ModelSerializer):
    article = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    author = AuthorSerializer(read_only=True)

    class Meta:
        model = Comment
        fields = ["id", "article", "author", "body", "is_visible", "created_at"]
        read_only_fields = ["is_visible", "created_at"]


class AccountSerializer(ChangedFieldsOnly, serializers.ModelSerializer):
    """What a person says about herself."""

    byline = serializers.CharField(read_only=True)
    roles = serializers.SlugRelatedField(source="groups", slug_field="name", many=True, read_only=True)
    may_write = serializers.BooleanField(read_only=True)

    class Meta:
        model = User
        fields = ["username", "email", "display_name", "bio", "mail_me", "byline", "roles", "may_write", "date_joined"]
        read_only_fields = ["username", "date_joined"]

    def validate_email(self, email: str) -> str:
        others = User.objects.exclude(pk=getattr(self.instance, "pk", None))
        if others.filter(email__iexact=email).exists():
            raise serializers.ValidationError("There is an account with this email address already.", code="unique")
        return email


class RegistrationSerializer(AccountSerializer):
    password = serializers.CharField(write_only=True, max_length=200, trim_whitespace=False)

    class Meta(AccountSerializer.Meta):
        fields = ["username", "email", "display_name", "password"]
        read_only_fields = []

    def validate_username(self, username: str) -> str:
        username = User.normalize_username(username)
        if User.objects.filter(username__iexact=username).exists():
            raise serializers.ValidationError("This name is taken; choose another.", code="unique")
        return username

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        likeness = User(**{name: value for name, value in attrs.items() if name != "password"})
        try:
            validate_password(attrs["password"], likeness)
        except DjangoValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from error
        return attrs

    def create(self, validated_data: dict[str, Any]) -> User:
        with transaction.atomic():
            user = User.objects.create_user(**validated_data)
            welcome(user)
        return user
