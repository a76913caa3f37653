# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the steps of all scenarios share: running plays on a scenario's hosts, and holding what they say against what is expected."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / os.environ.get("VENV", ".venv")
BIN = VENV / "bin"
TAIL = 40


class Red(Exception):
    """A step is not what it should be: what was found, what was expected, and where to look."""

    def __init__(self, found: str, expected: str, log: Path | None = None) -> None:
        super().__init__(found)
        self.found, self.expected, self.log = found, expected, log


def say(text: str) -> None:
    print(text, flush=True)


@dataclass
class Play:
    """What one run of ansible-playbook said."""

    code: int
    log: Path
    text: str

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        _, _, told = self.text.rpartition("PLAY RECAP")
        lines = (re.match(r"(\S+)\s+: (ok=.*)", line) for line in told.splitlines())
        return {line[1]: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line[2])} for line in lines if line}

    def tasks(self, state: str) -> list[str]:
        """Names of the tasks that ended in a state, each with its host."""
        found, name = [], ""
        for line in self.text.splitlines():
            if heading := re.match(r"(?:TASK|RUNNING HANDLER) \[(.*)\] \*+", line):
                name = heading[1]
            elif ended := re.match(rf"{state}: \[(\S+?)\]", line):
                found.append(f"{name} ({ended[1]})")
        return list(dict.fromkeys(found))

    def total(self, key: str) -> int:
        return sum(host.get(key, 0) for host in self.recap.values())

    def must(self, *, code: int = 0, changed: int | None = None, hosts: int = 1) -> Play:
        """Hold the run against what was expected of it."""
        failed = self.tasks("fatal") + self.tasks("failed")
        if self.code != code:
            raise Red(f"rc {self.code}" + (f"; failed: {', '.join(failed)}" if failed else ""), f"rc {code}", self.log)
        if len(self.recap) < hosts:
            raise Red(f"a recap of {len(self.recap)} hosts", f"a recap of {hosts}", self.log)
        if changed is not None and self.total("changed") != changed:
            raise Red(f"{self.total('changed')} changed: {'; '.join(self.tasks('changed'))}", f"{changed} changed", self.log)
        return self


