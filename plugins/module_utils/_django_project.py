# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a release's interpreter as the app's user with the app's environment. PRIVATE to the collection."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import tempfile

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
    "overlay": {"type": "dict", "default": {}},
}

#: The settings module that an overlay is.
OVERLAY_MODULE = "prodready_settings"


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
        self.overlay = params.get("overlay") or {}
        secret = dict(self.variables)
        self.variables.update(params["variables"])
        self.variables.update(params["secrets"])
        secret.update(params["secrets"])
        whole = [to_text(value) for value in secret.values()]
        self._secrets = whole + [part for value in whole for part in value.split(",")]

    def mask(self, text):
        """`text` without the secrets of the environment."""
        return mask(text, self._secrets)

    @contextlib.contextmanager
    def laid_over(self, overlay):
        """The variables under which an overlay counts that is not in force yet, from a directory that is gone afterwards."""
        if not overlay:
            yield {}
            return
        folder = tempfile.mkdtemp(prefix="prodready-overlay-", dir="/run")
        try:
            os.chown(folder, 0, self.account.pw_gid)
            os.chmod(folder, 0o750)
            for name, text in overlay.items():
                path = os.path.join(folder, os.path.basename(name))
                with open(path, "w", encoding="utf-8") as target:
                    target.write(text)
                os.chown(path, 0, self.account.pw_gid)
                os.chmod(path, 0o640)
            before = to_text(self.variables.get("PYTHONPATH") or "")
            yield {"DJANGO_SETTINGS_MODULE": OVERLAY_MODULE, "PYTHONPATH": folder + (":" + before if before else "")}
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def run(self, arguments, data=None, variables=None, lock=None, overlay=None):
        """`python ARGUMENTS` in the project's directory. Nothing secret stands among the arguments."""
        with self.laid_over(self.overlay if overlay is None else overlay) as laid_over:
            return self._run(arguments, data, dict(laid_over, **(variables or {})), lock)

    def _run(self, arguments, data, variables, lock):
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
