# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scenario `load`: nothing that an operator does to a running site loses a request."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))
from harness import BIN, ROOT, Red, Scenario, Step, say  # noqa: E402 - beside this folder
from load import Browser, Load, Shot, log_in  # noqa: E402

SCENARIO = Scenario("load", ("busy",))
FOLDER, BUILD = SCENARIO.folder, SCENARIO.build
playbook = SCENARIO.playbook
DOMAIN, RATE, EDITORS = "newsroom.test", 200, 4
SECRETS = """---
# Made for this scenario and of no use anywhere else.
prodready_secrets:
  newsroom:
    secret_key: Load01u46nxZtwKZu0RRmpeZla8HkkwyBGgekakMZ8yurXh4lhwyA7ibXk97XlRPTR
    database_owner_password: Load02yNsYrVcnJgKlw41EuIqx
    database_app_password: Load03CdLlwXhhLzjRRB1nVwg
    redis_password: Load04ZbQyTtWwKpLmNs82hVd
    superuser: {username: editor, email: editor@newsroom.example, password: Load05TpwOFInmnEmgrXzh8J}
    environment: {JWT_SIGNING_KEY: Load06yOzufuNjB5jV3PEKaYRgWgqPjFm9pOoJMPW6jAdC7r76IgTrNo30Umw8g3}
"""


def inside(script: str, *, check: bool = True) -> str:
    return SCENARIO.inside("busy", script, check=check)


