#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observe a running pgbouncer and its pools."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbouncer_info
short_description: Observe a running pgbouncer and its pools
version_added: 0.2.0
description:
  - Asks pgbouncer's own console what is in force, asks PostgreSQL who is connected, compares both with the files, and knocks at the
    pooler as a client does that has no password.
  - It changes nothing, tries no log-in by password, and returns neither password nor verifier.
  - Each observation carries its own error. A pooler that is not there is an observation, not a failure of the module.
author: prodready maintainers (@prodready)
options:
  port:
    description: TCP port of the pooler; its console is on the local socket of the same number.
    type: int
    default: 6432
  socket_directory:
    description: Directory of the pooler's local socket.
    type: path
    default: /run/postgresql
  server_host:
    description: Where the PostgreSQL server is. Its sessions are looked at only when it is on this host.
    type: str
    default: localhost
  server_port:
    description: Port of the PostgreSQL server.
    type: int
    default: 5432
  config_file:
    description: The pooler's configuration file.
    type: path
    default: /etc/pgbouncer/pgbouncer.ini
  ca_file:
    description: File with the certificate authority by which clients verify the pooler, empty where there is none.
    type: path
    default: ""
  pools:
    description: Pools to look at, each on its own.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the database, as clients ask for it and as the server knows it.
        type: str
        required: true
      user:
        description: Role of the running application.
        type: str
        required: true
  files:
    description: Further files whose presence is reported.
    type: list
    elements: path
    default: []
  copies:
    description: Pairs of files of which the second is a copy of the first; reported is whether it still is.
    type: list
    elements: dict
    default: []
    suboptions:
      source:
        description: The file that was copied.
        type: path
        required: true
      target:
        description: The copy.
        type: path
        required: true
  journal:
    description: Whether the last complaints in the pooler's log are reported, too.
    type: bool
    default: false
  settle:
    description: How many seconds to wait for the console to answer with the files in force, at most. 0 looks once.
    type: int
    default: 0
attributes:
  check_mode:
    description: Only looks, so check mode makes no difference.
    support: full
"""

EXAMPLES = r"""
- name: Look at the pooler and one pool
  prodready.django.pgbouncer_info:
    pools:
      - name: newsroom
        user: newsroom_app
  become: true
  register: pooler
"""

RETURN = r"""
observations:
  description: What was observed of the pooler, by name; each has C(value) or C(error), and C(seconds).
  returned: always
  type: dict
pools:
  description: For each pool its own C(observations) and C(observed_from).
  returned: always
  type: dict
observed_from:
  description: Where the look was taken from.
  returned: always
  type: str
  sample: host
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.prodready.django.plugins.module_utils._pgbouncer_probe import observe_pgbouncer

POOL_OPTIONS = {"name": {"type": "str", "required": True}, "user": {"type": "str", "required": True}}
COPY_OPTIONS = {"source": {"type": "path", "required": True}, "target": {"type": "path", "required": True}}


def settled(observer):
    """Whether the pooler answers and nothing differs from its files."""
    stale = observer.observations["stale"].get("value")
    return bool(stale) and not stale["differs"] and stale["certificate_is_served"] is not False


def main():
    module = AnsibleModule(
        argument_spec={
            "port": {"type": "int", "default": 6432},
            "socket_directory": {"type": "path", "default": "/run/postgresql"},
            "server_host": {"type": "str", "default": "localhost"},
            "server_port": {"type": "int", "default": 5432},
            "config_file": {"type": "path", "default": "/etc/pgbouncer/pgbouncer.ini"},
            "ca_file": {"type": "path", "default": ""},
            "pools": {"type": "list", "elements": "dict", "default": [], "options": POOL_OPTIONS},
            "files": {"type": "list", "elements": "path", "default": []},
            "copies": {"type": "list", "elements": "dict", "default": [], "options": COPY_OPTIONS},
            "journal": {"type": "bool", "default": False},
            "settle": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    end = time.monotonic() + module.params["settle"]
    observer, pools = observe_pgbouncer(module.run_command, module.params)
    while not settled(observer) and time.monotonic() < end:
        time.sleep(0.3)
        observer, pools = observe_pgbouncer(module.run_command, module.params)
    module.exit_json(pools={name: one.result() for name, one in pools.items()}, **observer.result())


if __name__ == "__main__":
    main()
