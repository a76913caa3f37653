# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Begin a readiness run, or note what kept a host from being looked at."""

from __future__ import annotations

import getpass
import socket
from datetime import datetime, timezone
from pathlib import Path

from ansible import __version__ as ansible_version
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.prodready.django.plugins.plugin_utils._apps import plan_host
from ansible_collections.prodready.django.plugins.plugin_utils._catalogue import Catalogue, collection_version
from ansible_collections.prodready.django.plugins.plugin_utils._evaluate import Permissions
from ansible_collections.prodready.django.plugins.plugin_utils._plain import to_plain
from ansible_collections.prodready.django.plugins.plugin_utils._resolve import PROFILES, select_scope
from ansible_collections.prodready.django.plugins.plugin_utils._run_store import RunStore, new_run_id
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import ChecklistError


class ActionModule(ActionBase):
    """A thin rim: arguments in, store written, facts out."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    _SPEC = {
        "state": {"type": "str", "choices": ["begun", "noted"], "default": "begun"},
        "environment_name": {"type": "str", "default": "default"},
        "reports": {"type": "path", "default": "reports"},
        "profile": {"type": "str", "default": "auto"},
        "scope": {"type": "list", "elements": "str", "default": []},
        "scope_except": {"type": "list", "elements": "str", "default": []},
        "depth": {"type": "str", "default": "quick"},
        "effects": {"type": "str", "default": "none"},
        "hosts": {"type": "list", "elements": "str", "default": []},
        "note": {"type": "str", "choices": ["unreachable", "provision_failed"]},
        "message": {"type": "str", "default": ""},
    }

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        _validation, args = self.validate_argument_spec(argument_spec=self._SPEC)
        args = to_plain(args)
        try:
            return self._begin(args, task_vars) if args["state"] == "begun" else self._note(args, task_vars)
        except ChecklistError as error:
            raise AnsibleActionFail(str(error)) from error

    @staticmethod
    def _begin(args, task_vars):
        now = datetime.now(timezone.utc)
        Permissions(depth=args["depth"], effects=args["effects"])
        select_scope(Catalogue.load(), args["scope"], args["scope_except"])
        if args["profile"] not in ("auto", *PROFILES):
            raise ChecklistError(f"prodready_profile is '{args['profile']}'; known are auto, {', '.join(PROFILES)}")
        apps = {host: to_plain(task_vars["hostvars"][host].get("prodready_apps")) for host in args["hosts"]}
        run = {
            "id": new_run_id(now),
            "started": now.isoformat(timespec="seconds"),
            "environment": args["environment_name"],
            "controller": socket.gethostname(),
            "by": getpass.getuser(),
            "ansible_core": ansible_version,
            "collection": collection_version(),
            **{key: args[key] for key in ("profile", "scope", "scope_except", "depth", "effects")},
            "plan": [entry for host in args["hosts"] for entry in plan_host(host, apps[host])],
        }
        store = RunStore.begin(Path(args["reports"]).absolute(), run)
        return {"changed": False, "ansible_facts": {"prodready_run": str(store.directory)}}

    @staticmethod
    def _note(args, task_vars):
        host = str(task_vars["inventory_hostname"])
        if not task_vars.get("prodready_run"):
            raise ChecklistError("no readiness run has begun; call readiness_run with state=begun first")
        store = RunStore(str(task_vars["prodready_run"]))
        message = args["message"].strip().splitlines()
        store.write(("note", args["note"], host), {"note": args["note"], "host": host, "message": message[0][:500] if message else ""})
        return {"changed": False}
