#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Observe the nginx of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_info
short_description: Observe the nginx of a host
version_added: 0.1.0
author:
  - prodready maintainers (@prodready)
description:
  - Looks at the nginx binary, its configuration as C(nginx -T) reads it, its running processes, all listening TCP sockets and all
    bound UDP sockets.
  - It has no opinion and changes nothing. What cannot be found out becomes the error of that one observation.
  - It needs root to read private keys and other users' processes.
options:
  binary:
    description:
      - Name or path of the nginx binary.
    type: str
    default: nginx
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the target.
    support: full
    details:
      - It never changes anything.
"""

EXAMPLES = r"""
- name: Look at nginx
  prodready.django.nginx_info:
  become: true
  register: nginx_observed
"""

RETURN = r"""
observations:
  description:
    - What was observed, by name. Each entry has either RV(ignore:value) or RV(ignore:error), and its seconds.
    - The names are V(installed), V(candidate), V(version), V(ipv6), V(listeners), V(udp_listeners), V(config_test), V(files),
      V(config), V(tree), V(processes) and V(loaded).
  returned: always
  type: dict
  sample:
    loaded:
      seconds: 0.001
      value: {newest_change: 1763894312.1, newest_file: /etc/nginx/nginx.conf, oldest_worker: 1763894313.4, seconds_behind: -1.3}
observed_from:
  description: From where it was observed.
  returned: always
  type: str
  sample: host
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.prodready.django.plugins.module_utils import _nginx, _nginx_daemon
from ansible_collections.prodready.django.plugins.module_utils._observe import Observer


def look(run_command, binary):
    """All observations, the cheap ones first."""
    daemon = _nginx_daemon.Daemon(run_command, binary)
    observer = Observer()
    observer.observe("installed", daemon.installed)
    observer.observe("ipv6", _nginx_daemon.has_ipv6)
    observer.observe("candidate", daemon.candidate)
    observer.observe("listeners", _nginx_daemon.tcp_listeners)
    observer.observe("udp_listeners", _nginx_daemon.udp_listeners)
    observer.observe("version", daemon.version)
    observer.observe("config_test", daemon.config_test)
    files = observer.observe("files", daemon.files)
    observer.observe("config", lambda: _nginx.facts(daemon.tree()))
    observer.observe("tree", lambda: _nginx.outline(daemon.tree()))
    processes = observer.observe("processes", daemon.processes)
    observer.observe("loaded", daemon.loaded, processes, files)
    return observer.result()


def main():
    module = AnsibleModule(
        argument_spec={"binary": {"type": "str", "default": "nginx"}},
        supports_check_mode=True,
    )
    binary = module.get_bin_path(module.params["binary"], opt_dirs=["/usr/sbin", "/usr/local/sbin"])
    module.exit_json(**look(module.run_command, binary))


if __name__ == "__main__":
    main()
