#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: readiness_run
short_description: Begin a readiness run, or note what kept a host from being looked at
version_added: 0.1.0
description:
  - Makes the run's private directory on the controller and remembers what has to be proved, so that a role that silently did not run is seen.
  - Needs no connection to the host.
author:
  - prodready maintainers (@prodready)
extends_documentation_fragment:
  - prodready.django.controller
options:
  state:
    description: V(begun) starts a run for all hosts of the play; V(noted) adds a note about the present host to it.
    type: str
    choices: [begun, noted]
    default: begun
  environment_name:
    description: Names the directory of this environment's reports.
    type: str
    default: default
  reports:
    description: Directory of all reports; a relative one lies below the working directory.
    type: path
    default: reports
  profile:
    description:
      - Which windows of the checklist are due. V(auto) goes by the age of the newest deployment record.
      - Others are V(predeploy), V(h1), V(d1), V(d7), V(d30).
    type: str
    default: auto
  scope:
    description: Groups or items, by id, that the run has to prove; empty means all.
    type: list
    elements: str
    default: []
  scope_except:
    description: Groups or items, by id, that the run leaves out.
    type: list
    elements: str
    default: []
  depth:
    description: V(quick), or V(deep) for drills as well.
    type: str
    default: quick
  effects:
    description: What checks may do to the hosts. V(none), V(canary) or V(disruptive).
    type: str
    default: none
  hosts:
    description: The hosts that have to report, each with the apps of its C(prodready_apps).
    type: list
    elements: str
    default: []
  note:
    description: What is noted about the present host.
    type: str
    choices: [unreachable, provision_failed]
  message:
    description: The sentence that goes with the note; its first line is kept.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Begin
  run_once: true
  prodready.django.readiness_run:
    environment_name: production
    hosts: "{{ ansible_play_hosts_all }}"
"""

RETURN = r"""
ansible_facts:
  description: The fact C(prodready_run), the directory of the run.
  returned: when O(state=begun)
  type: dict
  sample: {"prodready_run": "/home/ops/reports/production/20261123T120000Z-1a2b"}
"""
