# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge the options of a Django app and identify its source, on the controller."""

from __future__ import annotations

import getpass
import tempfile
from pathlib import Path

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.prodready.django.plugins.plugin_utils._app_source import open_source, package_id, plan_of, repository, requirement
from ansible_collections.prodready.django.plugins.plugin_utils._django_preflight import objections, project_objections
from ansible_collections.prodready.django.plugins.plugin_utils._plain import to_plain
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import ChecklistError


def whoami():
    """Who deploys: the user on the controller."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def judge(args, work):
    """Id, commit and version of the source; every objection in one error."""
    found = objections(args)
    if found:
        raise ChecklistError("\n".join(found))
    options, git, commit = args["source"], args["secrets"].get("git") or {}, ""
    if options["type"] == "git":
        commit = repository(options, git, work).resolve(options["version"])
    facts = {"id": commit, "commit": commit, "version": options["version"] if commit else "", "by": whoami()}
    if options["type"] == "package":
        source = open_source(options, git=git, work=work)
        return {**facts, "id": package_id(options, source), "version": requirement(options)}
    if not commit or args["inspect"]:
        source = open_source(options, git=git, work=work, commit=commit)
        project = {"settings_module": args["settings_module"], "project_path": options["project_path"], "name": args["name"]}
        found = project_objections(source, **project) or plan_of(source, args)[1]
        if found:
            raise ChecklistError("\n".join(found))
        facts["id"] = commit or source.digest()
    return facts


class ActionModule(ActionBase):
    """A thin rim: arguments in, facts or sentences out. Its result holds no argument, so no secret either."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    _SOURCE = {
        "type": {"type": "str", "required": True, "choices": ["tree", "archive", "git", "package"]},
        "path": {"type": "str"},
        "repository": {"type": "str"},
        "version": {"type": "str", "default": "HEAD"},
        "project_path": {"type": "str", "default": "."},
        "exclude": {"type": "list", "elements": "str", "default": []},
        "known_hosts": {"type": "str", "default": ""},
        "name": {"type": "str"},
        "index_url": {"type": "str", "default": ""},
        "files": {"type": "dict", "default": {}},
    }
    _SPEC = {
        "name": {"type": "str", "required": True},
        "source": {"type": "dict", "required": True, "options": _SOURCE},
        "secrets": {"type": "dict", "default": {}, "no_log": True},
        "domains": {"type": "list", "elements": "str", "default": []},
        "environment": {"type": "dict", "default": {}},
        "uv_environment": {"type": "dict", "default": {}},
        "settings_module": {"type": "str", "required": True},
        "requirements": {"type": "str", "default": "auto"},
        "require_hashes": {"type": "bool", "default": True},
        "gunicorn_version": {"type": "str", "default": ""},
        "psycopg_version": {"type": "str", "default": ""},
        "cache": {"type": "dict", "default": {}},
        "inspect": {"type": "bool", "default": False},
    }

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        _validation, args = self.validate_argument_spec(argument_spec=self._SPEC)
        try:
            with tempfile.TemporaryDirectory(prefix="source-", dir=C.DEFAULT_LOCAL_TMP) as work:
                facts = judge(to_plain(args), Path(work))
        except ChecklistError as error:
            raise AnsibleActionFail(str(error)) from None
        return {"changed": False, **facts}
