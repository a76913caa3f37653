# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scenario `life`: on a server that has a life of its own nothing is taken over by accident, and what was there goes on working."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))
from harness import ROOT, Play, Red, Scenario, Step, explain, items, reds, say  # noqa: E402 - beside this folder

SCENARIO = Scenario("life", ("old",))
FOLDER, BUILD, REPORTS = SCENARIO.folder, SCENARIO.build, SCENARIO.reports
playbook, inside = SCENARIO.playbook, SCENARIO.inside
SUDO = ("-e", "ansible_become_password=sudo-Passw0rd-of-old")
OURS = {"postgresql_adopt_existing": True, "pgbouncer_adopt_existing": True, "redis_adopt_existing": True, "nginx_adopt_existing": True}
ADOPT = ("-e", json.dumps(OURS))
LIFE = {
    "database 1000",
    "work_mem 7MB",
    "pooled 1000",
    "redis remembered",
    "site the legacy site",
    "proxied the legacy application",
    "listener the legacy application",
}
NEWSROOM = "curl -sk -o /dev/null -w '%{http_code}' --resolve newsroom.test:443:127.0.0.1 https://newsroom.test/"
SQL = "cd / && runuser -u postgres -- psql -XAtq -d newsroom -c"

# systemd's clock service is started by whoever asks for the time zone, and ends by itself.
FINGERPRINT = r"""
dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' | sed 's/^/package /'
find /etc /srv /opt /usr/local /var/www /var/lib /home /root -xdev \( -path '*/.ansible' -o -path /var/lib/postgresql -o -path /var/lib/apt -o -path /var/lib/systemd \
  -o -path /var/lib/sudo -o -path /var/lib/private \) -prune -o -type f -printf 'file %p %m %u:%g %s %T@\n' | sort
systemctl list-units --all --no-legend --plain --type=service,socket,timer | awk '$3 != "inactive" {print "unit", $1, $3}' | grep -v -E 'user@|user-runtime|systemd-tmpfiles-clean|systemd-timedated|ssh@|apt-daily|session-'
systemctl show -p MainPID nginx postgresql@15-main pgbouncer redis-server legacy-app
cd / && runuser -u postgres -- psql -XAtqc "SELECT 'role ' || rolname FROM pg_roles UNION SELECT 'database ' || datname FROM pg_database ORDER BY 1"
"""


def fingerprint() -> set[str]:
    return set(inside("old", FINGERPRINT).splitlines())


def alive(when: str) -> None:
    """All of the old life works."""
    found = set(inside("old", (FOLDER / "alive.sh").read_text(), check=False).splitlines())
    if found != LIFE:
        raise Red(f"{when}: {sorted(found - LIFE)} instead of {sorted(LIFE - found)}", "the old life goes on")


def site(log: str, *options: str) -> Play:
    return playbook("site.yml", log, *options)


def step_destroy() -> str:
    """No hosts are left."""
    BUILD.mkdir(parents=True, exist_ok=True)
    SCENARIO.molecule("destroy", BUILD / "molecule.log")
    return "no hosts"


def step_create() -> str:
    """A server of somebody's, with a life of its own."""
    SCENARIO.molecule("create", BUILD / "molecule.log")
    SCENARIO.molecule("syntax", BUILD / "molecule.log")
    inside("old", (FOLDER / "life.sh").read_text())
    alive("at the start")
    return "a database with a pooler, a Redis, a site, a proxied application and a listener live here"


def step_audit() -> str:
    """An audit of a host that we did not build changes nothing on it and misses no line."""
    before = fingerprint()
    play = playbook("site.yml", "audit.log", "--tags", "verify", *SUDO, quiet=True)
    if differing := before ^ fingerprint():
        raise Red("the host changed:\n" + "\n".join(sorted(differing)[:20]), "an untouched host", play.log)
    report = SCENARIO.latest()
    if len(items(report)) != 176 or play.code == 0:
        raise Red(f"{len(items(report))} items, rc {play.code}", "176 items and not rc 0", play.log)
    passed = sum(status == "pass" for status in items(report).values())
    return f"176 items, {passed} pass, host untouched: {report['verdict']['line']}"


