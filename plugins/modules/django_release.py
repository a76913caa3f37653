#!/usr/bin/python
# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: django_release
short_description: Build a release of a Django app
version_added: 0.1.0
description:
  - Brings the files of the project from the controller to the host as one archive, builds a virtual environment for them with
    uv, adds gunicorn and psycopg under the constraint of what the project has pinned, and compiles everything.
  - A release is marked complete when all of that is done. What a killed run left half-built is built again.
  - All that may run code of dependencies runs as the user C(prodready-build), which the module makes, in a unit of its own that
    can write to the release and to uv's cache alone, and that takes every process with it when it ends.
  - In the end everything belongs to root; the app can read its code and change none of it.
extends_documentation_fragment:
  - prodready.django.source
options:
  name:
    description: The app's name, which is its user and group too.
    type: str
    required: true
  release:
    description: The identity of the release.
    type: str
    required: true
  git:
    description: How to get into the git repository, C(username) and C(token), or C(deploy_key). Used on the controller only.
    type: dict
    default: {}
  commit:
    description: The commit to take from a git repository.
    type: str
    default: ""
  psycopg_extra:
    description: The extra of psycopg to add, V(binary) or V(c), or nothing for the pure Python version.
    type: str
    default: binary
  additions:
    description: Further packages by version, each added where the project does not bring it.
    type: dict
    default: {}
  python:
    description: The interpreter to build with.
    type: str
    default: python3
  uv:
    description: The uv program.
    type: path
    default: /opt/prodready/uv/bin/uv
  uv_cache:
    description: Where uv keeps what it has downloaded, shared by all apps of the host.
    type: path
    default: /var/cache/prodready/uv
  uv_environment:
    description: Variables for uv, such as C(UV_DEFAULT_INDEX).
    type: dict
    default: {}
  uv_secrets:
    description:
      - Variables for uv which are secret, such as the password of an index.
      - A package that is built from source runs its own code with them in reach, so with them only wheels are installed, unless
        O(uv_environment) sets C(UV_NO_BUILD) to C(0).
    type: dict
    default: {}
  patience:
    description: How many seconds to wait for another deployment of the same app.
    type: int
    default: 600
  archive:
    description: The archive on the host. Set by the action that brings it there.
    type: path
  plan:
    description: What to install from. Set by the action that looked into the source.
    type: dict
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
author:
  - prodready maintainers (@prodready)
"""

EXAMPLES = r"""
- name: Build the release
  prodready.django.django_release:
    name: newsroom
    release: 4f2d1c9b8a7e-0a1b2c3d
    source:
      type: tree
      path: ./newsroom
    gunicorn_version: 27.0.1
    psycopg_version: 3.3.9
"""

RETURN = r"""
packages:
  description: What is installed in the virtual environment, as C(name==version).
  type: list
  elements: str
  returned: when built
seconds:
  description: How long each stage took.
  type: dict
  returned: when built
"""

import contextlib
import grp
import json
import os
import pwd
import re
import shutil
import stat
import tarfile
import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.prodready.django.plugins.module_utils import _files
from ansible_collections.prodready.django.plugins.module_utils._environment_file import render
from ansible_collections.prodready.django.plugins.module_utils._masking import mask
from ansible_collections.prodready.django.plugins.module_utils._releases import MARKER, Layout, ReleaseError

RUN = "/run"
_CA = "/etc/ssl/certs/ca-certificates.crt"
#: Who builds: nobody that runs an app, so that no running app can reach into a release that is being built.
BUILDER = "prodready-build"
#: What a build cannot do beside what any user cannot; compilers and interpreters need all system calls.
_SANDBOX = (
    "CapabilityBoundingSet=",
    "NoNewPrivileges=yes",
    "PrivateDevices=yes",
    "PrivateTmp=yes",
    "ProtectControlGroups=yes",
    "ProtectHome=read-only",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectSystem=strict",
    "RestrictSUIDSGID=yes",
    "InaccessiblePaths=-/etc/prodready",
    "TimeoutStopSec=5",
    "UMask=0022",
)


def builder(run_command):
    """The user that builds, made where there is none."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(BUILDER)
    argv = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", BUILDER]
    _rc, _out, err = run_command(argv)
    try:
        return pwd.getpwnam(BUILDER)  # also when another run made it in the meantime
    except KeyError:
        said = err.strip() or "useradd said nothing"
        raise ReleaseError("found no user {0} and could not make it ({1}); expected it for building releases".format(BUILDER, said)) from None


