from __future__ import annotations

from django.db import transaction
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver

from accounts.models import User
from articles import kept, letters
from articles.covers import delete_files
from articles.models import Article, Comment, Section, Tag


@receiver([post_save, post_delete], sender=Article)
@receiver([post_save, post_delete], sender=Comment)
@receiver([post_save, post_delete], sender=Section)
@receiver([post_save, post_delete], sender=Tag)
@receiver(m2m_changed, sender=Article.tags.through)
def forget_kept_pages(**kwargs: object) -> None:
    transaction.on_commit(kept.forget)


@receiver([post_save, post_delete], sender=User)
def forget_bylines(update_fields: frozenset[str] | None = None, **kwargs: object) -> None:
    if update_fields != {"last_login"}:  # every log-in saves that, and no page shows it
        transaction.on_commit(kept.forget)


@receiver(post_save, sender=Comment)
def tell_the_author(instance: Comment, created: bool, raw: bool, **kwargs: object) -> None:
    if created and not raw:
        letters.somebody_commented(instance)


@receiver(post_delete, sender=Article)
def delete_cover_file(instance: Article, **kwargs: object) -> None:
    if instance.cover:
        name, storage = instance.cover.name, instance.cover.storage
        transaction.on_commit(lambda: delete_files(storage, name))