def step_sudo() -> str:
    """A missing or a wrong sudo password is said in a sentence, and there is a report all the same."""
    for name, options in (("missing", ()), ("wrong", ("-e", "ansible_become_password=wrong"))):
        before = SCENARIO.run_id()
        play = site(f"sudo-{name}.log", *options)
        if play.code == 0 or not re.search(r"sudo password|password is required|[Pp]assword", play.text):
            raise Red(f"rc {play.code}", "a failure that speaks of the password", play.log)
        if SCENARIO.run_id() == before or len(items(SCENARIO.latest())) != 176:
            raise Red("no report of this run", "176 lines, whatever became of the host", play.log)
    return "said twice, with a report each"


def step_refuse() -> str:
    """What is somebody else's is listed, one owner after the other, and nothing is touched."""
    refusals = (
        ({}, ("postgresql_adopt_existing", "15/main", "legacy")),
        ({**OURS, "pgbouncer_adopt_existing": False}, ("pgbouncer_adopt_existing", "with the databases legacy on port 6432")),
        (
            {**OURS, "pgbouncer_settings": {"default_pool_size": 95}},
            ("pools larger than PostgreSQL allows", "95 of databases that are kept (legacy)"),
        ),
        ({**OURS, "redis_adopt_existing": False}, ("redis_adopt_existing", "/etc/redis/redis.conf, which was edited", "data in /var/lib/redis")),
        ({**OURS, "nginx_adopt_existing": False}, ("nginx_adopt_existing", "sites-enabled/legacy")),
        ({**OURS, "nginx_http_port": 8000}, ("nginx_http_port", "8000")),
    )
    before = fingerprint()
    for number, (options, words) in enumerate(refusals, 1):
        play = site(f"refuse-{number}.log", "--tags", "provision", *SUDO, "-e", json.dumps(options))
        said = " ".join(play.text.split())  # long sentences are wrapped
        missing = [word for word in words if word not in said]
        if play.code == 0 or missing:
            raise Red(f"rc {play.code}; not said: {missing}", "a refusal in these words", play.log)
        if differing := before ^ fingerprint():
            raise Red(f"differing: {sorted(differing)[:20]}", "a refusal that leaves the host as it was", play.log)
    alive("after the refusals")
    return f"{len(refusals)} refusals, host untouched"


def step_foresee() -> str:
    """--check --diff before the adoption, as the documentation asks for, ends well and touches nothing."""
    before = fingerprint()
    play = site("foresee.log", "--check", "--diff", "--tags", "provision", *SUDO, *ADOPT).must()
    said = " ".join(play.text.split())
    if "15/main was made by somebody else and is put under this role" not in said or "check mode cannot foresee settings, access rules" not in said:
        raise Red("not said what adoption changes", "what it changes, and what cannot be foreseen", play.log)
    if differing := before ^ fingerprint():
        raise Red(f"differing: {sorted(differing)[:20]}", "a look that leaves the host as it was", play.log)
    return f"rc 0, {play.text.count('cannot foresee')} × 'cannot foresee', host untouched"


def step_adopt() -> str:
    """Adopted, what was there goes on working beside what is ours; all is green but what somebody else's site does not do."""
    play = site("adopt.log", *SUDO, *ADOPT)
    alive("after adoption")
    failed = [task for task in play.tasks("fatal") if not task.startswith("Write the report")]
    if failed:
        raise Red("; ".join(failed), "no failed task", play.log)
    if inside("old", NEWSROOM).strip() != "200":
        raise Red(f"newsroom answers {inside('old', NEWSROOM)}", "200", play.log)
    report = SCENARIO.latest()
    red = reds(report)
    theirs = [line for line in explain(report, red) if "legacy.test, location /app/" in line]
    if red != {"web_server.reverse_proxy": "fail"} or not theirs:
        raise Red("\n".join(explain(report, red)), "one red item: the site legacy.test does not tell its application how it is asked", play.log)
    return report["verdict"]["line"]


def step_again() -> str:
    """The second run changes nothing."""
    play = site("again.log", "--tags", "provision", *SUDO, *ADOPT).must(changed=0)
    alive("after the second run")
    return f"0 changed, {play.total('ok')} ok"


def step_works() -> str:
    """What the sandbox must let through: a cover in all widths without a word of its camera, and a letter that arrives."""
    password = yaml.safe_load((FOLDER / "secrets.yml").read_text())["prodready_secrets"]["newsroom"]["superuser"]["password"]
    said = inside("old", f"DOMAIN=newsroom.test PASSWORD={password}\n{(FOLDER / 'works.sh').read_text()}").splitlines()
    if said != ["widths 3", "exif gone", "registered 201", "mail delivered"]:
        raise Red(f"{said}", "a picture in three widths, no EXIF, an account, and its letter at the mail server")
    for command in documented("newsroom"):
        inside("old", command)
    return ", ".join([*said, "the documented commands run"])