def give(path, uid, gid, only_if_another=False):
    """A tree to one owner, writable by the owner alone; links are not followed."""
    if only_if_another and os.lstat(path).st_uid == uid:
        return
    for directory, names, files in os.walk(path):
        for one in [directory, *(os.path.join(directory, name) for name in names + files)]:
            found = os.lstat(one)
            os.lchown(one, uid, gid)
            if not stat.S_ISLNK(found.st_mode):
                os.chmod(one, stat.S_IMODE(found.st_mode) & 0o755)


class Build:
    """One release on its way from an archive to `.complete`."""

    def __init__(self, module, layout, lock):
        self.module = module
        self.params = module.params
        self.lock = lock
        self.path = layout.release(module.params["release"])
        #: Where the whole source goes. Where the project is a directory of it, `source` is a link to that.
        self.inside = os.path.normpath(self.params["source"]["project_path"])
        self.top = os.path.join(self.path, "source" if self.inside == "." else "checkout")
        self.venv = os.path.join(self.path, "venv")
        self.python = os.path.join(self.venv, "bin", "python")
        self.kept = os.path.join(layout.state, "requirements", self.params["release"] + ".txt")
        self.seconds = {}
        self.unit = "prodready-build-{0}.service".format(module.params["name"])
        self.user = builder(module.run_command)
        told = str(self.params["uv_environment"].get("UV_NO_BUILD", bool(self.params["uv_secrets"]))).lower()
        #: Whether dependencies are installed from wheels alone; `uv pip` does not ask the variable that `uv sync` asks.
        self.no_build = told not in ("0", "false", "no", "off", "")
        self.wheels = ["--no-build"] if self.no_build else []

    def stage(self, name, function):
        """Do one stage and remember how long it took."""
        started = time.monotonic()
        function()
        self.seconds[name] = round(time.monotonic() - started, 2)

    def clear(self):
        """Away with what a killed run left, a build that goes on among it."""
        self.module.run_command(["systemctl", "stop", self.unit])
        if os.path.isdir(self.path):
            shutil.rmtree(self.path)
        os.mkdir(self.path, 0o755)
        os.chmod(self.path, 0o755)

    def unpack(self):
        """The project's files, readable for the app's group only, and for as long as it takes the builder's, as some are built in their place."""
        group = grp.getgrnam(self.params["name"]).gr_gid
        os.mkdir(self.top, 0o750)
        with tarfile.open(self.params["archive"]) as archive:
            archive.extraction_filter = lambda member, _path: member  # our own archive, made by the action
            for member in archive.getmembers():
                member.uid, member.gid, member.uname, member.gname = self.user.pw_uid, group, BUILDER, self.params["name"]
                archive.extract(member, self.top)
        for directory, _names, _plain in os.walk(self.top):
            os.chown(directory, self.user.pw_uid, group)
            os.chmod(directory, 0o750)
        if self.inside != ".":
            os.symlink(os.path.join("checkout", self.inside), os.path.join(self.path, "source"))

    def environment(self, variables):
        """What uv is told; a proxy that the play set is passed on."""
        environment = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
        environment.update(
            {
                "HOME": "/tmp",
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "LC_ALL": "C.UTF-8",
                "UV_CACHE_DIR": self.params["uv_cache"],
                "UV_NO_PROGRESS": "1",
                "UV_PYTHON_DOWNLOADS": "never",
                "UV_PYTHON_PREFERENCE": "only-system",
                "UV_COMPILE_BYTECODE": "1",
                # Files of the cache stay the builder's, those of a release become root's.
                "UV_LINK_MODE": "copy",
                "NO_COLOR": "1",
            }
        )
        if os.path.exists(_CA):
            environment["SSL_CERT_FILE"] = _CA
        if self.params["source"]["index_url"]:
            environment["UV_INDEX"] = "package=" + self.params["source"]["index_url"]
        for source in (self.params["uv_environment"], self.params["uv_secrets"], variables or {}):
            environment.update((name, str(value)) for name, value in source.items())
        environment["UV_NO_BUILD"] = "1" if self.no_build else "0"
        return environment

    def run(self, argv, cwd=None, variables=None, needed=True):
        """Run a program as the builder, or raise a sentence with what it said last."""
        # Not as properties of the unit, which every user of the host can read.
        settings = os.path.join(RUN, self.unit + ".env")
        _files.replace(settings, render(self.environment(variables)).encode("utf-8"), 0, 0, 0o600)
        unit = ["systemd-run", "--quiet", "--collect", "--wait", "--pipe", "--service-type=exec", "--unit=" + self.unit]
        places = ["ReadWritePaths=" + path for path in (self.venv, self.top, self.params["uv_cache"])]
        properties = ["User=" + BUILDER, "EnvironmentFile=" + settings, "WorkingDirectory=" + (cwd or self.top), *_SANDBOX, *places]
        try:
            rc, out, err = self.module.run_command(
                [*unit, *("--property=" + one for one in properties), "--", *argv], cwd="/", pass_fds=[self.lock], expand_user_and_vars=False
            )
        finally:
            os.unlink(settings)
        if rc != 0 and needed:
            raise ReleaseError(self.sentence(argv, rc, err or out))
        return out

    def sentence(self, argv, rc, said):
        """What a failed program said, without its progress and without secrets."""
        lines = [line.strip(" ×╰─▶├│") for line in said.splitlines() if line.strip()]
        text = " ".join(line for line in lines[-12:] if not line.startswith(("Using ", "Resolved ", "Prepared ")))
        text = re.sub(r"://[^/@\s]+@", "://***@", mask(text, self.params["uv_secrets"].values()))
        text = text.rstrip(".") or "it said nothing"
        what = " ".join(os.path.basename(word) if os.path.isabs(word) else word for word in argv[:4])
        remedy = "Correct the project's requirements, or uv_environment of the app in prodready_secrets where the index does not answer"
        if self.no_build and re.search("no-build|building from source is disabled|source distributions is disabled", text, re.IGNORECASE):
            remedy = (
                "A package without a wheel runs its own code to be built, which could read the index's password: offer a wheel of it, or allow that "
                "with UV_NO_BUILD: 0 in django_app_uv_environment"
            )
        elif "hash mismatch" in text.lower():
            remedy = "What the index has is not what the project vouches for: lock the requirements again, or find out who changed the file"
        return "building release {} failed at `{}`, which ended with {}: {}. Expected: it succeeds; the current release is untouched. {}".format(
            self.params["release"], what, rc, text, remedy
        )

    def make_venv(self):
        """An empty virtual environment of the distribution's Python."""
        os.mkdir(self.venv, 0o755)
        os.chown(self.venv, self.user.pw_uid, self.user.pw_gid)
        self.run([self.params["uv"], "venv", "--quiet", "--no-project", "--python", self.params["python"], self.venv])

    def install(self):
        """What the project asks for, and nothing else."""
        plan, uv = self.params["plan"], self.params["uv"]
        file = os.path.join(self.top, plan["path"])
        directory = os.path.dirname(file)
        if plan["kind"] == "lock":
            sync = [uv, "sync", "--quiet", "--frozen", "--no-dev", "--no-editable", "--python", self.python]
            self.run(sync, cwd=directory, variables={"UV_PROJECT_ENVIRONMENT": self.venv})
            return
        hashes = ["--require-hashes"]
        if plan["kind"] != "requirements" or not self.params["require_hashes"]:
            file = self.resolve(file, directory)
            with open(file, encoding="utf-8") as resolved:
                if re.search(r"^\S+ @ (git\+|file:)|^-e ", resolved.read(), re.MULTILINE):
                    hashes = []  # a repository's commit is its own digest; what has a hash is still held against it
        self.run([uv, "pip", "sync", "--quiet", *self.wheels, "--python", self.python] + hashes + [file])
        if plan["kind"] == "pyproject" and plan.get("builds_package"):
            self.run([uv, "pip", "install", "--quiet", "--python", self.python, "--no-deps", "."], cwd=directory)

    def resolve(self, file, directory):
        """Every package with version and hashes. What was found out once for a release is kept, so that it is built the same again."""
        resolved = os.path.join(self.path, "requirements.txt")
        if os.path.exists(self.kept):
            shutil.copyfile(self.kept, resolved)
            return resolved
        if self.params["plan"]["kind"] == "package":
            file = os.path.join(self.path, "requirements.in")
            with open(file, "w", encoding="utf-8") as target:
                target.write(self.params["plan"]["requirement"] + "\n")
            directory = self.path
        compile_ = [self.params["uv"], "pip", "compile", "--quiet", "--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url"]
        # To standard output: a file of the builder's could be a link to anywhere.
        text = self.run([*compile_, *self.wheels, "--python", self.python, file], cwd=directory)
        with open(resolved, "w", encoding="utf-8") as target:
            target.write(text)
        os.makedirs(os.path.dirname(self.kept), mode=0o755, exist_ok=True)
        shutil.copyfile(resolved, self.kept + ".new")
        os.replace(self.kept + ".new", self.kept)
        return resolved

    def add(self):
        """gunicorn, psycopg and the like, without moving anything the project has pinned."""
        uv, params = self.params["uv"], self.params
        lines = [line for line in self.freeze() if re.match(r"^[A-Za-z0-9._-]+==", line)]
        there = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines}
        wanted = []
        for name, version, spelled in (
            ("gunicorn", params["gunicorn_version"], "gunicorn"),
            ("psycopg", params["psycopg_version"], "psycopg[{}]".format(params["psycopg_extra"]) if params["psycopg_extra"] else "psycopg"),
        ):
            # Nobody here can change what a package of an index pins.
            if version and not (params["plan"]["kind"] == "package" and name in there):
                wanted.append("{}=={}".format(spelled, version))
        wanted += ["{}=={}".format(name, version) for name, version in sorted(params["additions"].items()) if name not in there]
        if not wanted:
            return
        frozen = os.path.join(self.path, "constraints.txt")
        with open(frozen, "w", encoding="utf-8") as target:
            target.write("".join(line + "\n" for line in lines))
        self.run([uv, "pip", "install", "--quiet", *self.wheels, "--python", self.python, "--constraint", frozen] + wanted)

    def freeze(self):
        """What is installed."""
        return self.run([self.params["uv"], "pip", "freeze", "--quiet", "--python", self.python]).split("\n")

    def compile(self):
        """Bytecode of the project, which the app could not write itself."""
        self.run([self.python, "-m", "compileall", "-q", "-j", "0", self.top], needed=False)

    def finish(self):
        """Everything root's; then the marker, written last and in one step."""
        packages = sorted(filter(None, self.freeze()))
        give(self.venv, 0, 0)
        give(self.top, 0, grp.getgrnam(self.params["name"]).gr_gid)
        facts = {"release": self.params["release"], "commit": self.params["commit"], "plan": self.params["plan"], "packages": packages}
        temporary = os.path.join(self.path, MARKER + ".new")
        with open(temporary, "w", encoding="utf-8") as target:
            json.dump(facts, target, indent=1)
            target.flush()
            os.fsync(target.fileno())
        os.replace(temporary, os.path.join(self.path, MARKER))
        return packages

    def build(self):
        """All stages in their order."""
        os.umask(0o022)  # the builder, who is not root, reads what is written
        os.makedirs(self.params["uv_cache"], mode=0o700, exist_ok=True)
        give(self.params["uv_cache"], self.user.pw_uid, self.user.pw_gid, only_if_another=True)
        for name in ("clear", "unpack", "make_venv", "install", "add", "compile"):
            self.stage(name, getattr(self, name))
        return self.finish()


