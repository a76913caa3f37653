#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: django_release_info
short_description: Look at the releases of a Django app on a host
version_added: 0.1.0
description:
  - Names the release that a source makes with the ingredients given, and says whether it is built, current and recorded.
  - One call, nothing changed; also on a host where nothing has been set up yet.
options:
  name:
    description: The app's name.
    type: str
    required: true
  source_id:
    description: What identifies the source, a digest of its content or a commit.
    type: str
    required: true
  ingredients:
    description: Everything else that makes the release another one when it changes.
    type: dict
    default: {}
  python:
    description: The interpreter that releases are built with. Its version is one of the ingredients.
    type: str
    default: python3
  uv:
    description: The uv program that builds virtual environments.
    type: path
    default: /opt/prodready/uv/bin/uv
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
author:
  - prodready maintainers (@prodready)
"""

EXAMPLES = r"""
- name: Look at the releases of the newsroom
  prodready.django.django_release_info:
    name: newsroom
    source_id: 4f2d1c9b8a7e
  register: state
"""

RETURN = r"""
release:
  description: The identity of the release that is wanted.
  type: str
  returned: success
  sample: 4f2d1c9b8a7e-0a1b2c3d
path:
  description: Where that release stands.
  type: str
  returned: success
  sample: /srv/newsroom/releases/4f2d1c9b8a7e-0a1b2c3d
complete:
  description: Whether it has been built to its end.
  type: bool
  returned: success
has_static:
  description: Whether its static files have been collected to their end.
  type: bool
  returned: success
current:
  description: The release that is current, if any.
  type: str
  returned: success
recorded:
  description: The last line of the deployment record, if any.
  type: dict
  returned: success
releases:
  description: All releases there are, complete or not.
  type: list
  elements: str
  returned: success
python:
  description: Path and version of the interpreter, empty where it is not found.
  type: dict
  returned: success
  contains:
    path:
      description: Where the interpreter is.
      type: str
      returned: success
    version:
      description: Its version.
      type: str
      returned: success
uv_found:
  description: Whether uv can be run.
  type: bool
  returned: success
user:
  description: The account with the app's name, if there is one.
  type: dict
  returned: success
"""

import os
import pwd

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils._releases import Layout, release_id


def interpreter(module):
    """Path and version of the Python that releases are built with."""
    path = module.get_bin_path(module.params["python"]) or ""
    if not path:
        return {"path": "", "version": ""}
    rc, out, _err = module.run_command([path, "-c", "import platform; print(platform.python_version())"])
    return {"path": path, "version": out.strip() if rc == 0 else ""}


def account(name):
    """The user of that name, or nothing."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return {}
    return {"uid": found.pw_uid, "home": found.pw_dir, "shell": found.pw_shell}


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "source_id": {"type": "str", "required": True},
            "ingredients": {"type": "dict", "default": {}},
            "python": {"type": "str", "default": "python3"},
            "uv": {"type": "path", "default": "/opt/prodready/uv/bin/uv"},
        },
        supports_check_mode=True,
    )
    layout = Layout(module.params["name"])
    python = interpreter(module)
    minor = ".".join(python["version"].split(".")[:2])
    release = release_id(module.params["source_id"], dict(module.params["ingredients"], python=minor))
    entries = layout.record_entries()
    module.exit_json(
        changed=False,
        release=release,
        path=layout.release(release),
        complete=layout.is_complete(release),
        has_static=os.path.isdir(os.path.join(layout.release(release), "static")),
        current=layout.current_id(),
        recorded=entries[-1] if entries else {},
        releases=layout.names(),
        python=python,
        uv_found=os.access(module.params["uv"], os.X_OK),
        user=account(module.params["name"]),
    )


if __name__ == "__main__":
    main()
