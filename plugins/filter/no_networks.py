# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter that says which of a list are no addresses."""

from __future__ import annotations

from ansible_collections.prodready.django.plugins.plugin_utils._networks import no_networks
from ansible_collections.prodready.django.plugins.plugin_utils._plain import to_plain


class FilterModule:
    """Filters of the collection."""

    def filters(self):
        return {"no_networks": lambda values, systemd=False: no_networks(to_plain(values), systemd)}
