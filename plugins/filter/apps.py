# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters that map the user's few values to role options."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError
from ansible_collections.prodready.django.plugins.plugin_utils import _app_options, _apps, _init
from ansible_collections.prodready.django.plugins.plugin_utils._plain import to_plain
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import ChecklistError


def _guarded(function):
    """A mistake of the user's is a sentence, not a traceback."""

    def call(value, *args):
        try:
            return function(to_plain(value), *(to_plain(arg) for arg in args))
        except ChecklistError as error:
            raise AnsibleFilterError(str(error)) from error

    return call


def _init_answers(answers):
    """Either the inventory's values or, under `mistake`, the sentence to refuse them with."""
    try:
        return {**_init.init_answers(to_plain(answers)), "mistake": ""}
    except ChecklistError as error:
        return {"mistake": str(error)}


class FilterModule:
    """Filters of the collection."""

    def filters(self):
        return {
            "resolve_apps": _guarded(_apps.resolve_apps),
            "app_workers": _guarded(_app_options.count_workers),
            "app_memory_problem": _guarded(_app_options.memory_problem),
            "app_certificates": _guarded(_app_options.certificates),
            "app_server_certificates": _guarded(_app_options.server_certificates),
            "app_sites": _guarded(_app_options.sites),
            "app_database": _guarded(_app_options.app_database),
            "app_databases": _guarded(_app_options.databases),
            "app_databases_with_passwords": _guarded(_app_options.databases_with_passwords),
            "app_pools": _guarded(_app_options.pools),
            "app_server_connections": _guarded(_app_options.server_connections),
            "app_redis_users": _guarded(_app_options.redis_users),
            "app_secrets": _guarded(_app_options.app_secrets),
            "init_answers": _init_answers,
        }
