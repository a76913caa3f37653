from django.apps import AppConfig


class OpsConfig(AppConfig):
    """What operators need of the site: health, request ids, structured logs, browser policies."""

    name = "ops"
    verbose_name = "operations"
