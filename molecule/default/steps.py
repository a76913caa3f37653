# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scenario `default`: the whole way on both releases, and what it is to show."""

from __future__ import annotations

import ast
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))
from harness import ROOT, Red, Scenario, Step, explain, items, same, say  # noqa: E402 - beside this folder

HOSTS = ("m12", "m13")
SCENARIO = Scenario("default", HOSTS, "molecule")
FOLDER, BUILD, STATE, REPORTS = SCENARIO.folder, SCENARIO.build, SCENARIO.state, SCENARIO.reports
run, container, inside, playbook, molecule = SCENARIO.run, SCENARIO.container, SCENARIO.inside, SCENARIO.playbook, SCENARIO.molecule
verify, baseline, environment = SCENARIO.verify, SCENARIO.baseline, SCENARIO.environment
#: After the first, deep verification: what it measured counts, and nothing is watched for half a minute again.
QUICK = ("-e", "prodready_depth=quick", "-e", "gunicorn_stable_seconds=2")


# --- the planted secrets ------------------------------------------------------------------------


def planted() -> dict[str, str]:
    """Every secret in secrets.yml by its path."""

    def walk(value: Any, path: str) -> Iterator[tuple[str, str]]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from walk(inner, f"{path}.{key}")
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                yield from walk(inner, f"{path}[{number}]")
        elif str(value).startswith("Planted"):
            yield path.strip("."), str(value)

    return dict(walk(yaml.safe_load((FOLDER / "secrets.yml").read_text())["prodready_secrets"], ""))


