#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Look at a Debian host's resources, clock, packages and units
version_added: 0.1.0
description:
  - Observes cores, memory, volumes, clock, distribution, package lists, waiting upgrades, outdated processes and failed units.
  - It has no opinion and changes nothing.
author: prodready maintainers (@prodready)
attributes:
  check_mode:
    support: full
    description: The module changes nothing, so check mode makes no difference.
"""

EXAMPLES = r"""
- name: Look at the host
  prodready.django.host_info:
  become: true
  register: host
"""

RETURN = r"""
observations:
  description:
    - Every observation by name, with its RV(ignore:value) or its RV(ignore:error), and its RV(ignore:seconds).
    - They are V(distribution), V(resources), V(volumes), V(clock), V(lists_age), V(packages), V(running) and V(failed_units).
  returned: always
  type: dict
  sample:
    resources:
      value: {cores: 2, memory_bytes: 4105113600, memory_available_bytes: 3512020992}
      seconds: 0.0004
observed_from:
  description: Where the observations were made.
  returned: always
  type: str
  sample: host
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils import _host
from ansible_collections.prodready.django.plugins.module_utils._observe import Observer
from ansible_collections.prodready.django.plugins.module_utils._proc import read_text


def main():
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    module.run_command_environ_update = {"LC_ALL": "C"}
    observer = Observer()
    observer.observe("distribution", lambda: _host.parse_os_release(read_text("/etc/os-release")))
    for name in ("resources", "volumes", "lists_age"):
        observer.observe(name, getattr(_host, name))
    for name in ("clock", "packages", "running", "failed_units"):
        observer.observe(name, getattr(_host, name), module.run_command)
    module.exit_json(**observer.result())


if __name__ == "__main__":
    main()