def address() -> str:
    found = subprocess.run(
        ["docker", "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", SCENARIO.container("busy")],
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.split()[0]


def style_sheet() -> str:
    """The name that the front page has for its style sheet, with the hash of its content."""
    found = re.search(r"/static/newsroom[^\"]*[.]css", inside(f"curl -sk --resolve {DOMAIN}:443:127.0.0.1 https://{DOMAIN}/"))
    if not found:
        raise Red("no style sheet on the front page", "one")
    return found[0]


def mixed() -> list[Shot]:
    """What readers, editors and programs ask for, in the proportions of a small newspaper."""
    slug = inside("cd / && runuser -u postgres -- psql -XAtq -d newsroom -c 'SELECT slug FROM articles_article ORDER BY id LIMIT 1'").strip()
    if not slug:
        raise Red("no article", "a seeded newsroom")
    form = (("Content-Type", "application/x-www-form-urlencoded"),)
    shots = [
        Shot("style", 100, style_sheet()),
        Shot("front", 28, "/", contains=b"</html>"),
        Shot("article", 24, f"/articles/{slug}/", contains=b"</html>"),
        Shot("api", 16, "/api/v1/articles/"),
        Shot("health", 16, "/health/live"),
    ]
    for _ in range(EDITORS):  # each asks one thing after another, in a session of its own
        editor = Browser(log_in(address(), DOMAIN, "/accounts/login/", "editor", "Load05TpwOFInmnEmgrXzh8J"), DOMAIN)
        shots += [
            Shot("session", 12 // EDITORS, "/accounts/profile/", contains=b"editor", browser=editor),
            Shot("comment", 4 // EDITORS, f"/articles/{slug}/comments/", "POST", form, b"body=Well+said.", expect=(302,), browser=editor),
        ]
    return shots


def under_load(seconds: float, do: Callable[[], None]) -> str:
    """All requests are answered as expected while something is done; at least `seconds` of load."""
    shots = mixed()
    with Load(address(), DOMAIN, shots, rate=RATE) as load:
        started = time.monotonic()
        time.sleep(2)
        do()
        time.sleep(max(2.0, seconds - (time.monotonic() - started)))
    outcome = load.outcome
    (BUILD / "failures.log").write_text("\n".join(outcome.failures))
    if outcome.failures:
        raise Red("\n".join([outcome.line(), *outcome.failures[:12]]), "0 failed")
    if outcome.sent < 0.9 * RATE * outcome.seconds:
        raise Red(outcome.line(), f"{RATE} requests a second: the machine is too busy for this test")
    return outcome.line()


def times(number: int, script: str, pause: float = 2.0) -> Callable[[], None]:
    def do() -> None:
        for _ in range(number):
            inside(script)
            time.sleep(pause)

    return do


def step_destroy() -> str:
    """No hosts are left."""
    BUILD.mkdir(parents=True, exist_ok=True)
    SCENARIO.molecule("destroy", BUILD / "molecule.log")
    return "no hosts"


def write_secrets(text: str) -> None:
    """The secrets file, encrypted as a user's is."""
    plain = BUILD / "secrets.plain.yml"
    plain.write_text(text)
    (BUILD / "secrets.yml").unlink(missing_ok=True)
    encrypt = ("encrypt", "--vault-password-file", str(BUILD / ".vault-password"), "--output", str(BUILD / "secrets.yml"), str(plain))
    subprocess.run([str(BIN / "ansible-vault"), *encrypt], check=True, capture_output=True)
    plain.unlink()


def step_create() -> str:
    """A fresh host with a real ACME server on it."""
    (BUILD / ".vault-password").write_text("a password for this scenario\n")
    write_secrets(SECRETS)
    SCENARIO.molecule("create", BUILD / "molecule.log")
    SCENARIO.molecule("syntax", BUILD / "molecule.log")
    SCENARIO.acme_server("pebble.log", DOMAIN)
    return "up"


def served_serial() -> str:
    return SCENARIO.served_certificate("busy", DOMAIN)


def step_converge() -> str:
    """Provisioned, with a certificate that the ACME server issued; the second run changes nothing."""
    playbook("site.yml", "converge.log", "--tags", "provision").must()
    if "Pebble" not in served_serial():
        raise Red(served_serial(), "a certificate of the ACME server")
    playbook("site.yml", "again.log", "--tags", "provision", quiet=True).must(changed=0)
    return served_serial().replace("\n", ", ")


def step_quiet() -> str:
    """The load itself is carried."""
    return under_load(10, lambda: None)


def step_code_reload() -> str:
    """gunicorn reloads its code, three times."""
    return under_load(14, times(3, "systemctl reload newsroom.service"))


def step_configuration() -> str:
    """nginx and gunicorn get another configuration, PostgreSQL one that it restarts for, and the project another release, by the ordinary run."""
    changed = BUILD / "newsroom-next"
    shutil.rmtree(changed, ignore_errors=True)
    shutil.copytree(
        ROOT / "examples" / "newsroom", changed, ignore=shutil.ignore_patterns(".venv*", "__pycache__", ".pytest_cache", ".hypothesis", "var")
    )
    (changed / "newsroom" / "edition.py").write_text('EDITION = "next"\n')
    with (changed / "static" / "newsroom.css").open("a") as style:
        style.write("\n.next-edition { color: inherit; }\n")
    before = style_sheet()  # the load goes on asking for this one, as readers do whose page is older
    more = {"newsroom_source": str(changed), "nginx_keepalive_timeout": 60, "gunicorn_graceful_timeout": 19, "postgresql_max_connections": 110}

    def deploy() -> None:
        play = playbook("site.yml", "configuration.log", "--tags", "provision", "-e", json.dumps(more), quiet=True).must()
        done = " ".join(play.tasks("changed"))
        for word in ("nginx :", "gunicorn :", "django_app :", "postgresql : start | Start, restart or reload the server"):
            if f".{word}" not in done:
                raise Red(f"changed: {done}", f"a change by {word}", play.log)
        if "restart | Let the pooler finish what runs and hold what comes" not in " ".join(play.tasks("ok")):
            raise Red("a restart beside the pooler", "one while it holds its clients", play.log)
        running = inside("cd / && runuser -u postgres -- psql -XAtqc 'SHOW max_connections'").strip()
        if running != "110":
            raise Red(f"max_connections {running}", "110, in force behind the pooler", play.log)
        if style_sheet() == before:
            raise Red(f"still {before}", "a front page that names another style sheet", play.log)

    return under_load(20, deploy)


def step_certificate() -> str:
    """The certificate is renewed by force, by the program that its timer runs."""
    before = served_serial()

    def renew() -> None:
        inside("/usr/bin/python3 -E -s -B /usr/local/lib/prodready/certificates.py renew --force newsroom")

    said = under_load(14, renew)
    if served_serial() == before:
        raise Red(f"still {before}", "a new certificate is served")
    return said


def step_pooler() -> str:
    """pgBouncer reloads its configuration, three times; PostgreSQL restarts behind it once."""
    pause = "cd / && runuser -u postgres -- psql -XAtq -h /run/postgresql -p 6432 -U pgbouncer pgbouncer -c"
    restart = f"{pause} 'PAUSE newsroom'; systemctl restart postgresql@*-main; {pause} 'RESUME newsroom'"

    def do() -> None:
        times(3, "systemctl reload pgbouncer.service", 1)()
        inside(restart)

    return under_load(16, do)


def step_redis() -> str:
    """Redis restarts."""
    return under_load(12, times(2, "systemctl restart redis-server.service"))


def step_passwords() -> str:
    """Passwords of database and Redis are changed by hand, and brought by the ordinary run."""

    def change() -> None:
        write_secrets(re.sub(r"Load(0[234])", r"Hand\1", SECRETS))
        done = " ".join(playbook("site.yml", "passwords.log", "--tags", "provision", quiet=True).must().tasks("changed"))
        if "in_force | Put the new secrets" not in done:
            raise Red(f"changed: {done}", "new passwords", BUILD / "passwords.log")

    return under_load(20, change)


def step_rotate() -> str:
    """SECRET_KEY and all passwords are rotated; whoever was logged in stays so."""
    old = inside("grep -o 'DATABASE_URL=.*' /etc/prodready/newsroom/env | sha256sum")

    def rotate() -> None:
        playbook("playbooks/rotate.yml", "rotate.log", "-e", "rotate=all", quiet=True).must()

    said = under_load(20, rotate)
    if inside("grep -o 'DATABASE_URL=.*' /etc/prodready/newsroom/env | sha256sum") == old:
        raise Red("the same DATABASE_URL", "another password")
    return said  # that an ordinary run finds nothing to do after it is shown by `projects`


SEQUENCE = (
    Step("destroy-old", step_destroy),
    Step("create", step_create),
    Step("converge", step_converge),
    Step("quiet", step_quiet),
    Step("code-reload", step_code_reload),
    Step("configuration", step_configuration),
    Step("certificate", step_certificate),
    Step("pooler", step_pooler),
    Step("redis", step_redis),
    Step("passwords", step_passwords),
    Step("rotate", step_rotate),
)
LAST = Step("destroy", step_destroy)


def choose(_name: str) -> list[Step]:
    say(f"{RATE} requests a second on one host")
    return [*SEQUENCE]
