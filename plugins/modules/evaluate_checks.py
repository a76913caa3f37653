#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: evaluate_checks
short_description: Evaluate the checks of one owner on one subject
version_added: 0.1.0
description:
  - Compares what probes observed with the catalogue's expectations and writes one file into the run store.
  - A red check is a result, not a failed task. A probe that was unreachable, failed or skipped becomes C(error).
  - Needs no connection to the host.
author:
  - prodready maintainers (@prodready)
extends_documentation_fragment:
  - prodready.django.controller
options:
  owner:
    description: The role whose checks are evaluated.
    type: str
    required: true
  subject:
    description: The kind of subject, as the catalogue names it.
    type: str
    required: true
  instance:
    description: The name of the subject on this host.
    type: str
    required: true
  probes:
    description: Registered results of probes by the name the catalogue gives them.
    type: dict
    required: true
  params:
    description: The site's own values that expectations and judgements may name.
    type: dict
    default: {}
  facts:
    description: What the report shall know of the subject, such as C(release) and C(deployed_at).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Evaluate
  prodready.django.evaluate_checks:
    owner: nginx
    subject: site
    instance: newsroom
    probes: {nginx_site: "{{ __nginx_site }}"}
    params: {domains: ["newsroom.example.org"]}
"""

RETURN = r"""
counts:
  description: How many checks have which status.
  returned: success
  type: dict
  sample: {"pass": 12, "fail": 1}
results:
  description: One result per check.
  returned: success
  type: list
  elements: dict
"""
