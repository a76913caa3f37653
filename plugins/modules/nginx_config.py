#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put a whole nginx configuration in place, after nginx itself has tested it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_config
short_description: Put a whole nginx configuration in place, after nginx itself has tested it
version_added: 0.1.0
author:
  - prodready maintainers (@prodready)
description:
  - Builds the complete new configuration beside the live one, lets C(nginx -t) test it there, and only then changes the live files.
    What does not pass changes nothing. After the change the live configuration is tested once more, and put back if that fails.
  - A file that is replaced, and was neither written by this collection nor left as its package delivered it, is kept as C(FILE.before-prodready).
  - It does not reload nginx. M(prodready.django.nginx_info) says whether that is due.
options:
  files:
    description:
      - The content of each file, by its path below O(directory).
    type: dict
    required: true
  directory:
    description:
      - Where the configuration lies.
    type: path
    default: /etc/nginx
  owned:
    description:
      - A directory below O(directory) in which every file that O(files) does not name is removed.
    type: str
    default: prodready
  unwanted:
    description:
      - Files of the distribution's package that are removed. One that was edited since stays.
    type: list
    elements: str
    default: [sites-enabled/default]
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the target.
    support: full
    details:
      - The new configuration is tested in check mode too. A certificate that does not exist yet is a warning then, not a failure.
  diff_mode:
    description: Will return details on what has changed, or would change, when in diff mode.
    support: full
"""

EXAMPLES = r"""
- name: Write the configuration
  prodready.django.nginx_config:
    files:
      nginx.conf: "{{ lookup('ansible.builtin.template', 'nginx.conf.j2') }}"
      prodready/sites/shop.conf: "{{ lookup('ansible.builtin.template', 'site.conf.j2') }}"
  become: true
"""

RETURN = r"""
written:
  description: Files that were, or would be, written.
  returned: success
  type: list
  elements: str
  sample: [nginx.conf]
removed:
  description: Files that were, or would be, removed.
  returned: success
  type: list
  elements: str
  sample: [sites-enabled/default]
messages:
  description: What C(nginx -t) said beside the two sentences of success.
  returned: success
  type: list
  elements: str
  sample: []
"""

import os
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.prodready.django.plugins.module_utils import _nginx, _nginx_config, _nginx_daemon


class TestFailed(Exception):
    """nginx refuses the configuration; the messages say why."""

    def __init__(self, messages):
        super().__init__("; ".join(messages))
        self.messages = messages


def test(module, binary, directory):
    """Let nginx test the configuration of a directory, and return what it said."""
    rc, _out, err = module.run_command([binary, "-t", "-q", "-c", os.path.join(directory, "nginx.conf")])
    messages = [line.replace(directory, module.params["directory"]) for line in _nginx.test_messages(err)]
    if rc != 0:
        raise TestFailed(messages or [f"nginx -t ended with {rc}"])
    return messages


def staged(module, binary, plan):
    """Test the configuration as it will be, in a copy that nobody else reads."""
    directory = module.params["directory"]
    stage = os.path.join(tempfile.mkdtemp(dir=module.tmpdir), "nginx")
    try:
        shutil.copytree(directory, stage, symlinks=True)
        for path, text in plan.write.items():
            _nginx_config.write(os.path.join(stage, path), text)
        for path in plan.remove:
            os.unlink(os.path.join(stage, path))
        return test(module, binary, stage)
    finally:
        shutil.rmtree(os.path.dirname(stage), ignore_errors=True)


def apply(module, binary, plan, before):
    """Change the live files, test once more, and put everything back if nginx refuses."""
    directory = module.params["directory"]
    for path in plan.keep:
        _nginx_config.write(os.path.join(directory, path + ".before-prodready"), before[path])
    links = {path: os.readlink(os.path.join(directory, path)) for path in plan.remove if os.path.islink(os.path.join(directory, path))}
    for path, text in plan.write.items():
        _nginx_config.write(os.path.join(directory, path), text)
    for path in plan.remove:
        os.unlink(os.path.join(directory, path))
    if plan.remove:  # a file that is gone has no time of change; the main file's tells that a reload is due
        os.utime(os.path.join(directory, "nginx.conf"))
    try:
        return test(module, binary, directory)
    except TestFailed:
        for path in list(plan.write) + plan.remove:
            place = os.path.join(directory, path)
            if path in links:
                os.symlink(links[path], place)
            elif path in before:
                _nginx_config.write(place, before[path])
            else:
                os.unlink(place)
        raise


def main():
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "dict", "required": True},
            "directory": {"type": "path", "default": "/etc/nginx"},
            "owned": {"type": "str", "default": "prodready"},
            "unwanted": {"type": "list", "elements": "str", "default": ["sites-enabled/default"]},
        },
        supports_check_mode=True,
    )
    directory = module.params["directory"]
    binary = module.get_bin_path("nginx", required=True, opt_dirs=["/usr/sbin", "/usr/local/sbin"])
    digests = _nginx_daemon.package_digests(module.run_command)
    before = _nginx_config.read(directory, list(module.params["files"]) + module.params["unwanted"], module.params["owned"])
    untouched = [path for path in before if _nginx_config.is_untouched(directory, path, digests)]
    plan = _nginx_config.plan(
        before,
        module.params["files"],
        owned=module.params["owned"],
        unwanted=[path for path in module.params["unwanted"] if path in untouched],
        delivered=untouched,
    )
    result = {"changed": plan.changed, "written": sorted(plan.write), "removed": plan.remove, "messages": [], "diff": plan.diff(before, directory)}
    if not plan.changed:
        module.exit_json(**result)
    try:
        result["messages"] = staged(module, binary, plan)
        if not module.check_mode:
            result["messages"] = apply(module, binary, plan, before)
    except TestFailed as error:
        if module.check_mode and _nginx_config.only_missing_certificate(error.messages):
            module.warn(f"check mode cannot foresee whether nginx accepts a certificate that does not exist yet: {error}")
        else:
            module.fail_json(msg=f"nginx refuses the new configuration, and the live one was left as it is: {error}", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