SOURCE = {
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


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "release": {"type": "str", "required": True},
            "source": {"type": "dict", "required": True, "options": SOURCE},
            "git": {"type": "dict", "default": {}, "no_log": True},
            "commit": {"type": "str", "default": ""},
            "requirements": {"type": "str", "default": "auto"},
            "require_hashes": {"type": "bool", "default": True},
            "gunicorn_version": {"type": "str", "default": ""},
            "psycopg_version": {"type": "str", "default": ""},
            "psycopg_extra": {"type": "str", "default": "binary"},
            "additions": {"type": "dict", "default": {}},
            "python": {"type": "str", "default": "python3"},
            "uv": {"type": "path", "default": "/opt/prodready/uv/bin/uv"},
            "uv_cache": {"type": "path", "default": "/var/cache/prodready/uv"},
            "uv_environment": {"type": "dict", "default": {}},
            "uv_secrets": {"type": "dict", "default": {}, "no_log": True},
            "patience": {"type": "int", "default": 600},
            "archive": {"type": "path"},
            "plan": {"type": "dict"},
        },
        supports_check_mode=True,
    )
    layout, release = Layout(module.params["name"]), module.params["release"]
    if layout.is_complete(release):
        module.exit_json(changed=False)
    if module.check_mode:
        module.exit_json(changed=True)
    try:
        with layout.locked(module.params["patience"]) as lock:
            if layout.is_complete(release):
                module.exit_json(changed=False, msg="another run built it in the meantime")
            build = Build(module, layout, lock)
            packages = build.build()
    except (ReleaseError, OSError, KeyError, tarfile.TarError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True, packages=packages, seconds=build.seconds)


if __name__ == "__main__":
    main()
