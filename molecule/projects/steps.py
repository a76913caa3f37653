# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scenario `projects`: any Django project is deployed unedited, and what cannot be provisioned leaves the old one serving."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))
from harness import Red, Scenario, Step, explain, items, reds, say  # noqa: E402 - beside this folder

SCENARIO = Scenario("projects", ("other",))
FOLDER, BUILD = SCENARIO.folder, SCENARIO.build
playbook = SCENARIO.playbook
APPS = ("-e", f"@{FOLDER / 'vars' / 'apps.yml'}")
PAGES = {"mysite": ("/", "/admin/login/"), "bugs": ("/accounts/login/", "/health/ready")}


def inside(script: str) -> str:
    return SCENARIO.inside("other", script)


def answer(app: str, path: str) -> str:
    return inside(f"curl -sk -o /dev/null -w '%{{http_code}}' --resolve {app}.test:443:127.0.0.1 https://{app}.test{path}").strip()


def serving(when: str) -> None:
    """Both projects answer on all their pages."""
    wrong = [f"{app}{path}: {answer(app, path)}" for app, paths in PAGES.items() for path in paths if answer(app, path) != "200"]
    if wrong:
        raise Red(f"{when}: {', '.join(wrong)}", "200 each")


def step_destroy() -> str:
    """No hosts are left."""
    BUILD.mkdir(parents=True, exist_ok=True)
    SCENARIO.molecule("destroy", BUILD / "molecule.log")
    return "no hosts"


def step_create() -> str:
    """A fresh host with a real ACME server on it, and two projects that nobody here wrote."""
    SCENARIO.molecule("create", BUILD / "molecule.log")
    SCENARIO.molecule("syntax", BUILD / "molecule.log")
    SCENARIO.acme_server("pebble.log", "bugs.test")
    settings = (BUILD / "mysite" / "mysite" / "settings" / "dev.py").read_text()
    if "DEBUG = True" not in settings or "sqlite3" not in (BUILD / "mysite" / "mysite" / "settings" / "base.py").read_text():
        raise Red("a site that is ready for production", "wagtail's own: DEBUG and SQLite written down")
    return "up"


def site(log: str, *options: str):
    return playbook("site.yml", log, "--tags", "provision", *APPS, *options, quiet=True)


def step_converge() -> str:
    """Both are deployed as they are, and what was laid over their settings is printed."""
    play = site("converge.log").must()
    serving("after the first run")
    for word in ("DEBUG", "DATABASES", "CACHES"):
        if word not in play.text:
            raise Red(f"no word of {word}", "what was overlaid, setting by setting", play.log)
    changed = inside(
        "cd /srv/mysite/current/source && find . -name '*.py' ! -path '*/__pycache__/*' -type f | sort | xargs sha256sum | sha256sum"
    ).split()[0]
    made = SCENARIO.run(
        "bash",
        "-c",
        f"cd {BUILD}/mysite && find . -name '*.py' ! -path '*/__pycache__/*' -type f | sort | xargs sha256sum | sha256sum > {BUILD}/made",
        log=BUILD / "molecule.log",
    )
    if made != 0 or changed != (BUILD / "made").read_text().split()[0]:
        raise Red("another source on the host", "the project unedited")
    return "both answer; nothing of theirs was edited"


def step_verify() -> str:
    """The running processes are in order in all of the group `environment_variables`."""
    play = playbook("site.yml", "verify.log", "--tags", "verify", *APPS, quiet=True)
    report = SCENARIO.latest()
    if play.code != 0:
        raise Red("\n".join([report["verdict"]["line"], *explain(report, reds(report))]), "SCOPE GREEN", play.log)
    return f"{report['verdict']['line']}; {sum(status == 'pass' for status in items(report).values())} items pass"


FAILING = """from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("home", "0002_create_homepage")]
    operations = [migrations.RunSQL("SELECT 1/0")]
"""


RUNNING = "readlink /srv/*/current; systemctl show -p MainPID --value mysite.service bugs.service nginx.service"


def refused(name: str, options: dict[str, Any], *words: str) -> None:
    """A run ends in these words; what served before still serves."""
    before = inside(RUNNING)
    play = site(f"{name}.log", "-e", json.dumps(options))
    said = " ".join(play.text.split())  # long sentences are wrapped
    missing = [word for word in words if word not in said]
    if play.code == 0 or missing:
        raise Red(f"rc {play.code}; not said: {missing}", "a refusal in these words", play.log)
    if inside(RUNNING) != before:
        raise Red("another release or another process", "what served before, untouched", play.log)
    serving(f"after {name}")


