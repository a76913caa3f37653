#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observe a running PostgreSQL cluster and its databases."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_cluster_info
short_description: Observe a running PostgreSQL cluster and its databases
version_added: 0.1.0
description:
  - Asks the server itself what is in force, and looks at it as a client does that has no password.
  - Every statement is read-only or undone; no log-in by password is tried, no password and no verifier is returned.
  - The few refused beginnings of a connection leave lines in the server's log.
  - Each observation carries its own error. A server that is not there is an observation, not a failure of the module.
author: prodready maintainers (@prodready)
options:
  port:
    description: Port of the cluster.
    type: int
    default: 5432
  pooler_port:
    description: Port of a pgBouncer on this host, whose pools are asked for over the local socket of the same number.
    type: int
    default: 6432
  databases:
    description: Databases to look at, each on its own.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the database.
        type: str
        required: true
      owner:
        description: Role that owns the database.
        type: str
        default: ""
      app_role:
        description: Role of the running application; what it may do is tried and undone.
        type: str
        default: ""
      text_search_config:
        description: Text search configuration that the application declares, empty where it declares none.
        type: str
        default: ""
      text_search_language:
        description: The configuration of PostgreSQL that O(databases[].text_search_config) is a copy of, empty where it is PostgreSQL's own.
        type: str
        default: ""
      hot_queries:
        description: Queries that must not read whole tables; each is explained, never run.
        type: list
        elements: str
        default: []
  addresses:
    description: Addresses and networks from which applications connect; everybody else is a stranger.
    type: list
    elements: str
    default: [127.0.0.1/32, "::1/128"]
  ca_file:
    description: File with the certificate authority by which clients verify the server, empty where there is none.
    type: path
    default: ""
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
  provisioned:
    description:
      - Given by provisioning, which asks whom it would meet on the host and what was there before it, and not how the server is kept.
    type: dict
    suboptions:
      cluster:
        description: The cluster that is provisioned, as C(version/name).
        type: str
        required: true
      saved_rules:
        description: File in which the access rules that were there before ours are saved.
        type: path
attributes:
  check_mode:
    description: Only looks, so check mode makes no difference.
    support: full
"""

EXAMPLES = r"""
- name: Look at the cluster and one database
  prodready.django.postgresql_cluster_info:
    databases:
      - name: newsroom
        owner: newsroom_owner
        app_role: newsroom_app
  become: true
  register: cluster
"""

RETURN = r"""
observations:
  description: What was observed of the cluster, by name; each has C(value) or C(error), and C(seconds).
  returned: always
  type: dict
databases:
  description: For each database its own C(observations) and C(observed_from).
  returned: always
  type: dict
observed_from:
  description: Where the look was taken from.
  returned: always
  type: str
  sample: host
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils._postgresql_probe import observe_cluster, observe_database

DATABASE_OPTIONS = {
    "name": {"type": "str", "required": True},
    "owner": {"type": "str", "default": ""},
    "app_role": {"type": "str", "default": ""},
    "text_search_config": {"type": "str", "default": ""},
    "text_search_language": {"type": "str", "default": ""},
    "hot_queries": {"type": "list", "elements": "str", "default": []},
}
COPY_OPTIONS = {"source": {"type": "path", "required": True}, "target": {"type": "path", "required": True}}


def main():
    module = AnsibleModule(
        argument_spec={
            "port": {"type": "int", "default": 5432},
            "pooler_port": {"type": "int", "default": 6432},
            "databases": {"type": "list", "elements": "dict", "default": [], "options": DATABASE_OPTIONS},
            "addresses": {"type": "list", "elements": "str", "default": ["127.0.0.1/32", "::1/128"]},
            "ca_file": {"type": "path", "default": ""},
            "files": {"type": "list", "elements": "path", "default": []},
            "provisioned": {"type": "dict", "options": {"cluster": {"type": "str", "required": True}, "saved_rules": {"type": "path"}}},
            "copies": {"type": "list", "elements": "dict", "default": [], "options": COPY_OPTIONS},
        },
        supports_check_mode=True,
    )
    asked = module.params
    cluster, seen = observe_cluster(
        module.run_command,
        port=asked["port"],
        pooler_port=asked["pooler_port"],
        ca_file=asked["ca_file"],
        files=asked["files"],
        copies=[(pair["source"], pair["target"]) for pair in asked["copies"]],
        provisioned=asked["provisioned"],
    )
    databases = {
        entry["name"]: observe_database(module.run_command, entry, port=asked["port"], seen=seen, addresses=asked["addresses"]).result()
        for entry in asked["databases"]
    }
    module.exit_json(databases=databases, **cluster.result())


if __name__ == "__main__":
    main()
