# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A git repository, asked by the controller: what a name stands for, and the files of a commit. PRIVATE to the collection.

A token travels in the environment to a credential helper, a deploy key in a private file: neither stands among the
arguments of a process, in a URL, or in anything that is said.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from ._source_tree import Source, is_excluded, read_archive
from ._verdict import ChecklistError

_COMMIT = re.compile(r"^[0-9a-f]{40}$")
_HELPER = '!f() { echo "username=${PRODREADY_GIT_USERNAME}"; echo "password=${PRODREADY_GIT_TOKEN}"; }; f'
#: Where credentials belong.
TOKEN = "Set the token as git.token of the app in prodready_secrets (django_app_secrets.git.token), its user, if it needs one, as git.username"
_WHERE = "Correct source.{0} of the app in prodready_apps (django_app_source.{0})"


def refs(listing: str) -> dict[str, str]:
    """`git ls-remote` as name → commit; an annotated tag counts as the commit it stands on."""
    found: dict[str, str] = {}
    for line in listing.splitlines():
        commit, _tab, name = line.partition("\t")
        if name and not name.endswith("^{}"):
            found.setdefault(name, commit)
    for line in listing.splitlines():
        commit, _tab, name = line.partition("\t")
        if name.endswith("^{}"):
            found[name[:-3]] = commit
    return found


def pick(listing: str, version: str, repository: str) -> str:
    """The commit a tag, branch or HEAD stands for, or a sentence that names what is there."""
    known = refs(listing)
    for name in (version, f"refs/tags/{version}", f"refs/heads/{version}"):
        if name in known:
            return known[name]
    if _COMMIT.match(version):
        return version
    names = [name.split("/", 2)[2] for name in known if name.startswith(("refs/heads/", "refs/tags/"))]
    near = get_close_matches(version, names, n=3, cutoff=0.4) or sorted(names)[:5]
    there = f"it has {', '.join(near)}" if near else "it has no branches and tags"
    raise ChecklistError(
        f"the git ref '{version}' does not exist in {repository}; expected a branch, a tag or a full commit id ({there}). " + _WHERE.format("version")
    )


#: Who gets in, between the scheme and the host: up to the last @ before the path.
_USERINFO = re.compile(r"\b([\w+.-]+)://([^/\s]*)@")


def _harmless(found: re.Match[str]) -> bool:
    """SSH needs the name of an account and takes no secret beside it; in any other URL the name alone may be a token."""
    return "ssh" in found[1].lower() and ":" not in found[2]


def hide_credentials(text: str) -> str:
    """A URL, or a sentence with URLs in it, without what may be a secret."""
    return _USERINFO.sub(lambda found: found[0] if _harmless(found) else f"{found[1]}://***@", text)


def has_credentials(url: str) -> bool:
    found = _USERINFO.match(url)
    return found is not None and not _harmless(found)


#: Plain HTTP to another machine; a secret sent that way is read by whoever is between.
_CLEAR = re.compile(r"http://(?!(?:[^/@\s]*@)?(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?(?:[/?#]|$))", re.IGNORECASE)


def in_the_clear(url: str) -> bool:
    return _CLEAR.match(url) is not None


#: What git archives in the place of a file that Git LFS keeps elsewhere.
_POINTER = b"version https://git-lfs.github.com/spec/"


def missing_parts(tree: str, source: Source, patterns: Sequence[str]) -> list[str]:
    """What a commit only points to, by `git ls-tree -rz` and its files: submodules, and objects of Git LFS."""
    links = [line.partition("\t")[2] for line in tree.split("\0") if line.startswith("160000 ")]
    submodules = [f"the submodule {path}" for path in links if not is_excluded(path, patterns)]
    pointers = [entry.path for entry in source.entries if not entry.link and entry.read().startswith(_POINTER)]
    return submodules + [f"{path}, a pointer to an object of Git LFS" for path in pointers]


#: What SSH says when it does not get in; git adds only that it could not read.
_SSH_SAID = re.compile(
    r"Permission denied|Host key verification failed|Could not resolve hostname|Connection (refused|timed out|closed)|No route to host|"
    r"error in libcrypto|invalid format|UNPROTECTED PRIVATE KEY"
)


