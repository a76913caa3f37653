#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put pgbouncer's configuration in place, after pgbouncer itself has read it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbouncer_config
short_description: Put pgbouncer's configuration in place, after pgbouncer itself has read it
version_added: 0.2.0
description:
  - Starts pgbouncer with a copy of the new configuration and nothing to listen on. It reads the file, sets up TLS and ends; what it complains
    of on the way changes nothing. pgbouncer has no switch for this.
  - A configuration that neither this collection nor the package wrote is replaced only with O(adopt). It is kept as C(FILE.before-prodready),
    and its databases and users stay, in O(kept_file).
  - It does not reload pgbouncer. M(prodready.django.pgbouncer_info) says whether that is due.
author: prodready maintainers (@prodready)
options:
  content:
    description: The whole configuration, without passwords.
    type: str
    required: true
  path:
    description: Where it lies.
    type: path
    default: /etc/pgbouncer/pgbouncer.ini
  kept_file:
    description: Where databases and users of somebody else are kept; the configuration includes it.
    type: path
    default: /etc/pgbouncer/prodready-kept.ini
  pools:
    description: Pools of the new configuration; what was here, or was kept, under the same name is replaced.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the database.
        type: str
        required: true
      user:
        description: Role of the running application.
        type: str
        required: true
  adopt:
    description: Whether somebody else's configuration may be replaced.
    type: bool
    default: false
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the target.
    support: full
    details:
      - The new configuration is tested in check mode too, as soon as the files that it names are there.
  diff_mode:
    description: Will return details on what has changed, or would change, when in diff mode.
    support: full
    details:
      - Somebody else's file is not shown, because it may hold passwords.
"""

EXAMPLES = r"""
- name: Write the configuration
  prodready.django.pgbouncer_config:
    content: "{{ lookup('ansible.builtin.template', 'pgbouncer.ini.j2') }}"
  become: true
"""

RETURN = r"""
kept:
  description: Names of the databases that were here before and are kept, when a file was replaced.
  returned: success
  type: list
  elements: str
  sample: []
"""

import os
import pwd
import shutil
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.prodready.django.plugins.module_utils import _files
from ansible_collections.prodready.django.plugins.module_utils import _pgbouncer as bouncer
from ansible_collections.prodready.django.plugins.module_utils import _pgbouncer_probe as probe
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError

NAMED_FILES = ("auth_file", "client_tls_cert_file", "client_tls_key_file", "server_tls_ca_file")


def test(module, content, kept_file, kept):
    """What pgbouncer complains of in the new configuration, read as the user it runs as."""
    stage = tempfile.mkdtemp(prefix="prodready-pgbouncer-")
    try:
        staged_kept = os.path.join(stage, "kept.ini")
        files = {staged_kept: kept, os.path.join(stage, "pgbouncer.ini"): bouncer.staged(content.replace(kept_file, staged_kept))}
        account = pwd.getpwnam(probe.SYSTEM_USER)
        for path, text in files.items():
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
        for path in [*files, stage]:
            os.chown(path, account.pw_uid, account.pw_gid)
        argv = probe.as_postgres(["timeout", "10", probe.PROGRAM, os.path.join(stage, "pgbouncer.ini")])
        _rc, out, err = module.run_command(argv, cwd="/")
        return [problem.replace(os.path.join(stage, "pgbouncer.ini"), module.params["path"]) for problem in bouncer.test_problems(out + err)]
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def read(path):
    return Path(path).read_text(encoding="utf-8", errors="replace") if os.path.isfile(path) else ""


def main():
    pools = {"name": {"type": "str", "required": True}, "user": {"type": "str", "required": True}}
    module = AnsibleModule(
        argument_spec={
            "content": {"type": "str", "required": True},
            "path": {"type": "path", "default": "/etc/pgbouncer/pgbouncer.ini"},
            "kept_file": {"type": "path", "default": "/etc/pgbouncer/prodready-kept.ini"},
            "pools": {"type": "list", "elements": "dict", "default": [], "options": pools},
            "adopt": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    asked = module.params
    path, kept_file, content = asked["path"], asked["kept_file"], asked["content"].rstrip("\n") + "\n"
    before, kept_before = read(path), read(kept_file)
    owner = probe.owner_of(module.run_command, path)
    if owner == "stranger" and not asked["adopt"]:
        module.fail_json(msg="found {0}, which this collection did not write. Set adopt to replace it and keep its databases and users.".format(path))
    foreign = bouncer.foreign_part(probe.read_config(path), asked["pools"]) if owner == "stranger" else {}
    # An app that came later takes the name over from a database that is kept: what is included last would win.
    kept = bouncer.without(kept_before, asked["pools"]) if kept_before and not foreign else bouncer.render_kept(foreign)

    missing = [name for name in bouncer.named_files(content, NAMED_FILES) if not os.path.exists(name)]
    if module.check_mode and missing:
        module.warn("check mode cannot foresee whether pgbouncer accepts the configuration before {0} is there".format(", ".join(missing)))
    else:
        try:
            problems = test(module, content, kept_file, kept)
        except (ObservationError, KeyError) as error:
            module.fail_json(msg=str(error))
        if problems:
            module.fail_json(msg="pgbouncer refuses the new configuration, and the live one was left as it is: {0}".format("; ".join(problems)))

    if owner == "stranger" and not module.check_mode:
        _files.replace(path + ".before-prodready", Path(path).read_bytes(), 0, 0, 0o600)  # it may hold passwords
    changed = probe.write(module, kept_file, kept, kept != kept_before)
    changed = probe.write(module, path, content, content != before) or changed
    shown = "# somebody else's file, not shown because it may hold passwords\n" if owner == "stranger" else before
    module.exit_json(
        changed=changed,
        kept=sorted(foreign.get("databases", {})),
        diff={"before_header": path, "after_header": path, "before": shown, "after": content},
    )


if __name__ == "__main__":
    main()
