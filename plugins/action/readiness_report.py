# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Resolve a run to one verdict, write the report in every format, print the table, and fail by the exit rule."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime, timezone
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.prodready.django.plugins.plugin_utils import _renderers
from ansible_collections.prodready.django.plugins.plugin_utils._catalogue import Catalogue
from ansible_collections.prodready.django.plugins.plugin_utils._plain import to_plain
from ansible_collections.prodready.django.plugins.plugin_utils._resolve import Inputs, resolve, to_measured
from ansible_collections.prodready.django.plugins.plugin_utils._run_store import RunStore, write_atomically
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import ChecklistError

display = Display()


def _read_json(file: Path, missing):
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return missing
    except ValueError as error:
        raise ChecklistError(f"{file} is damaged ({error}); move it away and run again") from error


class ActionModule(ActionBase):
    """A thin rim: store in, files out, verdict as the task's status."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    _SPEC = {
        "waivers": {"type": "list", "elements": "dict", "default": []},
        "not_applicable": {"type": "list", "elements": "dict", "default": []},
    }

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        _validation, args = self.validate_argument_spec(argument_spec=self._SPEC)
        args = to_plain(args)
        if not task_vars.get("prodready_run"):
            raise AnsibleActionFail("no readiness run has begun; call readiness_run with state=begun first")
        store = RunStore(str(task_vars["prodready_run"]))
        try:
            return self._report(store, args)
        except ChecklistError as error:
            raise AnsibleActionFail(str(error)) from error

    @staticmethod
    def _report(store, args):
        catalogue = Catalogue.load()
        base = store.directory.parent
        latest = base / "latest"
        inputs = Inputs(
            run=store.run(),
            records=store.read(),
            now=datetime.now(timezone.utc),
            waivers=args["waivers"],
            declarations=args["not_applicable"],
            measured=_read_json(base / "measured.json", {}),
            previous=_read_json(latest / "readiness.json", None),
        )
        readiness = resolve(catalogue, inputs)
        for name, text in _renderers.render_all(readiness).items():
            write_atomically(store.directory / name, text)
        write_atomically(base / "measured.json", json.dumps(to_measured(catalogue, inputs, readiness["results"].values()), indent=1))
        link = base / f".latest-{store.directory.name}"
        os.symlink(store.directory.name, link)
        os.replace(link, latest)
        # straight to the terminal, whatever the callback shows of a result
        display.display(_renderers.terminal(readiness, directory=str(store.directory), colour=sys.stdout.isatty()))
        verdict = readiness["verdict"]
        return {
            "changed": False,
            "failed": verdict["exit_status"] != 0,
            "msg": verdict["line"],
            "report": str(store.directory / "readiness.html"),
        }
