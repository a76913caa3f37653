from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchHeadline, SearchQuery, SearchRank, SearchVector, SearchVectorField
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from articles import rules
from articles.covers import CoverImageField, cover_path, srcset
from articles.slugs import MAX_LENGTH, make_free_slug

SEARCH_CONFIG = "english"
# Marks around found words, which no text holds: private-use characters that templates turn into <mark>.
MARK_START, MARK_STOP = "\ue000", "\ue001"


class Section(models.Model):
    name = models.CharField(max_length=40, unique=True)
    slug = models.SlugField(max_length=40, unique=True)
    description = models.CharField(max_length=200, blank=True)
    position = models.PositiveSmallIntegerField(default=0, help_text="Order in the navigation.")

    class Meta:
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("articles:section", args=[self.slug])


class Tag(models.Model):
    name = models.CharField(max_length=40, unique=True)
    slug = models.SlugField(max_length=40, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("articles:tag", args=[self.slug])


class ArticleQuerySet(models.QuerySet):
    def published(self) -> ArticleQuerySet:
        """What the public may read now."""
        return self.filter(status=Article.Status.PUBLISHED, published_at__lte=timezone.now())

    def due(self) -> ArticleQuerySet:
        """What was scheduled, and whose time has come."""
        return self.filter(status=Article.Status.SCHEDULED, published_at__lte=timezone.now())

    def for_list(self) -> ArticleQuerySet:
        """All that a list shows, in one query, without the weight of bodies."""
        return self.select_related("section", "author").defer("body", "search_vector")

    def search(self, words: str, *, headlines: bool = True) -> ArticleQuerySet:
        """Ranked matches, each with a `headline` of the passage that matched. Any text is a valid search."""
        query = SearchQuery(words.replace("\x00", ""), config=SEARCH_CONFIG, search_type="websearch")
        found = self.filter(search_vector=query).annotate(rank=SearchRank(F("search_vector"), query)).order_by("-rank", "-published_at", "-pk")
        if not headlines:
            return found
        return found.annotate(
            headline=SearchHeadline(
                "body",
                query,
                config=SEARCH_CONFIG,
                start_sel=MARK_START,
                stop_sel=MARK_STOP,
                max_words=36,
                min_words=18,
                max_fragments=2,
                fragment_delimiter=" … ",
            )
        )


class Article(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        SCHEDULED = "scheduled", "Scheduled"
        PUBLISHED = "published", "Published"

    title = models.CharField(max_length=140)
    slug = models.SlugField(max_length=MAX_LENGTH, unique=True, blank=True, help_text="Made from the title when left empty.")
    standfirst = models.CharField(max_length=300, help_text="One or two sentences that say why this matters.")
    body = models.TextField(
        validators=[MaxLengthValidator(60_000)],
        help_text="An empty line starts a paragraph. “## ” starts a heading, “> ” a quotation.",
    )
    section = models.ForeignKey(Section, on_delete=models.PROTECT, related_name="articles")
    tags = models.ManyToManyField(Tag, blank=True, related_name="articles")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="articles")
    cover = CoverImageField(upload_to=cover_path, blank=True, width_field="cover_width", height_field="cover_height")
    cover_width = models.PositiveIntegerField(null=True, blank=True, editable=False)
    cover_height = models.PositiveIntegerField(null=True, blank=True, editable=False)
    cover_widths = ArrayField(models.PositiveSmallIntegerField(), null=True, blank=True, editable=False)
    cover_alt = models.CharField("cover description", max_length=160, blank=True, help_text="For readers who cannot see it.")
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    published_at = models.DateTimeField(null=True, blank=True, help_text="A time in the future schedules it. Empty means now.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    search_vector = models.GeneratedField(
        expression=SearchVector("title", weight="A", config=SEARCH_CONFIG)
        + SearchVector("standfirst", weight="B", config=SEARCH_CONFIG)
        + SearchVector("body", weight="C", config=SEARCH_CONFIG),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = ArticleQuerySet.as_manager()

    class Meta:
        ordering = ["-published_at", "-pk"]
        indexes = [
            models.Index(fields=["-published_at", "-id"], name="article_front_page", condition=Q(status="published")),
            models.Index(fields=["section", "-published_at", "-id"], name="article_section_page", condition=Q(status="published")),
            models.Index(fields=["author", "-updated_at"], name="article_desk"),
            models.Index(fields=["published_at"], name="article_due", condition=Q(status="scheduled")),
            GinIndex(fields=["search_vector"], name="article_search"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(status="published") | Q(published_at__isnull=False),
                name="article_published_has_a_time",
                violation_error_message="A published article needs a publishing time.",
            ),
            models.CheckConstraint(
                condition=~Q(status="scheduled") | Q(published_at__isnull=False),
                name="article_scheduled_has_a_time",
                violation_error_message="A scheduled article needs a publishing time.",
            ),
        ]
        permissions = [("edit_others", "Can change and delete what others wrote")]

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        self._date_publication()

    def _date_publication(self) -> None:
        """A time to come makes it scheduled, a time past or none published; `publish_scheduled` saves it when the time has come."""
        if self.status == self.Status.DRAFT:
            return
        now = timezone.now()
        self.published_at = self.published_at or now
        self.status = self.Status.SCHEDULED if self.published_at > now else self.Status.PUBLISHED

    def save(self, *args: object, **kwargs: object) -> None:
        self._date_publication()
        if self.slug:
            super().save(*args, **kwargs)
            return
        for _attempt in range(5):
            self.slug = make_free_slug(self.title, lambda slug: Article.objects.filter(slug=slug).exists())
            try:
                with transaction.atomic():
                    super().save(*args, **kwargs)
            except IntegrityError as error:
                # Another writer took the slug between our look and our save: look again.
                if "slug" not in str(error):
                    raise
                self.slug = ""
            else:
                return
        raise IntegrityError(f"no free slug for {self.title!r} after five attempts")

    def get_absolute_url(self) -> str:
        return reverse("articles:article", args=[self.slug])

    def get_thread_url(self, place: int) -> str:
        """The page that shows the comment at this place, counted from 1."""
        page = (max(place, 1) - 1) // Comment.PER_PAGE + 1
        return self.get_absolute_url() + (f"?page={page}" if page > 1 else "")

    @property
    def is_public(self) -> bool:
        return self.status == self.Status.PUBLISHED and self.published_at is not None and self.published_at <= timezone.now()

    @property
    def minutes(self) -> int:
        """How long it takes to read, at 220 words a minute."""
        return max(1, round(len(self.body.split()) / 220))

    @property
    def cover_srcset(self) -> str:
        return srcset(self)

    def may_be_edited_by(self, user: object) -> bool:
        return rules.may_edit(user, self)


class CommentQuerySet(models.QuerySet):
    def visible(self) -> CommentQuerySet:
        return self.filter(is_visible=True)

    def with_article(self) -> CommentQuerySet:
        """With the article and the writer of each, without the weight of bodies."""
        return self.select_related("article", "author").defer("article__body", "article__search_vector")


class Comment(models.Model):
    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="comments")
    body = models.TextField(validators=[MaxLengthValidator(2_000)])
    is_visible = models.BooleanField("visible", default=True, help_text="Untick to take it off the page.")
    created_at = models.DateTimeField(auto_now_add=True)

    PER_PAGE = 25

    objects = CommentQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "pk"]
        indexes = [
            models.Index(fields=["article", "created_at"], name="comment_thread", condition=Q(is_visible=True)),
            models.Index(fields=["-created_at"], name="comment_newest"),
        ]
        permissions = [("moderate", "Can take comments off the page and put them back")]

    def __str__(self) -> str:
        return f"{self.author} on {self.article}"

    def get_absolute_url(self) -> str:
        return f"{self.article.get_thread_url(self.count_before() + 1)}#comment-{self.pk}"

    def count_before(self) -> int:
        """How many stand before it on the article's pages."""
        earlier = Q(created_at__lt=self.created_at) | Q(created_at=self.created_at, pk__lt=self.pk)
        return self.article.comments.visible().filter(earlier).count()
