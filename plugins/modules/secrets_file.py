#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: secrets_file
short_description: Read or rotate the secrets that stand beside an inventory
version_added: 0.1.0
description:
  - Reads C(prodready_secrets) from a file that may be encrypted with ansible-vault.
  - Needs no connection to the host, and no C(--vault-password-file) where the password file exists.
  - Rotates them in the file; comments stay where they are, and an encrypted file stays encrypted with the same password.
author:
  - prodready maintainers (@prodready)
extends_documentation_fragment:
  - prodready.django.controller
options:
  path:
    description: The file, plain or encrypted.
    type: path
    required: true
  password_file:
    description: Holds the vault password; where it does not exist, Ansible's own vault secrets are tried.
    type: path
    required: true
  state:
    description:
      - V(readable) only sees that the file can be read and fails with a sentence; V(read) hands the secrets over and belongs under C(no_log).
      - V(rotated) writes new values, and keeps the old file beside it as C(.NAME.before-rotation), which Ansible does not take for an inventory.
        While that is there, a rotation is not finished, and no other is begun.
      - V(settled) removes that file, once the new values are in force.
    type: str
    choices: [readable, read, rotated, settled]
    required: true
  rotate:
    description: What to rotate, as a list or in one word with commas, of V(secret_key), V(database_passwords), V(redis_password) and V(all).
    type: raw
    default: []
  apps:
    description: Names of the apps whose secrets are rotated. Empty means all in the file.
    type: list
    elements: str
    default: []
  keep_fallbacks:
    description: How many earlier secret keys stay in C(secret_key_fallbacks), the one that was in force among them.
    type: int
    default: 2
  redis_elsewhere:
    description: Apps whose Redis is on another host, where nobody here can change its password; that secret of theirs stays.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Read the secrets
  no_log: true
  prodready.django.secrets_file:
    state: read
    path: inventories/production/secrets.yml
    password_file: inventories/production/.vault-password
  register: read
"""

RETURN = r"""
rotated:
  description: The names of the secrets that have a new value, by app.
  returned: when O(state=rotated)
  type: dict
  sample: {newsroom: [secret_key]}
resumed:
  description: Whether a rotation that was begun before is gone on with, and nothing new was made.
  returned: when O(state=rotated)
  type: bool
backup:
  description: Where the old file is kept until V(settled).
  returned: when O(state=rotated)
  type: str
secrets:
  description: What the file says under C(prodready_secrets). No fact, as a fact cache would write it to disk.
  returned: when O(state=read)
  type: dict
"""
