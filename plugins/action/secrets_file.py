# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read and rotate the secrets beside an inventory, encrypted with the password file beside them or with Ansible's own vault secrets."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import yaml
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.vault import VaultLib, VaultSecret, is_encrypted
from ansible.plugins.action import ActionBase
from ansible_collections.prodready.django.plugins.plugin_utils import _rotation
from ansible_collections.prodready.django.plugins.plugin_utils._plain import to_plain
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import ChecklistError


class ActionModule(ActionBase):
    """`readable`, `rotated` and `settled` say no secret; `read` hands them over and belongs under no_log."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    _SPEC = {
        "path": {"type": "path", "required": True},
        "password_file": {"type": "path", "required": True},
        "state": {"type": "str", "choices": ["readable", "read", "rotated", "settled"], "required": True},
        "rotate": {"type": "raw", "default": []},
        "apps": {"type": "list", "elements": "str", "default": []},
        "keep_fallbacks": {"type": "int", "default": 2},
        "redis_elsewhere": {"type": "list", "elements": "str", "default": []},
    }

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        _validation, args = self.validate_argument_spec(argument_spec=self._SPEC)
        path, password_file = Path(args["path"]), Path(args["password_file"])
        if args["state"] == "settled":
            return self._settle(path)
        text, _key = self._open(path, password_file)
        secrets = self._secrets(path, text)
        if args["state"] == "readable":
            return {"changed": False}
        if args["state"] == "rotated":
            try:
                return self._rotate(path, password_file, to_plain(args))
            except ChecklistError as error:
                raise AnsibleActionFail(f"{error}. Nothing was changed.") from None
        return {"changed": False, "secrets": secrets}

    # --- rotation ---

    def _rotate(self, path, password_file, args):
        """New values in the file, the old file beside it until they are in force; a rotation that was begun is gone on with."""
        names = _rotation.names_of(args["rotate"])
        backup = _backup(path)
        text, key = self._open(path, password_file)
        now = self._secrets(path, text)
        changes = _rotation.rotate(now, args["apps"] or list(now), names, args["keep_fallbacks"], args["redis_elsewhere"])
        rotated = {app: sorted(set(values) - {"secret_key_fallbacks"}) for app, values in changes.items()}
        begun = _rotation.differences(self._secrets(backup, self._open(backup, password_file)[0]), now) if backup.is_file() else {}
        if begun:  # the same twice is a run that ended between the two files: nothing was begun
            more = sorted(f"{name} of {app}" for app, found in rotated.items() for name in set(found) - set(begun.get(app, ())))
            if more:
                raise ChecklistError(
                    f"found {backup}, so a rotation of {_listed(begun)} was begun and is not finished, but {', '.join(more)} was asked for too; expected "
                    "the same again first. Run it with -e rotate= and -e rotate_app= as before, then once more for the rest"
                )
            return {"changed": False, "resumed": True, "backup": str(backup), "rotated": begun}
        if changes and not self._task.check_mode:
            content = _rotation.rewritten(text.decode(), changes).encode()
            if key:
                content = VaultLib([]).encrypt(content, secret=key[1], vault_id=key[0])
            _write(backup, path.read_bytes(), 0o600)
            _write(path, content, path.stat().st_mode & 0o777)
        return {"changed": bool(changes), "resumed": False, "backup": str(backup), "rotated": rotated}

    def _settle(self, path):
        backup = _backup(path)
        there = backup.is_file()
        if there and not self._task.check_mode:
            backup.unlink()
        return {"changed": there}

    # --- reading ---

    def _open(self, path, password_file):
        """The text, and the vault's name and secret it was encrypted with, if it was."""
        if not path.is_file():
            raise AnsibleActionFail(
                f"The secrets file {path} does not exist. playbooks/init.yml writes one beside the inventory; "
                "another place is prodready_secrets_file, or define prodready_secrets yourself."
            )
        content = path.read_bytes()
        return self._decrypt(content, path, password_file) if is_encrypted(content) else (content, None)

    def _secrets(self, path, content):
        try:
            found = yaml.safe_load(content)
        except (yaml.YAMLError, ValueError) as error:
            # Of the error only the place is said: its own words quote the text, as would a traceback that shows the cause.
            raise AnsibleActionFail(
                f"found {path} not readable as YAML{_place(error, content)}, expected a mapping 'prodready_secrets'. Correct the file "
                "(ansible-vault edit, where it is encrypted); a value with other marks than letters and digits wants quotes."
            ) from None
        secrets = found.get("prodready_secrets") if isinstance(found, dict) else None
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
            text, _used, secret = vault.decrypt_and_get_vault_id(content)
        except AnsibleError as error:
            raise AnsibleActionFail(
                f"{path} cannot be decrypted with {known}. Restore that file, set prodready_vault_password_file, or pass --vault-password-file."
            ) from error
        header = content.split(b"\n", 1)[0].decode().strip().split(";")
        return text, (header[3] if len(header) > 3 else None, secret)


def _listed(begun):
    return ", ".join(f"{name} of {app}" for app, names in begun.items() for name in names)


def _place(error, content):
    """Line and column, as an editor counts them; nothing where the error does not know."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        return f" at line {mark.line + 1}, column {mark.column + 1}"
    if isinstance(error, yaml.reader.ReaderError):
        characters = error.encoding == "unicode"  # else the position counts bytes
        before = content.decode("utf-8" if characters else "latin-1")[: error.position].split("\n")
        return f" at line {len(before)}, column {len(before[-1]) + 1}"
    return ""


def _backup(path):
    """Hidden, as Ansible reads every other file of an inventory directory as an inventory, and quotes it where it cannot."""
    return path.with_name(f".{path.name}.before-rotation")


def _write(path, content, mode):
    """The whole file in one step, which a power cut does not undo."""
    temporary = path.with_name(f".{path.name}.prodready-new")  # one name, so that what a killed run left does not stay
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
        os.fchmod(target.fileno(), mode)
        target.write(content)
        target.flush()
        os.fsync(target.fileno())
    os.replace(temporary, path)
