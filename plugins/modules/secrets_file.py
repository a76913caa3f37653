#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: secrets_file
short_description: Read the secrets that stand beside an inventory
version_added: 0.1.0
description:
  - Reads C(prodready_secrets) from a file that may be encrypted with ansible-vault.
  - Needs no connection to the host, and no C(--vault-password-file) where the password file exists.
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
    description: V(readable) only sees that the file can be read and fails with a sentence; V(read) hands the secrets over and belongs under C(no_log).
    type: str
    choices: [readable, read]
    required: true
"""

EXAMPLES = r"""
- name: Read the secrets
  no_log: true
  prodready.django.secrets_file:
    state: read
    path: inventories/production/secrets.yml
    password_file: inventories/production/vault-password
"""

RETURN = r"""
ansible_facts:
  description: The fact C(prodready_secrets).
  returned: when O(state=read)
  type: dict
"""
