# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a release's interpreter as the app's user with the app's environment. PRIVATE to the collection."""

from __future__ import annotations

import grp
import os
import pwd

from ansible_collections.prodready.django.plugins.module_utils._environment_file import parse, to_text
from ansible_collections.prodready.django.plugins.module_utils._masking import mask

_PATH = "/usr/local/bin:/usr/bin:/bin"

#: What every module that runs the project needs to know; `no_log` keeps the secrets out of results and the journal.
ARGUMENTS = {
    "release": {"type": "path", "required": True},
    "user": {"type": "str", "required": True},
    "environment_files": {"type": "list", "elements": "path", "default": []},
    "variables": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
}


class RunError(Exception):
    """A sentence saying why nothing could be run."""


class Project:
    """A project in a release: where it is, who runs it, what its environment is."""

    def __init__(self, module):
        params = module.params
        self._module = module
        self.python = os.path.join(params["release"], "venv", "bin", "python")
        self.directory = os.path.join(params["release"], "source")
        if not os.path.exists(self.python):
            raise RunError("{0} does not exist; the release has not been built".format(self.python))
        if not os.path.isdir(self.directory):
            raise RunError("{0} is no directory; the release has not been built".format(self.directory))
        try:
            self.account = pwd.getpwnam(params["user"])
        except KeyError:
            raise RunError("there is no user {0} on this host".format(params["user"])) from None
        if os.geteuid() != 0:
            raise RunError("running a project as {0} needs root; set become: true".format(params["user"]))
        self.variables = {}
        for path in params["environment_files"]:
            with open(path, encoding="utf-8") as source:
                self.variables.update(parse(source.read()))
        secret = dict(self.variables)
        self.variables.update(params["variables"])
        self.variables.update(params["secrets"])
        secret.update(params["secrets"])
        whole = [to_text(value) for value in secret.values()]
        self._secrets = whole + [part for value in whole for part in value.split(",")]

    def mask(self, text):
        """`text` without the secrets of the environment."""
        return mask(text, self._secrets)

    def run(self, arguments, data=None, variables=None, lock=None):
        """`python ARGUMENTS` in the project's directory. Nothing secret stands among the arguments."""
        environment = {"PATH": _PATH, "LANG": "C.UTF-8", "HOME": self.account.pw_dir, "USER": self.account.pw_name}
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        environment["PYTHONUNBUFFERED"] = "1"
        for source in (self.variables, variables or {}):
            environment.update((name, to_text(value)) for name, value in source.items())
        group = grp.getgrgid(self.account.pw_gid).gr_name
        argv = ["setpriv", "--reuid", self.account.pw_name, "--regid", group, "--init-groups", "--no-new-privs"]
        inherited = dict(os.environ)
        os.environ.clear()
        os.environ["PATH"] = inherited.get("PATH", _PATH) + ":/usr/sbin:/sbin"
        try:
            rc, out, err = self._module.run_command(
                argv + [self.python] + list(arguments),
                environ_update=environment,
                cwd=self.directory,
                data=data,
                umask=0o022,
                pass_fds=[lock] if lock is not None else [],
                handle_exceptions=False,
                expand_user_and_vars=False,
            )
        finally:
            os.environ.clear()
            os.environ.update(inherited)
        return rc, self.mask(out), self.mask(err)
