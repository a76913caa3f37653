"""Create the group whose members may write."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

GROUP = "Journalists"
PERMISSIONS = ["add_article", "change_article", "view_article"]


def create_group(apps, schema_editor):
    # Django makes permissions after all migrations have run; this group needs its own now.
    app_config = apps.get_app_config("articles")
    app_config.models_module = True
    create_permissions(app_config, apps=apps, using=schema_editor.connection.alias, verbosity=0)
    app_config.models_module = None

    group, _created = apps.get_model("auth", "Group").objects.get_or_create(name=GROUP)
    Permission = apps.get_model("auth", "Permission")
    group.permissions.add(*Permission.objects.filter(content_type__app_label="articles", codename__in=PERMISSIONS))


def delete_group(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name=GROUP).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("articles", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(create_group, delete_group)]
