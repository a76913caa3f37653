# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scenario `projects`: any Django project is deployed unedited, and what cannot be provisioned leaves the old one serving."""

from __future__ import annotations

import base64
import io
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))
from harness import Play, Red, Scenario, Step, explain, items, reds, say  # noqa: E402 - beside this folder

SCENARIO = Scenario("projects", ("other",))
FOLDER, BUILD = SCENARIO.folder, SCENARIO.build
playbook = SCENARIO.playbook
APPS = ("-e", f"@{FOLDER / 'vars' / 'apps.yml'}")
PAGES = {"mysite": ("/", "/admin/login/"), "bugs": ("/accounts/login/", "/health/ready")}


def inside(script: str) -> str:
    return SCENARIO.inside("other", script)


def answer(app: str, path: str) -> str:
    return inside(f"curl -sk -o /dev/null -w '%{{http_code}}' --resolve {app}.test:443:127.0.0.1 https://{app}.test{path} || true").strip()


def serving(when: str) -> None:
    """The projects that are there answer on all their pages."""
    there = [app for app in PAGES if app in inside("ls -d /srv/*/current")]
    wrong = [f"{app}{path}: {answer(app, path)}" for app in there for path in PAGES[app] if answer(app, path) != "200"]
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


def refuses(play: Play, words: tuple[str, ...]) -> None:
    """A run ended in these words."""
    said = " ".join(play.text.split())  # long sentences are wrapped
    missing = [word for word in words if word not in said]
    if play.code == 0 or missing:
        raise Red(f"rc {play.code}; not said: {missing}", "a refusal in these words", play.log)


def refused(name: str, options: dict[str, Any], *words: str) -> None:
    """A run ends in these words; what served before still serves."""
    before = inside(RUNNING)
    play = site(f"{name}.log", "-e", json.dumps(options))
    refuses(play, words)
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


def step_way_back() -> str:
    """A setting PostgreSQL finds no fault with and does not start with: it runs with those before, and the run says what it refused."""
    options = {"postgresql_settings": {"huge_pages": "on"}}
    refused(
        "no-huge-pages",
        options,
        "does not start with the new settings",
        "it runs with those before again",
        "shared memory",
        "Change postgresql_settings",
    )
    again = site("idempotence.log").must(changed=0)
    return f"refused and back; 0 changed, {again.total('ok')} ok"


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
    if SCENARIO.other_certificate("other", "bugs.test", before) == before or "ended with" in said:
        raise Red(said, "a new certificate, of a server that forgot the account")
    return f"refused, kept and said; 0 changed, {again.total('ok')} ok; renewed when it was back"


# --- a private project, from a forge --------------------------------------------------------------

SECRETS = BUILD / "secrets.yml"
KEY, KNOWN_HOSTS, CERTIFICATE = BUILD / "deploy_key", BUILD / "known_hosts", BUILD / "forge.pem"
#: What a look must not change: files, users, roles and databases, and who runs.
FINGERPRINT = r"""
find /etc /srv /opt /usr/local -xdev \( -path '*/__pycache__*' -o -path '/srv/forge*' \) -prune -o -type f -printf '%p %m %u:%g %s %T@\n' | sort
cut -d: -f1 /etc/passwd
cd / && runuser -u postgres -- psql -XAtqc "SELECT rolname FROM pg_roles UNION SELECT datname FROM pg_database ORDER BY 1"
systemctl show -p MainPID --value mysite.service bugs.service nginx.service postgresql@15-main.service pgbouncer.service
"""


def address() -> str:
    return inside("hostname -I").split()[0]