@cache
def needles() -> dict[str, str]:
    """What to look for → whose form it is: the part that no escaping changes, plain, URL-encoded, in base64 at each offset, and in hex."""
    found = {}
    for path, secret in planted().items():
        core = re.match(r"\w+", secret)[0]  # type: ignore[index]
        found[core] = f"{path} (plain)"
        found[quote(secret, safe="")] = f"{path} (URL-encoded)"
        found[core.encode().hex()] = f"{path} (hex)"
        for shift in range(3):
            encoded = base64.b64encode(b"\0" * shift + core.encode()).decode()
            found[encoded[(shift * 8 + 5) // 6 : (shift + len(core)) * 8 // 6]] = f"{path} (base64)"
    return found


def leaks_in(text: str) -> list[str]:
    return sorted({form for needle, form in needles().items() if needle in text})


class Watch:
    """Samples the command line of every process, on the hosts and on this machine, while something runs."""

    SCRIPT = (FOLDER / "sampler.py").read_text()

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._found: set[str] = set()
        self.samples = 0
        self._thread = threading.Thread(target=self._watch_here, daemon=True)

    def _watch_here(self) -> None:
        wanted = [(needle.encode(), form) for needle, form in needles().items()]
        while not self._ended.wait(0.05):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    told = file.read_bytes()
                except OSError:
                    continue
                self._found |= {f"this machine: {form}" for needle, form in wanted if needle in told}
            self.samples += 1

    def __enter__(self) -> Watch:
        for host in HOSTS:
            subprocess.run(["docker", "exec", "-d", container(host), "python3", "-c", self.SCRIPT], check=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()
        for host in HOSTS:
            told = inside(
                host, 'kill "$(cat /run/molecule-sampler/pid)"; sleep 0.3; cat /run/molecule-sampler/seen; rm -r /run/molecule-sampler', check=False
            )
            (BUILD / f"processes-{host}.log").write_text(told)

    @property
    def found(self) -> list[str]:
        return sorted(self._found)


# --- the steps ----------------------------------------------------------------------------------


def step_destroy() -> str:
    """No hosts are left."""
    BUILD.mkdir(parents=True, exist_ok=True)
    molecule("destroy", BUILD / "molecule.log")
    return "no hosts"


def scenario_scope() -> list[str]:
    """The groups that this scenario proves."""
    return list(yaml.safe_load((FOLDER / "molecule.yml").read_text())["provisioner"]["inventory"]["group_vars"]["all"]["prodready_scope"])


def step_create() -> str:
    """Fresh hosts, as they are handed out."""
    demo = ast.parse((ROOT / "tools" / "demo").read_text())
    theirs = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in demo.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.startswith("SCOPE")
    }
    for file in BUILD.glob("*.log"):
        file.unlink()
    if scenario_scope() != theirs["SCOPE"]:
        raise Red(f"prodready_scope in molecule.yml is {scenario_scope()}", f"SCOPE of tools/demo: {theirs['SCOPE']}")
    log = BUILD / "molecule.log"
    shutil.rmtree(REPORTS, ignore_errors=True)
    molecule("create", log)
    molecule("syntax", log)  # which also writes the inventory anew, now that the addresses are known
    return f"{', '.join(HOSTS)} are up"


FINGERPRINT = r"""
dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' | sed 's/^/package /'
find /etc /srv /opt /usr/local /home /root /var/lib /var/cache /var/log /var/spool -xdev \
  \( -path /var/cache/apt/archives -o -path '*/.ansible' -o -path /var/log/journal -o -path /var/lib/apt/lists \
  -o -path /var/cache/apt -o -path /var/lib/systemd -o -path /var/lib/sudo -o -path /var/log/wtmp -o -path /var/log/lastlog -o -path /var/log/btmp \) -prune \
  -o -type d -printf 'directory %p %m %u:%g\n' -o -printf 'file %p %y %m %u:%g %s %T@ %l\n' | sort
systemctl list-unit-files --no-legend --plain | awk '!/^session-/ {print "unit-file", $1, $2}'
systemctl list-units --all --no-legend --plain --type=service,socket,timer | awk '$3 != "inactive" {print "unit", $1, $3}' | grep -v -E 'user@|user-runtime|systemd-tmpfiles-clean|ssh@|apt-daily|session-'
getent passwd | sed 's/^/user /'
"""


def fingerprint(host: str) -> set[str]:
    return set(inside(host, FINGERPRINT).splitlines())


def step_check() -> str:
    """--check --diff on bare hosts ends well and changes nothing."""
    before = {host: fingerprint(host) for host in HOSTS}
    play = playbook("molecule/default/converge.yml", "check.log", "--check", "--diff").must(hosts=len(HOSTS))
    if play.total("rescued"):
        raise Red(f"rescued: {', '.join(play.tasks('fatal'))}", "no failed task", play.log)
    for host in HOSTS:
        after = fingerprint(host)
        gone, new = sorted(before[host] - after), sorted(after - before[host])
        if gone or new:
            raise Red(
                f"{host} changed:\n" + "\n".join([*(f"  - {line}" for line in gone[:20]), *(f"  + {line}" for line in new[:20])]), "hosts untouched"
            )
    foreseen = play.text.count("check mode cannot foresee")
    if not foreseen:
        raise Red("no word about what check mode cannot foresee", "at least one such line on a bare host", play.log)
    return f"rc 0, hosts untouched, {foreseen} × 'cannot foresee'"


def step_converge() -> str:
    """The first converge, with -vvv --diff into a log, while command lines are sampled."""
    with Watch() as watch:
        play = playbook("molecule/default/converge.yml", "converge.log", "-vvv", "--diff")
    (BUILD / "processes-here.log").write_text("\n".join(watch.found))
    play.must(hosts=len(HOSTS))
    return f"{play.total('changed')} changed, {watch.samples} samples of this machine's processes"


def step_idempotence() -> str:
    """The second converge changes nothing."""
    play = playbook("molecule/default/converge.yml", "idempotence.log", quiet=True).must(changed=0, hosts=len(HOSTS))
    return f"0 changed, {play.total('ok')} ok"


DRIFT = """
cp -p /etc/nginx/prodready/sites/newsroom.conf /root/site.conf
cp -p /etc/systemd/system/gazette.service /root/gazette.service
echo '# drift' >> /etc/nginx/prodready/sites/newsroom.conf
sed -i 's/^TasksMax=.*/TasksMax=999/' /etc/systemd/system/gazette.service
cd / && runuser -u postgres -- psql -Xqc 'ALTER ROLE newsroom_app CREATEDB'
"""
MEND = """
cp -p /root/site.conf /etc/nginx/prodready/sites/newsroom.conf
cp -p /root/gazette.service /etc/systemd/system/gazette.service
rm /root/site.conf /root/gazette.service
cd / && runuser -u postgres -- psql -Xqc 'ALTER ROLE newsroom_app NOCREATEDB'
systemctl daemon-reload && systemctl reload nginx
"""


def step_drift() -> str:
    """--check --diff on converged hosts reports three planted drifts, and nothing else."""
    inside("m12", DRIFT)
    try:
        play = playbook("molecule/default/converge.yml", "drift.log", "--check", "--diff", quiet=True).must(hosts=len(HOSTS))
    finally:
        inside("m12", MEND)
    changed = play.tasks("changed")
    # What would follow from a drift is no drift of its own.
    own = [task for task in changed if not re.search(r"\| (Reload|Restart)", task)]
    expected = {"nginx", "gunicorn", "postgresql"}
    if {task.split(".")[2].split(" ")[0] for task in own} != expected or len(own) != len(expected) or any("m13" in task for task in own):
        raise Red(f"changed: {'; '.join(changed) or 'nothing'}", "one task each of nginx, gunicorn and postgresql, on m12 only", play.log)
    for sign in ("-# drift", "-TasksMax=999"):
        if sign not in play.text:
            raise Red(f"no line '{sign}' in the diff", "the drift itself in the diff", play.log)
    return f"3 drifts: {'; '.join(changed)}"


def step_verify() -> str:
    """A verification without any secret is green."""
    report = verify("verify.log", "-vvv")
    (BUILD / "baseline.json").write_text(json.dumps(items(report), indent=1))
    if not report["verdict"]["line"].startswith("SCOPE GREEN"):
        raise Red(report["verdict"]["line"], "SCOPE GREEN")
    hosts = {result["subject"]["host"] for result in report["results"].values()}
    if hosts != set(HOSTS):
        raise Red(f"results of {sorted(hosts)}", f"results of {list(HOSTS)}")
    pairs = {(result["check"], result["subject"]["instance"]) for result in report["results"].values() if result["subject"]["host"] == "m12"}
    # the gazette has its cache in the database
    single = sorted(check for check, name in pairs if name == "newsroom" and (check, "gazette") not in pairs and not check.startswith("redis."))
    if single:
        raise Red(f"m12 has no result of gazette for {single}", "two results of each check that looks at an app")
    return report["verdict"]["line"]


def step_failing() -> str:
    """A converge that fails half-way says why, harms nothing, and keeps its secrets."""
    before = pids("m12")
    play = playbook("molecule/default/converge.yml", "failing.log", "-vvv", "--diff", "--limit", "m12", "-e", "gazette_log_level=LOUD", quiet=True)
    if play.code == 0 or "LOG_LEVEL is 'LOUD'" not in play.text:
        raise Red(f"rc {play.code}", "a failure that quotes the last line of the settings' traceback", play.log)
    if pids("m12") != before:
        raise Red(f"main processes {pids('m12')}", f"{before}: nothing restarts", play.log)
    return "fails with the settings' own sentence; nothing restarted"


def step_leaks() -> str:
    """None of the planted secrets in logs, reports, journals, command lines or files of others."""
    for path, secret in planted().items():
        for text in (
            secret,
            repr([secret]),
            json.dumps(secret),
            quote(secret),
            *(base64.b64encode(f"{'x' * n}:{secret}@".encode()).decode() for n in range(3)),
        ):
            if not any(form.startswith(path) for form in leaks_in(text)):
                raise Red(f"{path} is not seen in one of its forms", "a search that finds what it looks for")
    found = (BUILD / "processes-here.log").read_text().splitlines()
    for folder in (BUILD, REPORTS):
        for file in sorted(folder.rglob("*")):
            if file.is_file() and STATE not in file.parents and ".git" not in str(file):
                found += [f"{file.relative_to(ROOT)}: {form}" for form in leaks_in(file.read_text(errors="replace"))]
    kept = 0
    wanted = "\n".join(needles()) + "\n"
    for host in HOSTS:
        journal = inside(host, "journalctl --no-pager --all --output=verbose")
        found += [f"journal of {host}: {form}" for form in leaks_in(journal)]
        if journal.count("\n") < 1000:
            raise Red(f"{journal.count(chr(10))} lines of journal on {host}", "a journal worth looking at")
        searched = "grep -rlaFf - --devices=skip --exclude-dir={proc,sys,dev,archives,journal} / 2>/dev/null | xargs -r stat -c '%a %U %n'"
        for line in inside(host, f"set +e; {searched}; true", stdin=wanted).splitlines():
            mode, owner, file = line.split(" ", 2)
            if file.startswith("/etc/prodready/") and owner == "root" and mode in ("600", "640"):
                kept += 1
            else:
                found.append(f"{host}:{file} ({mode} {owner})")
    if kept < 2 * 3:
        raise Red(f"only {kept} files hold secrets", "an environment file and an owner's file for each of three apps: does the search work?")
    samples = {host: len((BUILD / f"processes-{host}.log").read_text().splitlines()) for host in HOSTS if (BUILD / f"processes-{host}.log").exists()}
    if len(samples) < len(HOSTS) or min(samples.values()) < 50:
        raise Red(f"command lines sampled: {samples}", "at least 50 different ones on each host")
    if found:
        raise Red("planted secrets in\n" + "\n".join(f"  {line}" for line in found), "none")
    return f"{len(planted())} secrets in {len(needles())} forms: 0 found; {samples} command lines; {kept} private files hold them"


def step_oracle() -> str:
    """Other means than our probes decide the items, and agree with the report."""
    log = BUILD / "oracle.log"
    log.unlink(missing_ok=True)
    code = run(
        "pytest",
        "-q",
        "-rA",
        "--tb=short",
        "-p",
        "no:cacheprovider",
        str(FOLDER / "tests"),
        log=log,
        show=lambda line: line.startswith(("FAILED", "ERROR")),
    )
    told = log.read_text()
    if code != 0:
        raise Red(f"pytest ended with {code}", "agreement on each item", log)
    return next((line.strip("= ") for line in reversed(told.splitlines()) if " passed" in line), "passed")


def step_tarball() -> str:
    """The built collection, installed, sees under --check what the checkout sees without."""
    log = BUILD / "tarball.log"
    log.unlink(missing_ok=True)
    out, installed = BUILD / "tarball", ROOT / "build" / "installed"
    for folder in (out, installed):
        shutil.rmtree(folder, ignore_errors=True)
    elsewhere = BUILD / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    (elsewhere / "ansible.cfg").write_text("[defaults]\n")
    own = {"ANSIBLE_CONFIG": str(elsewhere / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(installed)}
    if run("ansible-galaxy", "collection", "build", "--output-path", str(out), log=log) != 0:
        raise Red("the collection cannot be built", "a tarball", log)
    tarball = next(out.glob("prodready-django-*.tar.gz"))
    if run("ansible-galaxy", "collection", "install", str(tarball), "--offline", "-p", str(installed), log=log, cwd=elsewhere, **own) != 0:
        raise Red("the tarball cannot be installed", "rc 0", log)
    report = verify("verify-tarball.log", "-v", "--check", *QUICK, name="prodready.django.verify", cwd=elsewhere, **own, ANSIBLE_PIPELINING="1")
    same(items(report), baseline(), "from the tarball and under --check")
    return f"{tarball.name}, {tarball.stat().st_size // 1024} kB: the same 176 statuses"


def step_reboot() -> str:
    """After a reboot the verification is the first thing that happens, and nothing is missing."""
    restarted = subprocess.run(["docker", "restart", container("m12")], capture_output=True, text=True)
    if restarted.returncode != 0:
        raise Red(restarted.stderr.strip(), "a restart of m12")
    deadline, state = time.monotonic() + 90, ""
    while time.monotonic() < deadline and state not in ("running", "degraded"):
        time.sleep(0.3)
        state = inside("m12", "systemctl is-system-running || true", check=False).strip()
    same(items(verify("verify-reboot.log", *QUICK)), baseline(), "after a reboot")
    return f"m12 is {state}: the same 176 statuses"


def pids(host: str) -> dict[str, str]:
    units = "newsroom.service gazette.service nginx.service postgresql@15-main.service" if host == "m12" else "newsroom.service nginx.service"
    script = f"for unit in {units}; do echo $unit $(systemctl show -p MainPID --value $unit); done"
    return dict(line.split() for line in inside(host, script).splitlines())


def step_one_app() -> str:
    """A change to one app restarts exactly that one."""
    before = pids("m12")
    # A motto with everything that is special in a unit's environment file.
    motto = "second 'edition' \"$HOME\" 100% \\n #1"
    changed = {"gazette_motto": motto, "gazette_admin_allow": ["127.0.0.1/32"], "nginx_trusted_proxies": ["127.0.0.3"]}
    play = playbook("molecule/default/converge.yml", "one-app.log", "--limit", "m12", "-e", json.dumps(changed), quiet=True).must(hosts=1)
    after = pids("m12")
    restarted = [unit for unit, pid in after.items() if pid != before[unit]]
    if restarted != ["gazette.service"]:
        raise Red(f"restarted: {restarted or 'nothing'}; changed: {'; '.join(play.tasks('changed'))}", "restarted: gazette.service", play.log)
    value = inside("m12", f"tr '\\0' '\\n' < /proc/{after['gazette.service']}/environ | sed -n 's/^MOTTO=//p'").rstrip("\n")
    if value != motto:
        raise Red(f"MOTTO={value} in the running process", f"MOTTO={motto}")
    return f"changed: {'; '.join(play.tasks('changed'))}"


def ask(path: str, *options: str, source: str = "127.0.0.1", domain: str = "gazette.test") -> list[str]:
    """Status, Retry-After and Location of what m12 answers to one of its own addresses."""
    words = " ".join([f"--interface {source}", f"--resolve {domain}:443:127.0.0.1", *options])
    told = inside("m12", f"curl -sk -o /dev/null -w '%{{http_code}},%header{{retry-after}},%{{redirect_url}}' {words} https://{domain}{path}")
    return told.strip().split(",")


def switch(state: str, log: str, code: int = 0) -> Any:
    options = ("--limit", "m12", "-e", f"maintenance_state={state}", "-e", "maintenance_app=gazette")
    return playbook("playbooks/maintenance.yml", log, *options, quiet=True).must(code=code)


def step_edge() -> str:
    """Who may see what, how often, and when: by curl, from addresses that are operator's, stranger's and a load balancer's."""
    stranger, balancer = "127.0.0.2", "127.0.0.3"
    claims = "-H 'X-Forwarded-For: 127.0.0.1'"
    login = ("-X POST", "-d username=nobody")
    found = {
        "the admin, operator": ask("/admin/")[0] in ("200", "302"),
        "the admin, stranger": ask("/admin/", source=stranger)[0] == "403",
        "the admin, stranger who claims to be the operator": ask("/admin/", claims, source=stranger)[0] == "403",
        "the admin, operator behind the balancer": ask("/admin/", claims, source=balancer)[0] in ("200", "302"),
        "the balancer itself": ask("/admin/", source=balancer)[0] == "403",
        "another domain": ask("/articles/?page=2", domain="www.newsroom.test")[::2] == ["308", "https://newsroom.test/articles/?page=2"],
    }
    answers = [ask("/accounts/login/", *login, source=stranger)[0] for _number in range(16)]
    found["a guesser is stopped, and not at once"] = answers[-1] == "429" and "429" not in answers[:8]
    found["nobody else is"] = ask("/accounts/login/", *login)[0] != "429"
    switch("on", "maintenance-on.log")
    status, retry, _url = ask("/", source=stranger)
    found["closed to strangers"] = status == "503" and int(retry or 0) > 0
    found["open to operators and monitors"] = ask("/")[0] == ask("/health/live", source=stranger)[0] == "200"
    found["the other site is open"] = ask("/", domain="newsroom.test", source=stranger)[0] == "200"
    switch("off", "maintenance-off.log")
    found["open again"] = ask("/", source=stranger)[0] == "200"
    inside("m12", "systemctl stop nginx")
    switch("on", "maintenance-unknown.log", code=2)
    inside("m12", "systemctl start nginx")
    switch("off", "maintenance-open.log")
    wrong = [what for what, holds in found.items() if not holds]
    if wrong:
        raise Red(f"{'; '.join(wrong)} (log-ins: {' '.join(answers)})", f"all of {len(found)}")
    return f"{len(found)} hold; a switch that nobody answers to is red"


def the_oracle(host: str, name: str) -> tuple[Any, Any]:
    """The module of the oracle, and the app it is to look at."""
    os.environ.update(environment())
    sys.path.insert(0, str(FOLDER / "tests"))
    import test_oracle  # noqa: PLC0415 - it needs the inventory that was only now written

    return test_oracle.oracle, next(app for app in test_oracle.apps() if (app.host_name, app.name) == (host, name))


def analyze() -> None:
    """What the nightly timer does: a cache in a table of a few rows changes whole within minutes, and its statistics are no break of ours."""
    inside("m12", "systemctl start prodready-postgresql@analyze.service")


def step_breaks(everything: bool = False) -> str:
    """One thing broken by hand makes exactly one item red, for our checks and for the oracle; healed, it is green again."""
    folder = BUILD / "breaks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    entries = [entry for entry in yaml.safe_load((FOLDER / "breaks.yml").read_text()) if everything or entry.get("always")]
    scope = scenario_scope()
    scope += sorted({entry["item"] for entry in entries if entry["item"].split(".")[0] not in scope})
    oracle, app = the_oracle("m12", "newsroom")
    options: dict[str, Any] = {"prodready_effects": "none", "prodready_scope": scope}
    if not everything:  # the sample is of one application and its host; looking at the three others each time takes twice as long
        options["prodready_apps"] = {app.name: app.options}
    limited = ("--limit", "m12", *QUICK, "-e", json.dumps(options))
    analyze()
    healthy = items(verify("breaks/start.log", *limited))
    broken = []
    for entry in entries:
        name, item = entry["name"], entry["item"]
        started = time.monotonic()
        analyze()
        inside("m12", entry["break"])
        try:
            # All else is as at the start: this is also where the break before is seen to be healed.
            report = verify(f"breaks/{name}.log", *limited, expected=1)
            blind = oracle.agrees(app, item)[0]
        finally:
            inside("m12", entry["heal"])
        now = items(report)
        differing = {one: status for one, status in now.items() if status != healthy[one]}
        unexpected = {one: status for one, status in differing.items() if one != item and status != "blocked"}
        if now[item] != "fail" or unexpected:
            raise Red(
                "\n".join([f"{name}: {differing or 'no item changed'}", *explain(report, differing)]),
                f"{item}: fail, and nothing else",
                BUILD / f"breaks/{name}.log",
            )
        if blind:
            raise Red(f"{name}: the oracle still finds {item} in order", "both find it broken")
        broken.append(item)
        say(f"    {time.monotonic() - started:5.1f} s  {name}: {item} red for both, rc 1")
    analyze()
    same(items(verify("breaks/end.log", *limited)), healthy, "healed")
    if len(set(broken)) < 10:
        raise Red(f"{len(set(broken))} items broken", "at least ten")
    return f"{len(set(broken))} items red one by one, for our checks and for the oracle, and healed"


SEQUENCE = (
    Step("destroy-old", step_destroy),
    Step("create", step_create),
    Step("check", step_check),
    Step("converge", step_converge),
    Step("idempotence", step_idempotence),
    Step("drift", step_drift),
    Step("verify", step_verify),
    Step("tarball", step_tarball),
    Step("oracle", step_oracle),
    Step("failing", step_failing),
    Step("leaks", step_leaks),
    Step("reboot", step_reboot),
    Step("one-app", step_one_app),
    Step("edge", step_edge),
)
BREAKS = Step("breaks", step_breaks)
ALL_BREAKS = Step("breaks", partial(step_breaks, everything=True))
LAST = Step("destroy", step_destroy)


def choose(name: str) -> list[Step]:
    """`default` is all of it; `breaks` breaks everything there is, on hosts that were kept or on new ones."""
    if name == "default":
        return [*SEQUENCE, BREAKS]
    running = subprocess.run(["docker", "inspect", container("m12")], capture_output=True).returncode == 0
    needed = ("destroy-old", "create", "converge", "verify")
    return [*(step for step in SEQUENCE if step.name in needed and not running), ALL_BREAKS]
