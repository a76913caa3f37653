# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter that writes a database's URL."""

from __future__ import annotations

from ansible_collections.prodready.django.plugins.module_utils._environment_file import database_url


class FilterModule:
    """Filters of the collection."""

    def filters(self):
        return {"database_url": database_url}
