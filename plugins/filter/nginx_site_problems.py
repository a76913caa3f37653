# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter that says what sites ask of nginx and cannot have."""

from __future__ import annotations

from ansible_collections.prodready.django.plugins.plugin_utils._nginx_sites import site_problems
from ansible_collections.prodready.django.plugins.plugin_utils._plain import to_plain


class FilterModule:
    """Filters of the collection."""

    def filters(self):
        return {"nginx_site_problems": lambda sites: site_problems(to_plain(sites))}
