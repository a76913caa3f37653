from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from outbox.models import Mail


@admin.register(Mail)
class MailAdmin(admin.ModelAdmin):
    """To look at only."""

    list_display = ["subject", "to", "created_at", "attempts", "sent_at", "given_up_at", "last_error"]
    list_filter = ["sent_at", "given_up_at"]
    search_fields = ["to", "subject"]
    exclude = ["body"]  # a link in it may open an account

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Mail | None = None) -> bool:
        return False
