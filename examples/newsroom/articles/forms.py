from __future__ import annotations

from datetime import UTC, datetime

from django import forms
from django.db import transaction

from articles.covers import CoverField, delete_files
from articles.models import Article, Comment


class ArticleForm(forms.ModelForm):
    cover = CoverField(required=False, help_text="JPEG, PNG or WebP, at most 5 MB.")

    class Meta:
        model = Article
        fields = ["title", "standfirst", "section", "tags", "body", "cover", "cover_alt", "status", "published_at"]
        widgets = {
            "standfirst": forms.Textarea(attrs={"rows": 2}),
            "body": forms.Textarea(attrs={"rows": 22}),
            "tags": forms.CheckboxSelectMultiple,
            "published_at": forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._cover_before = self.instance.cover.name if self.instance.pk else ""

    def clean_published_at(self) -> datetime | None:
        moment = self.cleaned_data["published_at"]
        try:
            return moment and moment.astimezone(UTC)  # PostgreSQL knows fewer time zones than can be written
        except OverflowError:
            raise forms.ValidationError("Enter a valid date/time.", code="invalid") from None

    def clean(self) -> dict[str, object]:
        cleaned = super().clean()
        if cleaned.get("status") == Article.Status.SCHEDULED and not cleaned.get("published_at"):
            self.add_error("published_at", "Say when it is to be published.")
        return cleaned

    def save(self, commit: bool = True) -> Article:
        article = super().save(commit)
        if commit:
            self.delete_replaced_cover()
        return article

    def delete_replaced_cover(self) -> None:
        """For who saves the article itself, as the admin does."""
        before, cover = self._cover_before, self.instance.cover
        if before and before != cover.name:
            transaction.on_commit(lambda: delete_files(cover.storage, before))


class CommentForm(forms.ModelForm):
    class Meta:
        model = Comment
        fields = ["body"]
        labels = {"body": "Your comment"}
        widgets = {"body": forms.Textarea(attrs={"rows": 4, "maxlength": 2000})}


class SearchForm(forms.Form):
    """No `q` is too odd to answer: what cannot be searched for finds nothing."""

    q = forms.CharField(
        label="Search the paper",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Harbour, libraries, tides …"}),
    )
