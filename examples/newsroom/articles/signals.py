from __future__ import annotations

from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from articles import discussed
from articles.models import Article, Comment


@receiver([post_save, post_delete], sender=Article)
@receiver([post_save, post_delete], sender=Comment)
def forget_most_discussed(**kwargs: object) -> None:
    transaction.on_commit(discussed.forget)


@receiver(post_delete, sender=Article)
def delete_cover_file(instance: Article, **kwargs: object) -> None:
    if instance.cover:
        name, storage = instance.cover.name, instance.cover.storage
        transaction.on_commit(lambda: storage.delete(name))
