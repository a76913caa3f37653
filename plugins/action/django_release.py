# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring a project to a host as one archive, and have its release built there."""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict
from pathlib import Path

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.prodready.django.plugins.plugin_utils._app_source import open_source, plan_of
from ansible_collections.prodready.django.plugins.plugin_utils._plain import to_plain
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import ChecklistError

_DEFAULTS = {"requirements": "auto", "require_hashes": True, "gunicorn_version": "", "psycopg_version": ""}


class ActionModule(ActionBase):
    """Makes the archive here, sends it, calls the module there; removes both archives whatever happens."""

    TRANSFERS_FILES = True
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        args = to_plain(dict(self._task.args))
        git = args.pop("git", None) or {}
        if self._task.check_mode:
            return self._execute_module(module_args=args, task_vars=task_vars)
        try:
            with tempfile.TemporaryDirectory(prefix="release-", dir=C.DEFAULT_LOCAL_TMP) as work:
                archive, plan = self._archive({**_DEFAULTS, **args}, git, Path(work))
                if self._connection._shell.tmpdir is None:
                    self._make_tmp_path()
                there = self._connection._shell.join_path(self._connection._shell.tmpdir, "project.tar.gz")
                self._transfer_file(str(archive), there)
                return self._execute_module(module_args={**args, "archive": there, "plan": asdict(plan)}, task_vars=task_vars)
        except ChecklistError as error:
            raise AnsibleActionFail(str(error)) from None
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

    @staticmethod
    def _archive(args, git, work):
        source = open_source(args["source"], git=git, work=work, commit=args.get("commit") or "")
        plan, sentences = plan_of(source, args)
        if sentences:
            raise ChecklistError("\n".join(sentences))
        archive = work / "project.tar.gz"
        with open(os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            source.write_archive(target)
        return archive, plan
