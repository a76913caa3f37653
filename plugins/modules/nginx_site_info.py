#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Observe a site the way its clients do."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_site_info
short_description: Observe a site the way its clients do
version_added: 0.1.0
author:
  - prodready maintainers (@prodready)
description:
  - Asks one site small questions over HTTP, HTTPS, HTTP/2 and bare TLS, from the host itself, at loopback and at the host's own addresses.
  - Certificates are verified against the host's trust store. Old TLS versions are tried with handshakes made by hand, so that a refusal
    is the server's and not the local library's.
  - It has no opinion, uploads nothing and changes nothing. It needs root to read the access log. What limits count are made-up clients.
options:
  domains:
    description:
      - Names of the site, the canonical one first.
    type: list
    elements: str
    required: true
  https_port:
    description:
      - Port on which the site speaks HTTPS.
    type: int
    default: 443
  http_port:
    description:
      - Port on which the site speaks plain HTTP.
    type: int
    default: 80
  ca_file:
    description:
      - A further certificate authority to trust beside the system's trust store.
    type: path
  home_path:
    description:
      - Path of a page that anybody may see.
    type: str
    default: /
  pages:
    description:
      - Paths of pages whose style sheets, scripts and images are looked at.
    type: list
    elements: str
    default: [/, /admin/login/]
  asset_paths:
    description:
      - Paths of static files to look at beside the linked ones.
    type: list
    elements: str
    default: []
  media_paths:
    description:
      - Paths of uploaded files that exist.
    type: list
    elements: str
    default: []
  redirect_paths:
    description:
      - Paths that the application answers with a redirect.
    type: list
    elements: str
    default: [/admin/]
  static_url:
    description:
      - Prefix of the static files.
    type: str
    default: /static/
  static_root:
    description:
      - Directory of the collected static files, on this host.
    type: path
  static_previous_root:
    description:
      - Directory of the static files of the release before. A linked file that is there and not in O(static_root) is named V(superseded).
    type: path
  media_url:
    description:
      - Prefix of the uploaded files.
    type: str
    default: /media/
  access_logs:
    description:
      - Patterns of the access logs in which tagged requests are looked up.
    type: list
    elements: str
    default: [/var/log/nginx/*access*.log]
  rate_limits:
    description:
      - Limits that the site is said to have. Each is really reached, from a made-up loopback address, with at most 300 requests, or
        twice the burst and 120 where that is more.
      - Each has C(name), C(paths), C(methods), C(rate) and C(burst).
    type: list
    elements: dict
    default: []
  admin_path:
    description:
      - Prefix of the admin; empty where there is none.
    type: str
    default: /admin/
  admin_allow:
    description:
      - Networks that may reach the admin; it is asked from an address outside them.
    type: list
    elements: str
    default: []
  maintenance_allow:
    description:
      - Networks that are served during maintenance; a stranger is played from an address outside them.
    type: list
    elements: str
    default: []
  maintenance_file:
    description:
      - The file that closes the site while it exists.
    type: path
  only:
    description:
      - Names of the observations to make; all when it is left out. C(listeners) is always made, because the others ask where it was answered.
    type: list
    elements: str
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the target.
    support: full
    details:
      - It never changes anything.
"""

EXAMPLES = r"""
- name: Look at the shop
  prodready.django.nginx_site_info:
    domains: [shop.example.org, www.shop.example.org]
  become: true
  register: shop_observed
"""

RETURN = r"""
observations:
  description:
    - What was observed, by name. Each entry has either RV(ignore:value) or RV(ignore:error), and its seconds.
    - The names are V(listeners), V(http2), V(http3), V(tls), V(certificate), V(redirects), V(names), V(strangers), V(assets),
      V(static), V(gzip), V(traversal), V(headers), V(forwarding), V(maintenance), V(admin) and V(limits).
  returned: always
  type: dict
  sample:
    http2:
      seconds: 0.01
      value: {protocol: h2, status: 200}
observed_from:
  description: From where it was observed.
  returned: always
  type: str
  sample: host
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.prodready.django.plugins.module_utils._nginx_public import PublicSite
from ansible_collections.prodready.django.plugins.module_utils._observe import Observer

NAMES = (
    "listeners",
    "http2",
    "http3",
    "tls",
    "certificate",
    "redirects",
    "names",
    "strangers",
    "assets",
    "static",
    "gzip",
    "traversal",
    "headers",
    "forwarding",
    "maintenance",
    "admin",
    "limits",
)


def look(params):
    """All observations; the listeners first, because they say at which address the others ask."""
    inet6 = ""
    if os.path.exists("/proc/net/if_inet6"):
        with open("/proc/net/if_inet6", encoding="ascii") as handle:
            inet6 = handle.read()
    site, observer = PublicSite(params, inet6), Observer()
    for name in NAMES:
        if name == NAMES[0] or params["only"] is None or name in params["only"]:
            observer.observe(name, getattr(site, name))
    return observer.result()


def main():
    module = AnsibleModule(
        argument_spec={
            "domains": {"type": "list", "elements": "str", "required": True},
            "https_port": {"type": "int", "default": 443},
            "http_port": {"type": "int", "default": 80},
            "ca_file": {"type": "path"},
            "home_path": {"type": "str", "default": "/"},
            "pages": {"type": "list", "elements": "str", "default": ["/", "/admin/login/"]},
            "asset_paths": {"type": "list", "elements": "str", "default": []},
            "media_paths": {"type": "list", "elements": "str", "default": []},
            "redirect_paths": {"type": "list", "elements": "str", "default": ["/admin/"]},
            "static_url": {"type": "str", "default": "/static/"},
            "static_root": {"type": "path"},
            "static_previous_root": {"type": "path"},
            "media_url": {"type": "str", "default": "/media/"},
            "access_logs": {"type": "list", "elements": "str", "default": ["/var/log/nginx/*access*.log"]},
            "rate_limits": {"type": "list", "elements": "dict", "default": []},
            "admin_path": {"type": "str", "default": "/admin/"},
            "admin_allow": {"type": "list", "elements": "str", "default": []},
            "maintenance_allow": {"type": "list", "elements": "str", "default": []},
            "maintenance_file": {"type": "path"},
            "only": {"type": "list", "elements": "str"},
        },
        supports_check_mode=True,
    )
    if not module.params["domains"]:
        module.fail_json(msg="domains is empty; name at least the canonical domain of the site")
    module.exit_json(**look(module.params))


if __name__ == "__main__":
    main()