def documented(app: str) -> list[str]:
    """The management commands of django_app's page, for one app."""
    commands = re.findall("^sudo sh -c .+$", (ROOT / "roles" / "django_app" / "README.md").read_text(), re.MULTILINE)
    if len(commands) != 2:
        raise Red(f"{len(commands)} commands in roles/django_app/README.md", "two: showmigrations and migrate")
    return [command.replace("APP", app) for command in commands]


def step_rootless() -> str:
    """Without root a verification says what needs root, and calls nothing a failure that it cannot know."""
    playbook("site.yml", "with-root.log", "--tags", "verify", *SUDO, "-e", "prodready_effects=none", quiet=True)
    known = SCENARIO.latest()["results"]
    play = playbook("site.yml", "rootless.log", "--tags", "verify", "-e", "prodready_effects=none", quiet=True)
    found = SCENARIO.latest()["results"]
    if play.code == 0:
        raise Red("rc 0", "not rc 0: not knowing is never passing", play.log)
    wrong = [
        f"{key}: {result['status']} ({result['reason'] or result['observed']})"
        for key, result in found.items()
        if result["status"] not in ("error", "blocked", "not_run") and result["status"] != known[key]["status"]
    ]
    needing = [key for key, result in found.items() if result["status"] == "error" and "needs root" in (result["reason"] or "")]
    other = [
        f"{key}: {result['reason']}"
        for key, result in found.items()
        if result["status"] == "error" and key not in needing and known[key]["status"] != "error"
    ]
    if wrong or other or len(needing) < 10:
        raise Red(
            "\n".join([f"{len(needing)} need root", *wrong[:20], *other[:20]]), "either the same as with root, or `error: needs root`", play.log
        )
    same = sum(result["status"] == known[key]["status"] for key, result in found.items())
    return f"{same} of {len(found)} results as with root, {len(needing)} say that they need root"


def step_remove() -> str:
    """Removed, nothing of the app is left but its data; the old life goes on."""
    rows = inside("old", f"{SQL} 'SELECT count(*) FROM articles_article'").strip()
    remove = ("-e", "remove_app=newsroom", "-e", "remove_confirm=newsroom")
    playbook("playbooks/remove.yml", "remove-unconfirmed.log", *SUDO, "-e", "remove_app=newsroom", quiet=True).must(code=2)
    playbook("playbooks/remove.yml", "remove-check.log", *SUDO, *ADOPT, *remove, "--check", quiet=True).must()
    if inside("old", NEWSROOM).strip() != "200":
        raise Red("the app is gone after --check", "an app that serves")
    play = playbook("playbooks/remove.yml", "remove.log", *SUDO, *ADOPT, *remove).must()
    alive("after removal")
    left = inside(
        "old",
        "ls -d /etc/systemd/system/newsroom* /etc/prodready/newsroom /srv/newsroom/releases /etc/nginx/prodready/sites/newsroom* 2>/dev/null || true",
    ).split()
    if left or inside("old", f"{SQL} 'SELECT count(*) FROM articles_article'").strip() != rows:
        raise Red(f"left: {left}", "nothing but the data", play.log)
    playbook("playbooks/remove.yml", "remove-again.log", *SUDO, *ADOPT, *remove, quiet=True).must(changed=0)
    back = site("back.log", "--tags", "provision", *SUDO, *ADOPT)
    back.must()
    if inside("old", NEWSROOM).strip() != "200" or inside("old", f"{SQL} 'SELECT count(*) FROM articles_article'").strip() != rows:
        raise Red("the app did not come back with its data", f"200 and {rows} articles", back.log)
    return f"gone, and back with its {rows} articles"


SEQUENCE = (
    Step("destroy-old", step_destroy),
    Step("create", step_create),
    Step("audit", step_audit),
    Step("sudo", step_sudo),
    Step("refuse", step_refuse),
    Step("foresee", step_foresee),
    Step("adopt", step_adopt),
    Step("again", step_again),
    Step("works", step_works),
    Step("rootless", step_rootless),
    Step("remove", step_remove),
)
LAST = Step("destroy", step_destroy)


def choose(_name: str) -> list[Step]:
    say(f"scenario life with {SCENARIO.environment()['PATH'].split(':')[0].removeprefix(str(ROOT) + '/')}")
    return [*SEQUENCE]