def packed() -> str:
    """The project as the forge gets it."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        archive.add(FOLDER / "small", "small", filter=lambda member: None if "__pycache__" in member.name else member)
    return base64.b64encode(target.getvalue()).decode()


def step_remove_one() -> str:
    """One of two projects goes, the other serves on, by the same processes."""
    before = inside("systemctl show -p MainPID --value mysite.service nginx.service pgbouncer.service")
    options = ("-e", "remove_app=bugs", "-e", "remove_confirm=bugs")
    play = playbook("playbooks/remove.yml", "remove-one.log", *options, *APPS, quiet=True).must()
    left = inside(
        "ls -d /etc/systemd/system/bugs* /etc/prodready/bugs /srv/bugs/releases /etc/nginx/prodready/sites/bugs* 2>/dev/null || true"
    ).split()
    if left or answer("bugs", "/") == "200" or inside("systemctl show -p MainPID --value mysite.service nginx.service pgbouncer.service") != before:
        raise Red(f"left: {left}; bugs answers {answer('bugs', '/')}", "nothing of bugs, the other untouched", play.log)
    serving("after the removal")
    return "gone; the other served by the same processes"


def step_forge() -> str:
    """A forge that wants a token or a deploy key, an index that wants a password, and the Redis of another host."""
    KEY.unlink(missing_ok=True)
    SCENARIO.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "deploy", "-f", str(KEY), log=BUILD / "molecule.log")
    token = "Forge" + secrets.token_hex(16)
    public = KEY.with_suffix(".pub").read_text().strip()
    begin = f"ADDRESS={address()} TOKEN={token} KEY='{public}'\nexec < <(base64 -d <<<'{packed()}')\n"
    inside(begin + (FOLDER / "forge.sh").read_text())
    KNOWN_HOSTS.write_text(inside("cat /srv/forge/known_hosts"))
    CERTIFICATE.write_text(inside("cat /srv/forge/ca.pem"))
    for name in ("small-1.pem", "small-1.key", "small-2.pem", "small-2.key"):
        (BUILD / name).write_text(inside(f"cat /srv/forge/{name}"))
    ours = yaml.safe_load((FOLDER / "secrets.yml").read_text())["prodready_secrets"]
    ours["small"] = {
        **{name: "Small" + secrets.token_hex(24) for name in ("secret_key", "database_owner_password", "database_app_password", "redis_password")},
        "git": {"username": "reader", "token": token},
        "uv_environment": {"UV_INDEX": f"https://reader:{token}@forge.test:8443/simple"},
    }
    SECRETS.touch(0o600)
    SECRETS.write_text(yaml.safe_dump({"prodready_secrets": ours}))
    cache("cache.log", "provision", redis_password=ours["small"]["redis_password"]).must()
    return "up"


def cache(log: str, tag: str, **variables: str) -> Play:
    options = {"forge_address": address(), **variables}
    return playbook("molecule/projects/cache.yml", log, "--tags", tag, "-e", json.dumps(options), quiet=True)


def small(log: str, source: dict[str, Any], *options: str, overlay: str = "auto", **variables: Any) -> Play:
    """The two projects, the private one from a source."""
    more = {
        "small_source": source,
        "small_overlay": overlay,
        "small_certificate": str(BUILD / "small-2.pem"),
        "small_key": str(BUILD / "small-2.key"),
        "forge_address": address(),
        "host_extra_ca_certificates": [str(CERTIFICATE), *map(str, Path("/usr/local/share/ca-certificates").glob("*.crt"))],
        "prodready_secrets_file": str(SECRETS),
        **variables,
    }
    return playbook(
        "site.yml",
        log,
        *("--tags", "provision", *APPS, "-e", f"@{FOLDER / 'vars' / 'small.yml'}", "-e", json.dumps(more), *options),
        quiet=True,
        GIT_SSL_CAINFO=str(CERTIFICATE),
    )


def by_https(version: str) -> dict[str, Any]:
    return {"type": "git", "repository": f"https://{address()}:8443/git/small.git", "version": version}


def by_ssh(version: str) -> dict[str, Any]:
    return {"type": "git", "repository": f"ssh://git@{address()}/srv/forge/git/small.git", "version": version, "known_hosts": str(KNOWN_HOSTS)}


def change_secrets(change: Callable[[dict[str, Any]], object]) -> None:
    told = yaml.safe_load(SECRETS.read_text())
    change(told["prodready_secrets"]["small"])
    SECRETS.write_text(yaml.safe_dump(told))


def says(edition: str, when: str) -> None:
    """The page is of that commit, uses the private package, and counts in the cache; the others serve, too."""
    pages = [inside("curl -sk --resolve small.test:443:127.0.0.1 https://small.test/").strip() for _number in range(2)]
    counts = [int(page.split()[-2]) for page in pages if page.startswith(f"edition {edition}, blue, asked ")]
    if len(counts) != 2 or counts[1] != counts[0] + 1:
        raise Red(f"{when}: {pages}", f"edition {edition}, blue, asked once more each time")
    serving(when)


def overlaid() -> bool:
    return "prodready_settings" in inside("grep ^DJANGO_SETTINGS_MODULE /etc/prodready/small/env")


def step_foresee() -> str:
    """--check --diff before a further app comes to hosts that serve others ends well and touches nothing."""
    before = inside(FINGERPRINT)
    play = small("foresee.log", by_https("v1"), "--check", "--diff").must()
    if differing := set(before.splitlines()) ^ set(inside(FINGERPRINT).splitlines()):
        raise Red(f"differing: {sorted(differing)[:20]}", "a look that leaves the host as it was", play.log)
    return f"rc 0, {play.total('changed')} would change, host untouched"


def step_sources() -> str:
    """A tag by token, a branch and a commit by deploy key, an archive; settings overlaid always, where needed, and never; provided certificates."""
    if inside("getent passwd small || true"):
        raise Red("a user small", "none before it is deployed")
    archive, sign = BUILD / "mysite.tar.gz", "/srv/mysite/current/source/from-an-archive"
    with tarfile.open(archive, "w:gz") as target:
        target.add(BUILD / "mysite", "mysite")
        target.addfile(tarfile.TarInfo("mysite/from-an-archive"))
    site_of = {"mysite_type": "archive", "mysite_source": str(archive)}
    first = {"small_certificate": str(BUILD / "small-1.pem"), "small_key": str(BUILD / "small-1.key")}
    small("tag.log", by_https("v1"), "-vvv", "--diff", overlay="always", **site_of, **first).must()
    says("tagged", "a tag by https and token")
    served = SCENARIO.served_certificate("other", "small.test")
    if not overlaid() or inside(f"ls {sign} || true").strip() != sign:
        raise Red(f"overlaid: {overlaid()}; of the archive: {inside(f'ls {sign} || true')}", "an overlay, as it is always; mysite from the archive")
    # As a run that is killed between the pooler's pause and the restart of the server leaves it.
    inside("cd / && runuser -u postgres -- psql -Xqw -h /run/postgresql -p 6432 -U pgbouncer pgbouncer -c PAUSE")
    key = KEY.read_text()
    change_secrets(lambda mine: mine.update(git={"deploy_key": key}))
    play = small("branch.log", by_ssh("next"), "-vvv", "--diff").must()
    says("branched", "a branch by SSH and deploy key")
    if overlaid():
        raise Red("an overlay", "none, as auto finds nothing to overlay", play.log)
    if "forge authority" not in served or SCENARIO.other_certificate("other", "small.test", served) == served:
        raise Red(served, "the certificate that was provided, and the one that replaced it")
    small("commit.log", by_ssh(inside("cat /srv/forge/committed").strip()), overlay="never").must()
    says("committed", "a commit by SSH and deploy key")
    cache("cache-verify.log", "verify").must(changed=0)
    owners = inside("find /srv/small/current/ /srv/mysite/current/ \\( ! -user root -o -perm /022 \\) ! -type l | head -5").split()
    if owners or "prodready-build" in inside("ps -eo user= | sort -u"):
        raise Red(f"{owners}; a process of the builder", "releases that are root's alone, and no builder left")
    return "tagged, branched, committed; from an archive; overlaid always, as needed, never"


def step_private() -> str:
    """What a forge or an index does not give out is refused in a sentence, and no secret of theirs is anywhere."""
    mine = yaml.safe_load(SECRETS.read_text())["prodready_secrets"]["small"]
    token = mine["uv_environment"]["UV_INDEX"].partition("reader:")[2].partition("@")[0]
    key = KEY.read_text().splitlines()[2][:60]
    cases = (
        ("ref", by_ssh("nexd"), mine["git"], ("the git ref 'nexd' does not exist", "next")),
        (
            "token",
            by_https("v1"),
            {"username": "reader", "token": "Wrong" + "x" * 20},
            ("git cannot read", "Authentication failed", "token or deploy_key"),
        ),
        ("host-key", {**by_ssh("next"), "known_hosts": str(FOLDER / "README.md")}, mine["git"], ("git cannot read", "Host key verification failed")),
    )
    pairs = (
        ("pair", {"small_key": str(BUILD / "small-1.key")}, ("key_file does not belong to certificate_file", "Nothing was changed")),
        (
            "file",
            {"small_key": "/nowhere/small.key"},
            ("found no file /nowhere/small.key on the controller", "Change them in certificate of the app"),
        ),
    )
    before = inside(RUNNING)
    for name, options, words in pairs:
        refuses(small(f"no-{name}.log", by_ssh("next"), **options), words)
    for name, source, git, words in cases:
        change_secrets(lambda told, git=git: told.update(git=git))
        refuses(small(f"no-{name}.log", source), words)
    change_secrets(lambda told: told.update(git=mine["git"]))
    inside(
        "cd /srv/forge/work/small && git checkout -q -B rough && echo rough==1 >> requirements.txt && git commit -qam rough && git push -q ../../git/small.git rough"
    )
    refuses(small("no-wheel.log", by_ssh("rough")), ("rough", "offer a wheel of it, or allow that with UV_NO_BUILD: 0"))
    if inside(RUNNING) != before:
        raise Red("another release or another process", "what served before")
    says("committed", "after the refusals")
    found = [
        file.name for file in sorted(BUILD.glob("*.log")) if token in file.read_text(errors="replace") or key in file.read_text(errors="replace")
    ]
    wanted = f"{token}\n{key}\n"
    search = "grep -rlaFf - --devices=skip --exclude-dir={proc,sys,dev,archives,forge} / 2>/dev/null"
    found += SCENARIO.inside(
        "other", f"set +e; {search}; journalctl --no-pager --all --output=verbose | grep -cF '{token}'; true", stdin=wanted
    ).split()
    if found != ["0"]:
        raise Red(f"the token or the key in {found}", "nowhere")
    planted = SCENARIO.inside("other", f"set +e; printf %s '{token}' > /root/planted; {search}; rm /root/planted; true", stdin=wanted)
    if "/root/planted" not in planted.split():
        raise Red("a search that finds nothing", "one that finds what is there")
    return f"{len(pairs) + len(cases) + 1} refusals, both served all the while; no secret anywhere"


LOG_IN = r"""
jar=/run/keeper; ask="curl -sk --resolve mysite.test:443:127.0.0.1 -b $jar -c $jar -o /dev/null -w %{http_code}"
page=https://mysite.test/django-admin/login/
$ask $page >/dev/null
$ask -e $page --data-urlencode "csrfmiddlewaretoken=$(awk '$6 ~ /csrftoken/ {print $7}' $jar)" \
  --data-urlencode username=keeper --data-urlencode "password=$PASSWORD" $page