@dataclass(frozen=True)
class Scenario:
    """A folder beside this one, its hosts, and where its logs and reports are."""

    name: str
    hosts: tuple[str, ...]
    environment_name: str = ""

    @property
    def folder(self) -> Path:
        return ROOT / "molecule" / self.name

    @property
    def build(self) -> Path:
        return ROOT / "build" / "molecule" / self.name

    @property
    def state(self) -> Path:
        return self.build / "state"

    @property
    def inventory(self) -> Path:
        return self.state / "inventory"

    @property
    def reports(self) -> Path:
        return ROOT / "reports" / (self.environment_name or f"molecule-{self.name}")

    def container(self, host: str) -> str:
        return f"prodready-{self.name}-{host}"

    def environment(self, **more: str) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "MOLECULE_EPHEMERAL_DIRECTORY": str(self.state),
            "MOLECULE_INVENTORY_FILE": str(self.inventory),
            "MOLECULE_PROJECT_DIRECTORY": str(ROOT),
            "NO_COLOR": "1",
            "PYTHONUNBUFFERED": "1",
            **more,
        }

    def run(self, *command: str, log: Path, show: Callable[[str], bool] = lambda _line: False, cwd: Path = ROOT, **more: str) -> int:
        """Run a command into a log; lines that `show` likes stand on the terminal too."""
        with (
            log.open("a", encoding="utf-8") as target,
            subprocess.Popen(
                command,
                cwd=cwd,
                env=self.environment(**more),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as process,
        ):
            assert process.stdout
            for line in process.stdout:
                target.write(line)
                if show(line):
                    say("    " + line.rstrip()[:150].rstrip(" *"))
        return process.returncode

    def inside(self, host: str, script: str, *, stdin: str = "", check: bool = True) -> str:
        """Run a shell script as root on a host, through the engine."""
        done = subprocess.run(
            ["docker", "exec", "-i", self.container(host), "bash", "-euc", script], input=stdin, capture_output=True, text=True, errors="replace"
        )
        if check and done.returncode != 0:
            raise Red(f"`{script.strip().splitlines()[0]}` on {host} ended with {done.returncode}: {done.stderr.strip()}", "rc 0")
        return done.stdout

    def playbook(self, name: str, log: str, *options: str, quiet: bool = False, cwd: Path = ROOT, **more: str) -> Play:
        """Run a playbook on the scenario's hosts, into a log of its own."""
        file = self.build / log
        file.unlink(missing_ok=True)

        def show(line: str) -> bool:
            return not quiet and line.startswith(("TASK [", "fatal:", "failed:"))

        code = self.run("ansible-playbook", "-i", str(self.inventory), name, *options, log=file, show=show, cwd=cwd, **more)
        return Play(code, file, file.read_text(encoding="utf-8", errors="replace"))

    def molecule(self, command: str, log: Path) -> None:
        code = self.run("molecule", "--base-config", "molecule/shared/base.yml", command, "-s", self.name, log=log)
        if code != 0:
            raise Red(f"molecule {command} ended with {code}", "rc 0", log)

    def acme_server(self, log: str, *domains: str) -> None:
        """A real ACME server on each host, which finds every domain there; its roots enter the host's trust store."""
        more = {"pebble_domains": domains, "pebble_trusted": True}
        self.playbook("molecule/shared/pebble/playbook.yml", log, "-e", json.dumps(more), quiet=True).must()

    def served_certificate(self, host: str, domain: str) -> str:
        """Serial number and issuer of what the host's nginx serves for a domain."""
        return self.inside(
            host, f"echo | openssl s_client -connect 127.0.0.1:443 -servername {domain} 2>/dev/null | openssl x509 -noout -serial -issuer"
        )

    def other_certificate(self, host: str, domain: str, before: str) -> str:
        """What is served once it is another than before: a reload hands over within a moment; the same after ten seconds stays the same."""
        end = time.monotonic() + 10
        while (served := self.served_certificate(host, domain)) == before and time.monotonic() < end:
            time.sleep(0.3)
        return served

    def latest(self) -> dict[str, Any]:
        return json.loads((self.reports / "latest" / "readiness.json").read_text(encoding="utf-8"))

    def run_id(self) -> str:
        return (self.reports / "latest").resolve().name

    def verify(self, log: str, *options: str, name: str = "playbooks/verify.yml", expected: int = 0, **more: Any) -> dict[str, Any]:
        """A verification as a user runs it, without any secret; its report."""
        before = self.run_id()
        play = self.playbook(name, log, *options, quiet=True, **more)
        if self.run_id() == before:
            raise Red(f"no new report (rc {play.code})", "a report for every run", play.log)
        report = self.latest()
        red = reds(report)
        if play.code == 0 and expected != 0:
            raise Red("rc 0: " + report["verdict"]["line"], f"rc {expected}", play.log)
        if play.code != 0 and expected == 0:
            raise Red("\n".join([f"rc {play.code}: {report['verdict']['line']}", *explain(report, red)]), "rc 0 and SCOPE GREEN", play.log)
        if play.total("changed"):
            raise Red(f"changed: {'; '.join(play.tasks('changed'))}", "0 changed", play.log)
        for forbidden in ("Gathering Facts", "spec 'main'"):
            if any(line.startswith("TASK [") and forbidden in line for line in play.text.splitlines()):
                raise Red(f"a task '{forbidden}'", "no fact gathering and no validation of provisioning's options", play.log)
        return report

    def baseline(self) -> dict[str, str]:
        return json.loads((self.build / "baseline.json").read_text())

    def claim(self) -> Any:
        """The hosts' names are the machine's: two runs would take them from each other, from whichever checkout."""
        folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "prodready"
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / f"molecule-{self.name}.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            sys.exit(f"tools/molecule: the hosts of scenario {self.name} are in use by {lock.read().strip()}; wait for it, or end it")
        lock.truncate(0)
        lock.write(f"process {os.getpid()} in {ROOT}")
        lock.flush()
        return lock


def items(report: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["status"] for group in report["groups"] for item in group["items"]}


def reds(report: dict[str, Any]) -> dict[str, str]:
    """Required items that are not green."""
    green = ("pass", "waived", "not_applicable")
    return {item["id"]: item["status"] for group in report["groups"] for item in group["items"] if item["required"] and item["status"] not in green}


def explain(report: dict[str, Any], which: dict[str, str]) -> list[str]:
    """Each red item with the results that made it red."""
    lines = []
    for group in report["groups"]:
        for item in group["items"]:
            if item["id"] not in which:
                continue
            lines.append(f"  {item['status']:<9} {item['id']} {item['reason']}")
            for facet in item["facets"]:
                for key in facet["results"]:
                    result = report["results"][key]
                    if result["status"] not in ("pass", "not_applicable", "waived"):
                        lines.append(f"            {result['status']} {key}: {result['reason'] or result['observed']}"[:400])
    return lines


def same(now: dict[str, str], before: dict[str, str], what: str) -> None:
    differing = [f"{item}: {before.get(item)} → {now.get(item)}" for item in {**before, **now} if before.get(item) != now.get(item)]
    if differing:
        raise Red(f"{what}: " + "; ".join(differing), "the same status of each of the 176 items")


@dataclass(frozen=True)
class Step:
    name: str
    do: Callable[[], str]


@dataclass
class Outcome:
    scenario: Scenario
    rows: list[tuple[str, float, str]] = field(default_factory=list)
    red: bool = False

    def take(self, step: Step) -> bool:
        """Do a step; whether it is what it should be."""
        said = (getattr(step.do, "func", step.do).__doc__ or "").strip()
        say(f"\n--- {step.name}: {said}")
        started = time.monotonic()
        try:
            result = step.do()
        except Red as red:
            self.red = True
            result = "FAILED"
            say(f"    found:    {red.found}\n    expected: {red.expected}")
            if red.log and red.log.exists():
                say(f"    the end of {red.log.relative_to(ROOT)}:")
                for line in red.log.read_text(errors="replace").splitlines()[-TAIL:]:
                    say(f"    | {line[:200]}")
        seconds = time.monotonic() - started
        self.rows.append((step.name, seconds, result))
        say(f"    {result} ({seconds:.1f} s)")
        return result != "FAILED"

    def table(self) -> None:
        say("\nstep             took   result")
        for name, seconds, result in self.rows:
            say(f"{name:<14} {seconds:>5.0f} s  {result.splitlines()[0][:130]}")
        say(f"{'total':<14} {sum(seconds for _name, seconds, _result in self.rows):>5.0f} s  logs: {self.scenario.build.relative_to(ROOT)}")
