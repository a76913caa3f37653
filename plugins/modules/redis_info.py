#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_info
short_description: Observe the Redis of a host, and what an application's user may do there
version_added: 0.2.0
description:
  - Asks the running server as the user that administers it, whose password root alone can read on the host; it is never returned.
  - What a user may do is asked with C(ACL DRYRUN), which runs nothing.
  - With O(effects=canary) it also stores one value as the application, reads it back, and sees it expire within a second.
options:
  scope:
    description: V(host) looks at what a provisioning has to respect, V(cache) at the running server and its users.
    type: str
    choices: [host, cache]
    default: cache
  directory:
    description: Where the files of role redis lie.
    type: path
    default: /etc/prodready/redis
  socket:
    description: The socket on which the server answers.
    type: path
    default: /run/redis/redis-server.sock
  unit:
    description: The unit that runs the server.
    type: str
    default: redis-server.service
  files:
    description: Further files to look for.
    type: list
    elements: path
    default: []
  users:
    description: The applications' users to look at.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      keys:
        description: Patterns of its keys.
        type: list
        elements: str
        default: []
      environment_file:
        description: The file whose C(CACHE_URL) the application uses.
        type: path
        required: true
  certificate_file:
    description: The certificate that the encrypted port shall serve; empty compares it with none.
    type: path
    default: ""
  effects:
    description: What the probe may do to the server.
    type: str
    choices: [none, canary, disruptive]
    default: none
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
author:
  - prodready maintainers (@prodready)
"""

EXAMPLES = r"""
- name: Look at the cache of the newsroom
  prodready.django.redis_info:
    users: [{name: newsroom, environment_file: /etc/prodready/newsroom/env}]
  register: cache
"""

RETURN = r"""
observations:
  description:
    - Every observation by name, with its RV(ignore:value) or its RV(ignore:error), and its RV(ignore:seconds).
    - With O(scope=host) these are V(package), V(theirs), V(adopted), V(data), V(listeners), V(overcommit) and V(files), otherwise V(service) and V(info).
  returned: always
  type: dict
  sample:
    service:
      value: {ActiveState: active, UnitFileState: enabled}
      seconds: 0.02
users:
  description: For each user its observations V(user), V(tls) and, where it is permitted, V(round_trip), in the same form.
  returned: when O(scope=cache)
  type: dict
observed_from:
  description: Where the observations were made.
  returned: always
  type: str
  sample: host
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils._observe import Observer
from ansible_collections.prodready.django.plugins.module_utils._redis_server import Server


def look_at_user(server, user, effects, certificate_file):
    observer = Observer()
    keys = ["~" + key for key in user["keys"]]
    observer.observe("service", server.service)
    observer.observe("info", server.info)
    observer.observe("user", server.user, user["name"], keys)
    observer.observe("tls", server.tls, certificate_file)
    if effects != "none":
        observer.observe("round_trip", server.round_trip, user["name"], keys, user["environment_file"])
    return observer.result()


def main():
    module = AnsibleModule(
        argument_spec={
            "scope": {"type": "str", "choices": ["host", "cache"], "default": "cache"},
            "directory": {"type": "path", "default": "/etc/prodready/redis"},
            "socket": {"type": "path", "default": "/run/redis/redis-server.sock"},
            "unit": {"type": "str", "default": "redis-server.service"},
            "files": {"type": "list", "elements": "path", "default": []},
            "users": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
                    "environment_file": {"type": "path", "required": True},
                },
            },
            "certificate_file": {"type": "path", "default": ""},
            "effects": {"type": "str", "choices": ["none", "canary", "disruptive"], "default": "none"},
        },
        supports_check_mode=True,
    )
    module.run_command_environ_update = {"LC_ALL": "C", "SYSTEMD_COLORS": "0"}
    server, observer = Server(module.run_command, module.params), Observer()
    if module.params["scope"] == "host":
        for name in ("package", "theirs", "adopted", "data", "listeners", "overcommit"):
            observer.observe(name, getattr(server, name))
        observer.observe("files", server.files, module.params["files"])
        module.exit_json(**observer.result())
    observer.observe("service", server.service)
    observer.observe("info", server.info)
    asked = (module.params["effects"], module.params["certificate_file"])
    users = {user["name"]: look_at_user(server, user, *asked) for user in module.params["users"]}
    module.exit_json(users=users, **observer.result())


if __name__ == "__main__":
    main()
