"""Who may do what with which article and comment: asked by the pages, the API and the templates, and said nowhere else.

A reader comments. A journalist (author) writes, and changes and deletes her own. An editor does so with everybody's, and moderates.
Staff are editors by right. Groups carry the permissions, see the migrations; ownership is what permissions cannot say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import QuerySet

if TYPE_CHECKING:
    from articles.models import Article, Comment, CommentQuerySet


def may_write(user: object) -> bool:
    return user.is_active and (user.is_staff or user.has_perm("articles.add_article"))


def edits_others(user: object) -> bool:
    return may_write(user) and (user.is_staff or user.has_perm("articles.edit_others"))


def may_edit(user: object, article: Article) -> bool:
    """Its author while still a writer, and any editor."""
    return may_write(user) and (article.author_id == user.pk or edits_others(user))


def may_delete(user: object, article: Article) -> bool:
    return may_edit(user, article)


def readable(user: object, articles: QuerySet[Article]) -> QuerySet[Article]:
    """The published ones, plus those this user may edit."""
    if not may_write(user):
        return articles.published()
    if edits_others(user):
        return articles
    return articles.published() | articles.filter(author=user)


def may_comment(user: object, article: Article) -> bool:
    return article.is_public and user.is_active and (user.is_staff or user.has_perm("articles.add_comment"))


def may_change_comment(user: object, comment: Comment) -> bool:
    """Nobody puts words into another's mouth, not even an editor."""
    return comment.author_id == user.pk and comment.is_visible and may_comment(user, comment.article)


def may_delete_comment(user: object, comment: Comment) -> bool:
    return user.is_active and (comment.author_id == user.pk or moderates(user))


def moderates(user: object) -> bool:
    return user.is_active and (user.is_staff or user.has_perm("articles.moderate"))


def visible(user: object, comments: CommentQuerySet) -> CommentQuerySet:
    return comments if moderates(user) else comments.visible()
