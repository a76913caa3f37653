#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: django_source
short_description: Judge the options of a Django app and identify its source
version_added: 0.1.0
description:
  - Runs on the controller alone and touches nothing.
  - Refuses options that would not be safe or would not work, with one sentence for each, and no secret in any of them.
  - Says what identifies the source, a digest of its files, or the commit a git ref stands for.
extends_documentation_fragment:
  - prodready.django.source
options:
  name:
    description: The app's name.
    type: str
    required: true
  secrets:
    description: The app's secrets, as the option C(django_app_secrets) of the role describes them.
    type: dict
    default: {}
  domains:
    description: The names the site is served under.
    type: list
    elements: str
    default: []
  environment:
    description: Further variables of the app which are no secret.
    type: dict
    default: {}
  uv_environment:
    description: Variables for uv which are no secret. Credentials in them are refused.
    type: dict
    default: {}
  settings_module:
    description: The settings module.
    type: str
    required: true
  cache:
    description: Where the app's cache is, as the option C(django_app_cache) of the role describes it.
    type: dict
    default: {}
  inspect:
    description:
      - Whether the files of a git repository are looked at as well, for which they have to be fetched.
      - Those of a tree or an archive always are.
    type: bool
    default: false
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
author:
  - prodready maintainers (@prodready)
"""

EXAMPLES = r"""
- name: Judge the options of the newsroom
  prodready.django.django_source:
    name: newsroom
    settings_module: newsroom.settings
    domains: [newsroom.example.org]
    secrets: "{{ prodready_secrets.newsroom }}"
    source:
      type: git
      repository: https://git.example.org/newsroom.git
      version: v1.4.0
"""

RETURN = r"""
id:
  description: What identifies the source, a digest of its files or a commit.
  type: str
  returned: success
commit:
  description: The commit, empty for a tree or an archive.
  type: str
  returned: success
by:
  description: The user on the controller.
  type: str
  returned: success
version:
  description: What was asked for.
  type: str
  returned: success
"""
