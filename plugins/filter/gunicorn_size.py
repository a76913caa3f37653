# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter that works out how large an application server is."""

from __future__ import annotations

from ansible_collections.prodready.django.plugins.plugin_utils._gunicorn_size import size
from ansible_collections.prodready.django.plugins.plugin_utils._plain import to_plain


class FilterModule:
    """Filters of the collection."""

    def filters(self):
        return {"gunicorn_size": lambda options, cores, memory_mb: size(to_plain(options), {"processor_nproc": cores, "memtotal_mb": memory_mb})}