def refused_project(name: str, change: Callable[[Path], object], *words: str, **options: Any) -> None:
    """The same of a changed project."""
    folder = BUILD / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(BUILD / "mysite", folder)
    change(folder)
    refused(name, {"mysite_source": str(folder), **options}, *words)


def refused_untouched(name: str, options: dict[str, Any], *words: str) -> None:
    """The same of what is refused before anything is touched."""
    inside("touch /run/before; sleep 0.1")
    refused(name, options, *words)
    written = inside("find /etc /srv /usr/local -xdev -newer /run/before -not -path '*/__pycache__*'").split()
    if written:
        raise Red(f"written: {', '.join(written)}", "nothing touched", BUILD / f"{name}.log")


def step_refusals() -> str:
    """A migration that fails and a lock file that contradicts: a sentence each, and the old release serves on."""
    refused_project(
        "failing-migration", lambda folder: (folder / "home" / "migrations" / "0003_fails.py").write_text(FAILING), "0003_fails", "division by zero"
    )
    lock = "Django==5.2.1 --hash=sha256:" + "0" * 64 + "\n"
    refused_project("wrong-hash", lambda folder: (folder / "requirements.txt").write_text(lock), "Hash mismatch", mysite_hashes=True)
    return "two refusals, both projects served all the while"


def step_limits() -> str:
    """A pool larger than PostgreSQL allows, one smaller than its app, domains that lead elsewhere: a sentence each, and nothing is touched."""
    refused_untouched("large-pool", {"mysite_pool": 120}, "are more than postgresql_max_connections: 100; expected them to fit")
    refused_untouched("small-pool", {"mysite_pool": 3}, "pool smaller than its application: found mysite has 3 connections and needs")
    inside("echo 192.0.2.1 elsewhere.test >> /etc/hosts")
    strays = {"bugs_domains": ["bugs.test", "nowhere.invalid", "elsewhere.test"]}
    refused_untouched("stray-domains", strays, "nowhere.invalid with no address", "elsewhere.test at 192.0.2.1", "Nothing was changed.")
    return "three refusals, nothing written"


def certificates(*words: str) -> str:
    """What the program says that the timer of renewals runs."""
    return inside(f"/usr/bin/python3 -E -s -B /usr/local/lib/prodready/certificates.py {' '.join(words)} 2>&1 || echo ended with $?")


def step_acme_away() -> str:
    """The ACME server is away: what is due is refused, a run without it changes nothing, a failed renewal keeps the certificate and says so."""
    before = SCENARIO.served_certificate("other", "bugs.test")
    if "Pebble" not in before:
        raise Red(before, "a certificate of the ACME server")
    inside("systemctl stop pebble; echo 127.0.0.1 www.bugs.test >> /etc/hosts")
    away = "found no ACME server at https://localhost:14000/dir"
    refused_untouched("acme-away", {"bugs_domains": ["bugs.test", "www.bugs.test"]}, away, "Nothing was changed.")
    again = site("idempotence.log").must(changed=0)
    said = certificates("renew", "--force", "bugs")
    for word in ("not issued by the ACME server", "What was served before is served on", "What to do: see that this host reaches", "ended with 1"):
        if word not in said:
            raise Red(said, f"'{word}'")
    if SCENARIO.served_certificate("other", "bugs.test") != before:
        raise Red("another certificate", before)
    scope = ("-e", json.dumps({"prodready_scope": ["application_security.certificates"]}))
    report = SCENARIO.verify("acme-away-verify.log", *APPS, *scope, expected=2)
    red = [one["reason"] for key, one in report["results"].items() if "certificate.renewal_scheduled" in key and one["status"] == "fail"]
    if len(red) != 1 or "not issued by the ACME server" not in red[0]:
        raise Red(f"{report['verdict']['line']}; {red}", "the one renewal that failed, in the program's words")
    inside("systemctl start pebble")
    said = certificates("renew", "--force", "bugs")
    if SCENARIO.served_certificate("other", "bugs.test") == before or "ended with" in said:
        raise Red(said, "a new certificate, of a server that forgot the account")
    return f"refused, kept and said; 0 changed, {again.total('ok')} ok; renewed when it was back"


SEQUENCE = (
    Step("destroy-old", step_destroy),
    Step("create", step_create),
    Step("converge", step_converge),
    Step("verify", step_verify),
    Step("limits", step_limits),
    Step("acme-away", step_acme_away),
    Step("refusals", step_refusals),
)
LAST = Step("destroy", step_destroy)


def choose(_name: str) -> list[Step]:
    say(f"projects: {', '.join(PAGES)}")
    return [*SEQUENCE]
