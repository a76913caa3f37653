from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin, UserPassesTestMixin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import CreateView, DeleteView, ListView, UpdateView, View
from django.views.generic.detail import SingleObjectMixin

from api.throttling import CountedForm, WriteThrottle
from articles import rules
from articles.discussed import most_discussed
from articles.forms import ArticleForm, CommentForm, SearchForm
from articles.kept import KeptForStrangers
from articles.models import Article, Comment, Section, Tag

PAGE = 12


class Home(KeptForStrangers, ListView):
    template_name = "articles/home.html"
    context_object_name = "articles"
    paginate_by = PAGE + 1  # the lead story and a full grid

    def get_queryset(self) -> QuerySet[Article]:
        return Article.objects.published().for_list()

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        context = super().get_context_data(**kwargs)
        articles = list(context["articles"])
        if context["page_obj"].number == 1:
            context["lead"], articles = (articles[0] if articles else None), articles[1:]
            context["discussed"] = most_discussed()
        return context | {"articles": articles}


class SectionPage(KeptForStrangers, ListView):
    template_name = "articles/section.html"
    context_object_name = "articles"
    paginate_by = PAGE

    def get_queryset(self) -> QuerySet[Article]:
        self.section = get_object_or_404(Section, slug=self.kwargs["slug"])
        return self.section.articles.published().for_list()

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        return super().get_context_data(**kwargs) | {"heading": self.section.name, "lede": self.section.description, "current": self.section}


class TagPage(KeptForStrangers, ListView):
    template_name = "articles/section.html"
    context_object_name = "articles"
    paginate_by = PAGE

    def get_queryset(self) -> QuerySet[Article]:
        self.tag = get_object_or_404(Tag, slug=self.kwargs["slug"])
        return self.tag.articles.published().for_list()

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        return super().get_context_data(**kwargs) | {"heading": self.tag.name, "lede": "Everything we have written about it."}


class Search(ListView):
    template_name = "articles/search.html"
    context_object_name = "articles"
    paginate_by = PAGE

    def get_queryset(self) -> QuerySet[Article]:
        self.form = SearchForm(self.request.GET or None)
        self.words = self.form.cleaned_data["q"] if self.form.is_valid() else ""
        if not self.words:
            return Article.objects.none()
        return Article.objects.published().for_list().search(self.words)

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        return super().get_context_data(**kwargs) | {"form": self.form, "words": self.words}


class ArticlePage(KeptForStrangers, SingleObjectMixin, ListView):
    """An article, and a page of what is said about it, oldest first."""

    template_name = "articles/article.html"
    paginate_by = Comment.PER_PAGE

    def get(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        readable = rules.readable(request.user, Article.objects.all())
        self.object = self.get_object(readable.select_related("section", "author").defer("search_vector").prefetch_related("tags"))
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Comment]:
        return self.object.comments.visible().select_related("author")

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        context = super().get_context_data(**kwargs)
        more = self.object.section.articles.published().for_list().exclude(pk=self.object.pk)[:3]
        return context | {
            "more": more,
            "comment_form": CommentForm(),
            "may_edit": rules.may_edit(self.request.user, self.object),
            "may_comment": rules.may_comment(self.request.user, self.object),
            "moderates": rules.moderates(self.request.user),
            "current": self.object.section,
        }


class PostComment(LoginRequiredMixin, CountedForm, View):
    http_method_names = ["post"]
    throttle = WriteThrottle

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        article = get_object_or_404(Article.objects.published().select_related("author"), slug=slug)
        if not rules.may_comment(request.user, article):
            raise PermissionDenied
        form = CommentForm(request.POST)
        form.instance.article, form.instance.author = article, request.user
        if not form.is_valid():
            messages.error(request, " ".join(form.errors.get("body", ["Your comment could not be saved."])))
            return redirect(f"{article.get_absolute_url()}#join")
        with transaction.atomic():  # with its letter, or not at all
            comment = form.save()
        return redirect(comment)


class DeleteComment(LoginRequiredMixin, View):
    """Its writer takes it back, or a moderator takes it off the page and keeps it."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, slug: str, pk: int) -> HttpResponse:
        comments = rules.visible(request.user, Comment.objects.select_related("article"))
        comment = get_object_or_404(comments, pk=pk, article__slug=slug)
        if not rules.may_delete_comment(request.user, comment):
            raise PermissionDenied
        before = comment.count_before()
        if comment.author_id == request.user.pk:
            comment.delete()
        else:
            comment.is_visible = False
            comment.save(update_fields=["is_visible"])
        messages.success(request, "The comment is off the page.")
        return redirect(f"{comment.article.get_thread_url(before)}#comments")  # where the one before it stands, which is there still


class WritersOnly(LoginRequiredMixin, UserPassesTestMixin):
    """Strangers are asked to log in; readers who are not writers are told no."""

    def test_func(self) -> bool:
        return self.request.user.may_write

    def handle_no_permission(self) -> HttpResponse:
        self.raise_exception = self.request.user.is_authenticated
        return super().handle_no_permission()


@method_decorator(never_cache, name="dispatch")
class Desk(WritersOnly, ListView):
    """A writer's own articles; an editor sees everyone's."""

    template_name = "articles/desk.html"
    context_object_name = "articles"
    paginate_by = 30

    def get_queryset(self) -> QuerySet[Article]:
        comments = Count("comments", filter=Q(comments__is_visible=True))
        articles = Article.objects.for_list().annotate(voices=comments).order_by("-updated_at", "-pk")
        return articles if rules.edits_others(self.request.user) else articles.filter(author=self.request.user)

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        return super().get_context_data(**kwargs) | {"edits_others": rules.edits_others(self.request.user)}


class Write(WritersOnly, CreateView):
    template_name = "articles/write.html"
    form_class = ArticleForm
    extra_context = {"heading": "Write an article"}

    def form_valid(self, form: ArticleForm) -> HttpResponse:
        form.instance.author = self.request.user
        return super().form_valid(form)


class Edit(WritersOnly, UpdateView):
    template_name = "articles/write.html"
    form_class = ArticleForm
    extra_context = {"heading": "Edit"}

    @transaction.atomic
    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        # Locked from reading to saving: what the form does not hold is saved as it is, not as it was.
        return super().dispatch(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Article]:
        articles = rules.readable(self.request.user, Article.objects.select_related("section", "author"))
        return articles if self.request.method == "GET" else articles.select_for_update(of=["self"])

    def test_func(self) -> bool:
        return super().test_func() and rules.may_edit(self.request.user, self.get_object())


class Delete(WritersOnly, DeleteView):
    template_name = "articles/delete.html"
    success_url = reverse_lazy("articles:desk")

    def get_queryset(self) -> QuerySet[Article]:
        return rules.readable(self.request.user, Article.objects.select_related("author"))

    def test_func(self) -> bool:
        return super().test_func() and rules.may_delete(self.request.user, self.get_object())
