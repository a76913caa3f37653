"""What would lock the table for as long as it takes is done without holding the lock, and so outside a transaction."""

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models
from django.utils import timezone


def schedule(apps, schema_editor):
    """A publishing time in the future used to hide a published article; now it is called scheduled."""
    articles = apps.get_model("articles", "Article").objects
    articles.filter(status="published", published_at__gt=timezone.now()).update(status="scheduled")


def unschedule(apps, schema_editor):
    apps.get_model("articles", "Article").objects.filter(status="scheduled").update(status="published")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("articles", "0003_schedule_and_derivatives"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="article",
            index=models.Index(condition=models.Q(("status", "scheduled")), fields=["published_at"], name="article_due"),
        ),
        ValidateConstraint(model_name="article", name="article_scheduled_has_a_time"),
        migrations.RunPython(schedule, unschedule),
    ]