"""
#: 200 for who is logged in, and a redirect to the log-in page for everybody else.
LOGGED_IN = "curl -sk --resolve mysite.test:443:127.0.0.1 -b /run/keeper -o /dev/null -w '%{http_code}' https://mysite.test/django-admin/"


def step_killed() -> str:
    """A rotation is killed while the new secrets are put in force; run again it ends, every app has served, and who was logged in still is."""
    password = yaml.safe_load(SECRETS.read_text())["prodready_secrets"]["mysite"]["superuser"]["password"]
    if inside(f"PASSWORD='{password}'\n{LOG_IN}") != "302" or inside(LOGGED_IN) != "200":
        raise Red(f"no log-in: {inside(LOGGED_IN)}", "the keeper of mysite, logged in")
    options = ("-e", "rotate=all", "-e", f"prodready_secrets_file={SECRETS}", *APPS, "-e", f"@{FOLDER / 'vars' / 'small.yml'}")
    more = (
        "-e",
        json.dumps({"forge_address": address(), "small_source": by_ssh("next"), "small_overlay": "never", "small_certificate": "", "small_key": ""}),
    )
    before, log = SECRETS.read_text(), BUILD / "rotate-killed.log"
    with (
        log.open("w") as target,
        subprocess.Popen(
            ["ansible-playbook", "-i", str(SCENARIO.inventory), "playbooks/rotate.yml", *options, *more],
            cwd=SCENARIO.folder.parents[1],
            env=SCENARIO.environment(),
            stdin=subprocess.DEVNULL,
            stdout=target,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        end = time.monotonic() + 120
        while "Put the new secrets of each app in force" not in log.read_text() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.7)
        # Its worker has a session of its own and goes on for a while, as after a lost connection.
        os.killpg(process.pid, signal.SIGKILL)
    if SECRETS.read_text() == before:
        raise Red("the old secrets", "new ones, begun to be put in force", log)
    again = playbook("playbooks/rotate.yml", "rotate-again.log", *options, *more, quiet=True).must()
    says("committed", "after the rotation")
    old, new = (yaml.safe_load(text)["prodready_secrets"]["small"] for text in (before, SECRETS.read_text()))
    if old["database_app_password"] == new["database_app_password"] or old["redis_password"] != new["redis_password"]:
        raise Red("another password for another host's Redis, or the old one for the database", "a new one for the database alone", again.log)
    if inside(LOGGED_IN) != "200":
        raise Red(
            f"{inside(LOGGED_IN)} for who was logged in before",
            "200: what the old key signed stays valid, though mysite knows no fallbacks",
            again.log,
        )
    left = inside("find /etc /run -name '*prodready-new*' -o -name '*.before-rotation'").split() + list(SECRETS.parent.glob(".secrets.yml.*"))
    if left or "going on with the rotation that was begun" not in " ".join(again.text.split()):
        raise Red(f"left: {left}", "nothing left of the killed run", again.log)
    settled = small("rotated.log", by_ssh(inside("cat /srv/forge/committed").strip()), overlay="never").must()
    # The release that was refused for want of a wheel is cleared away.
    if more := [task for task in settled.tasks("changed") if "Make the release the current one" not in task]:
        raise Red(f"changed: {more}", "all in force already", settled.log)
    return f"killed, gone on with, served; a run after it changes nothing ({settled.total('ok')} ok)"


def step_remove_all() -> str:
    """Everything of ours goes but the data; run again there is nothing to do."""
    remove = ("-e", "remove_all=true", "-e", "remove_confirm=other", *APPS)
    playbook("playbooks/remove.yml", "remove-unconfirmed.log", "-e", "remove_all=true", *APPS, quiet=True).must(code=2)
    play = playbook("playbooks/remove.yml", "remove-all.log", *remove, quiet=True).must()
    left = inside(
        "ls -d /etc/systemd/system/{mysite,bugs,small}* /srv/*/releases /etc/nginx/prodready /etc/prodready/redis /etc/pgbouncer/prodready* 2>/dev/null || true"
    ).split()
    listening = inside("ss -Htln 'sport = :443 or sport = :6380'").strip()
    databases = inside(
        "cd / && runuser -u postgres -- psql -XAtqc \"SELECT count(*) FROM pg_database WHERE datname IN ('mysite', 'bugs', 'small')\""
    ).strip()
    if left or listening or databases != "3":
        raise Red(f"left: {left}; listening: {listening or 'nobody'}; {databases} databases", "nothing but three databases", play.log)
    again = playbook("playbooks/remove.yml", "remove-again.log", *remove, quiet=True).must(changed=0)
    return f"gone but for the data; run again: 0 changed, {again.total('ok')} ok"


SEQUENCE = (
    Step("destroy-old", step_destroy),
    Step("create", step_create),
    Step("converge", step_converge),
    Step("verify", step_verify),
    Step("limits", step_limits),
    Step("way-back", step_way_back),
    Step("acme-away", step_acme_away),
    Step("refusals", step_refusals),
    Step("remove-one", step_remove_one),
    Step("forge", step_forge),
    Step("foresee", step_foresee),
    Step("sources", step_sources),
    Step("private", step_private),
    Step("killed", step_killed),
    Step("remove-all", step_remove_all),
)
LAST = Step("destroy", step_destroy)


def choose(_name: str) -> list[Step]:
    say(f"projects: {', '.join(PAGES)}")
    return [*SEQUENCE]
