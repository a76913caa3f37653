"""Readers comment, journalists write, editors answer for the paper; who has an account already is a reader."""

from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations

ROLES = {
    "Readers": ["add_comment"],
    "Journalists": ["add_article", "change_article", "view_article"],
    "Editors": [
        "add_article",
        "change_article",
        "delete_article",
        "view_article",
        "edit_others",
        "moderate",
        "view_comment",
        "add_tag",
        "change_tag",
        "view_tag",
        "view_section",
    ],
}


def create_roles(apps, schema_editor):
    using = schema_editor.connection.alias
    # Django makes permissions after all migrations have run; these groups need theirs now.
    app_config = apps.get_app_config("articles")
    app_config.models_module = True
    create_permissions(app_config, apps=apps, using=using, verbosity=0)
    app_config.models_module = None

    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    User = apps.get_model("accounts", "User")
    User_groups = apps.get_model("accounts", "User_groups")
    for name, codenames in ROLES.items():
        group, _created = Group.objects.using(using).get_or_create(name=name)
        group.permissions.add(*Permission.objects.using(using).filter(content_type__app_label="articles", codename__in=codenames))

    readers = Group.objects.using(using).get(name="Readers")
    people = User.objects.using(using).values_list("pk", flat=True).iterator(chunk_size=1000)
    User_groups.objects.using(using).bulk_create(
        (User_groups(user_id=pk, group_id=readers.pk) for pk in people), batch_size=1000, ignore_conflicts=True
    )


def delete_roles(apps, schema_editor):
    apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias).filter(name__in=["Readers", "Editors"]).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0004_schedule_index"),
        ("accounts", "0002_mail_me"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(create_roles, delete_roles)]
