# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the secrets beside an inventory, encrypted with the password file beside them or with Ansible's own vault secrets."""

from __future__ import annotations

from pathlib import Path

import yaml
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.vault import VaultLib, VaultSecret, is_encrypted
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """`state: readable` fails with a sentence; `state: read` hands over the facts and belongs under no_log."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    _SPEC = {
        "path": {"type": "path", "required": True},
        "password_file": {"type": "path", "required": True},
        "state": {"type": "str", "choices": ["readable", "read"], "required": True},
    }

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        _validation, args = self.validate_argument_spec(argument_spec=self._SPEC)
        secrets = self._read(Path(args["path"]), Path(args["password_file"]))
        if args["state"] == "readable":
            return {"changed": False}
        return {"changed": False, "ansible_facts": {"prodready_secrets": secrets}}

    def _read(self, path, password_file):
        if not path.is_file():
            raise AnsibleActionFail(
                f"The secrets file {path} does not exist. playbooks/init.yml writes one beside the inventory; "
                "another place is prodready_secrets_file, or define prodready_secrets yourself."
            )
        content = path.read_bytes()
        if is_encrypted(content):
            content = self._decrypt(content, path, password_file)
        try:
            secrets = (yaml.safe_load(content) or {}).get("prodready_secrets")
        except (yaml.YAMLError, AttributeError):
            secrets = None
        if not isinstance(secrets, dict):
            raise AnsibleActionFail(f"{path} has no mapping 'prodready_secrets'; see docs/inventory.md for its shape.")
        return secrets

    def _decrypt(self, content, path, password_file):
        if password_file.is_file():
            vault = VaultLib([("default", VaultSecret(password_file.read_bytes().strip()))])
            known = f"the password in {password_file}"
        else:
            vault = self._loader._vault
            known = f"Ansible's vault passwords (there is no {password_file})"
        try:
            return vault.decrypt(content)
        except AnsibleError as error:
            raise AnsibleActionFail(
                f"{path} cannot be decrypted with {known}. Restore that file, set prodready_vault_password_file, or pass --vault-password-file."
            ) from error
