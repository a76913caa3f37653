from __future__ import annotations

from django.contrib.auth.models import Group
from django.db.models.signals import post_save
from django.dispatch import receiver

from accounts.models import READERS, User


@receiver(post_save, sender=User)
def everybody_is_a_reader(instance: User, created: bool, raw: bool, **kwargs: object) -> None:
    """New accounts may comment; taking one out of the group ends that, and it stays ended."""
    if created and not raw:
        instance.groups.add(*Group.objects.filter(name=READERS))
