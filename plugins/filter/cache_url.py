# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter that writes a cache's URL."""

from __future__ import annotations

from ansible_collections.prodready.django.plugins.module_utils._environment_file import cache_url


class FilterModule:
    """Filters of the collection."""

    def filters(self):
        return {"cache_url": cache_url}
