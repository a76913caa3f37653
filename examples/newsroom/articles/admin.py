from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from articles import kept
from articles.forms import ArticleForm
from articles.models import Article, Comment, Section, Tag

admin.site.site_header = "The Lantern"
admin.site.site_title = "The Lantern"
admin.site.index_title = "Newsroom"


class ArticleAdminForm(ArticleForm):
    class Meta(ArticleForm.Meta):
        fields = "__all__"
        widgets = {}


@admin.register(Section)
class SectionAdmin(admin.ModelAdmin):
    list_display = ["name", "slug", "position"]
    list_editable = ["position"]
    prepopulated_fields = {"slug": ["name"]}


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):
    list_display = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    search_fields = ["name"]


@admin.register(Article)
class ArticleAdmin(admin.ModelAdmin):
    form = ArticleAdminForm
    list_display = ["title", "section", "author", "status", "published_at"]
    list_filter = ["status", "section", "published_at"]
    list_select_related = ["section", "author"]
    search_fields = ["title", "standfirst"]
    autocomplete_fields = ["author", "tags"]
    date_hierarchy = "published_at"
    readonly_fields = ["created_at", "updated_at"]
    fieldsets = [
        (None, {"fields": ["title", "slug", "standfirst", "body"]}),
        ("Placement", {"fields": ["section", "tags", "author"]}),
        ("Cover", {"fields": ["cover", "cover_alt"]}),
        ("Publication", {"fields": ["status", "published_at", "created_at", "updated_at"]}),
    ]

    def save_model(self, request: HttpRequest, article: Article, form: ArticleAdminForm, change: bool) -> None:
        super().save_model(request, article, form, change)
        form.delete_replaced_cover()


@admin.register(Comment)
class CommentAdmin(admin.ModelAdmin):
    list_display = ["excerpt", "author", "article", "is_visible", "created_at"]
    list_filter = ["is_visible", "created_at"]
    list_select_related = ["author", "article"]
    search_fields = ["body", "author__username"]
    autocomplete_fields = ["article", "author"]
    actions = ["hide", "show"]

    @admin.display(description="comment")
    def excerpt(self, comment: Comment) -> str:
        return comment.body if len(comment.body) <= 80 else f"{comment.body[:80]}…"

    @admin.action(description="Take the selected comments off the page")
    def hide(self, request: HttpRequest, comments: QuerySet[Comment]) -> None:
        self._set_visible(request, comments, visible=False)

    @admin.action(description="Put the selected comments back")
    def show(self, request: HttpRequest, comments: QuerySet[Comment]) -> None:
        self._set_visible(request, comments, visible=True)

    def _set_visible(self, request: HttpRequest, comments: QuerySet[Comment], *, visible: bool) -> None:
        count = comments.update(is_visible=visible)
        kept.forget()  # update() sends no signals
        self.message_user(request, f"{count} comments changed.")
