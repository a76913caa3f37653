#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: readiness_report
short_description: Write the readiness report of a run and fail by its exit rule
version_added: 0.1.0
description:
  - Resolves everything the run store holds to one verdict, and writes JSON, HTML, Markdown, JUnit and a Prometheus textfile beside it.
  - Fails if and only if an item that scope and profile require is not C(pass), C(waived) or C(not_applicable).
  - Needs no connection to the host.
author:
  - prodready maintainers (@prodready)
extends_documentation_fragment:
  - prodready.django.controller
options:
  waivers:
    description: Accepted failures, each with C(check), C(owner), C(justification) and C(until), optionally C(host) and C(instance).
    type: list
    elements: dict
    default: []
  not_applicable:
    description: Declarations, each with C(item), C(owner) and C(reason).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Report
  run_once: true
  prodready.django.readiness_report:
    waivers:
      - check: nginx.http2_negotiated
        owner: Ada Example
        justification: The balancer in front speaks HTTP/1.1 until its replacement.
        until: "2027-03-31"
"""

RETURN = r"""
report:
  description: Path of the HTML report on the controller.
  returned: always
  type: str
  sample: /home/ops/reports/production/20261123T120000Z-1a2b/readiness.html
"""
