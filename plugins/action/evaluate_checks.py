# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Evaluate the checks of one owner on one subject and put the results into the run store."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.prodready.django.plugins.plugin_utils._catalogue import Catalogue
from ansible_collections.prodready.django.plugins.plugin_utils._evaluate import Permissions, Subject, evaluate
from ansible_collections.prodready.django.plugins.plugin_utils._plain import to_plain
from ansible_collections.prodready.django.plugins.plugin_utils._run_store import RunStore
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import ChecklistError


class ActionModule(ActionBase):
    """A thin rim: arguments in, results out; a red check is a result, not a failure of the task."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    _SPEC = {
        "owner": {"type": "str", "required": True},
        "subject": {"type": "str", "required": True},
        "instance": {"type": "str", "required": True},
        "probes": {"type": "dict", "required": True},
        "params": {"type": "dict", "default": {}},
        "facts": {"type": "dict", "default": {}},
    }

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        _validation, args = self.validate_argument_spec(argument_spec=self._SPEC)
        args = to_plain(args)
        subject = Subject(kind=args["subject"], host=str(task_vars["inventory_hostname"]), instance=args["instance"])
        store = RunStore(str(task_vars["prodready_run"])) if task_vars.get("prodready_run") else None
        try:
            run = store.run() if store else {}
            permissions = Permissions(depth=run.get("depth", "quick"), effects=run.get("effects", "none"))
            results = evaluate(
                Catalogue.load(),
                owner=args["owner"],
                subject=subject,
                probes=args["probes"],
                params=args["params"],
                now=datetime.now(timezone.utc),
                permissions=permissions,
            )
            if store:
                store.write(
                    (subject.host, args["owner"], subject.kind, subject.instance),
                    {
                        "host": subject.host,
                        "owner": args["owner"],
                        "subject": subject.kind,
                        "instance": subject.instance,
                        "facts": args["facts"],
                        "results": results,
                    },
                )
        except ChecklistError as error:
            raise AnsibleActionFail(str(error)) from error
        counts = Counter(result["status"] for result in results)
        return {"changed": False, "counts": dict(counts), "results": results}
