"""Mail about articles, to who wrote them and wants to know."""

from __future__ import annotations

from articles.models import Article, Comment
from outbox import queue


def somebody_commented(comment: Comment) -> None:
    author = comment.article.author
    if author.mail_me and author.pk != comment.author_id:
        queue(author.email, "articles/comment_email.txt", {"comment": comment, "article": comment.article, "author": author})


def published(article: Article) -> None:
    if article.author.mail_me:
        queue(article.author.email, "articles/published_email.txt", {"article": article, "author": article.author})
