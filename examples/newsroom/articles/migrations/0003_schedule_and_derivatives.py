"""Scheduled articles, smaller covers, and permissions. Old code runs beside it: nothing is taken away, nothing is required."""

import articles.covers
import django.contrib.postgres.fields
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0002_journalists"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="article",
            options={"ordering": ["-published_at", "-pk"], "permissions": [("edit_others", "Can change and delete what others wrote")]},
        ),
        migrations.AlterModelOptions(
            name="comment",
            options={"ordering": ["created_at", "pk"], "permissions": [("moderate", "Can take comments off the page and put them back")]},
        ),
        migrations.AddField(
            model_name="article",
            name="cover_widths",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.PositiveSmallIntegerField(), blank=True, editable=False, null=True, size=None
            ),
        ),
        migrations.AlterField(
            model_name="article",
            name="cover",
            field=articles.covers.CoverImageField(
                blank=True, height_field="cover_height", upload_to=articles.covers.cover_path, width_field="cover_width"
            ),
        ),
        migrations.AlterField(
            model_name="article",
            name="status",
            field=models.CharField(
                choices=[("draft", "Draft"), ("scheduled", "Scheduled"), ("published", "Published")], default="draft", max_length=10
            ),
        ),
        AddConstraintNotValid(
            model_name="article",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("status", "scheduled"), _negated=True), ("published_at__isnull", False), _connector="OR"),
                name="article_scheduled_has_a_time",
                violation_error_message="A scheduled article needs a publishing time.",
            ),
        ),
    ]