def complaint(stderr: str) -> str:
    """The line that says why: SSH's where there is one, else git's own."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith(("fatal:", "error:"))]
    ssh = [line for line in lines if _SSH_SAID.search(line)]
    return (ssh[-1:] or own or lines or ["it said nothing"])[0]


class Repository:
    """One repository and how to get in. `work` is a private directory that the caller removes."""

    def __init__(self, url: str, work: Path, secrets: Mapping[str, str], known_hosts: str = "") -> None:
        self._shown = hide_credentials(url)
        if has_credentials(url):
            raise ChecklistError(
                f"source.repository is '{self._shown}' with a user, token or password in it, which processes and logs would "
                f"show; expected a URL without. {TOKEN}"
            )
        if url.startswith("-"):
            raise ChecklistError(f"source.repository is '{self._shown}', which is no URL. " + _WHERE.format("repository"))
        if secrets.get("token") and in_the_clear(url):
            raise ChecklistError(
                f"source.repository is '{self._shown}', to which git.token would travel unencrypted; expected https. " + _WHERE.format("repository")
            )
        self._url = url
        self._work = work
        self._secrets = [value for key, value in secrets.items() if value and key in ("token", "deploy_key")]
        self._environment = self._make_environment(secrets, known_hosts)

    def _make_environment(self, secrets: Mapping[str, str], known_hosts: str) -> dict[str, str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_TRACE", "GIT_CURL"))}
        environment.update(GIT_TERMINAL_PROMPT="0", LC_ALL="C.UTF-8")
        if secrets.get("token"):
            environment.update(
                GIT_CONFIG_COUNT="2",
                GIT_CONFIG_KEY_0="credential.helper",
                GIT_CONFIG_VALUE_0="",
                GIT_CONFIG_KEY_1="credential.helper",
                GIT_CONFIG_VALUE_1=_HELPER,
                PRODREADY_GIT_USERNAME=secrets.get("username") or "git",
                PRODREADY_GIT_TOKEN=secrets["token"],
            )
        ssh = ["ssh", "-o", "BatchMode=yes"]
        if secrets.get("deploy_key"):
            key = self._work / "deploy_key"
            with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as target:
                target.write("\n".join(secrets["deploy_key"].strip().splitlines()) + "\n")
            ssh += ["-i", str(key), "-o", "IdentitiesOnly=yes"]
        if known_hosts:
            ssh += ["-o", f"UserKnownHostsFile={Path(known_hosts).expanduser()}", "-o", "StrictHostKeyChecking=yes"]
        environment["GIT_SSH_COMMAND"] = shlex.join(ssh)
        return environment

    def _git(self, arguments: Sequence[str]) -> str:
        try:
            done = subprocess.run(
                ["git", *arguments],
                env=self._environment,
                cwd=self._work,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        except FileNotFoundError:
            raise ChecklistError("git is not installed on this machine, and source.type is git; install git") from None
        except subprocess.TimeoutExpired:
            raise ChecklistError(f"git did not finish within 300 s on {self._shown}") from None
        if done.returncode != 0:
            raise ChecklistError(self._sentence(done.stderr))
        return done.stdout

    def _sentence(self, stderr: str) -> str:
        said = hide_credentials(complaint(stderr)).rstrip(".")
        for secret in self._secrets:
            said = said.replace(secret, "***")
        return (
            f"git cannot read {self._shown}: {said}. Expected: a repository this machine may read. "
            "Correct source.repository of the app in prodready_apps, or git (token or deploy_key) of the app in prodready_secrets"
        )

    def _has(self, commit: str) -> bool:
        try:
            self._git(["--git-dir", "fetched", "cat-file", "-e", f"{commit}^{{commit}}"])
        except ChecklistError:
            return False
        return True

    def resolve(self, version: str) -> str:
        """The commit of a branch, a tag or HEAD."""
        return pick(self._git(["ls-remote", "--", self._url]), version, self._shown)

    def fetch(self, commit: str, version: str, patterns: Sequence[str]) -> Source:
        """The files of a commit. Servers that do not give out single commits are asked for the name, then for everything."""
        self._git(["init", "--quiet", "--bare", "fetched"])
        bare = ["--git-dir", "fetched"]
        wanted = [["--depth=1", commit], ["--depth=1", version], ["+refs/*:refs/fetched/*"]]
        for number, (*options, name) in enumerate(wanted, start=1):
            try:
                self._git([*bare, "fetch", "--quiet", "--no-tags", *options, "--", self._url, name])
            except ChecklistError:
                if number == len(wanted):
                    raise
            if self._has(commit):
                break
        else:
            raise ChecklistError(
                f"the git ref '{commit}' does not exist in {self._shown}; expected a branch, a tag or a full commit id. " + _WHERE.format("version")
            )
        self._git([*bare, "archive", "--format=tar", "--prefix=source/", "-o", str(self._work / "source.tar"), commit])
        source = read_archive(str(self._work / "source.tar"), patterns)
        source.origin = f"{self._shown} at {version}"
        missing = missing_parts(self._git([*bare, "ls-tree", "-rz", commit]), source, patterns)
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise ChecklistError(
                f"{source.origin} holds {', '.join(missing[:3])}{more}, whose content git does not hand over with the commit; expected all files in the "
                "commit itself. Commit them, deploy a complete checkout with source.type tree or archive, or name what the app does not need in "
                "source.exclude of the app in prodready_apps (django_app_source.exclude)"
            )
        return source
