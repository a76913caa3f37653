# Managed by prodready.django: changes made by hand are lost.
"""Issue and renew this host's certificates, put them in place, and have nginx load them.

Run by prodready-certificates.timer and by the certificate role. Each certificate is described in /etc/prodready/certificates.d/NAME.json.
A run that is killed is simply run again. What fails leaves in place what was there, is said on standard error, and ends it with 1.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

import _acme
import _lock
import _x509

UNIT = _acme.TIMER.replace(".timer", ".service")
LOCK, LOCK_SECONDS = "/run/prodready-certificates.lock", 330
CERTBOT_SECONDS = 300
CERTBOT_LOGS = "/var/log/prodready-acme"
STATE = Path(_acme.RECORDS)
CERTIFICATE, KEY = "fullchain.pem", "privkey.pem"


class Failure(Exception):
    """A full sentence: what failed, what that means, what to do."""


def now():
    return datetime.now(timezone.utc)


def run(*argv, **kwargs):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **kwargs)


def read(path):
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def write(path, text, mode=0o644):
    """A whole file or none."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(descriptor)
    os.chmod(temporary, mode)
    os.replace(temporary, path)


def certificate_in(text):
    """The first certificate of a PEM text as a dict, or None."""
    try:
        return _x509.read_certificate(_x509.pem_blocks(text)[0])
    except (ValueError, IndexError):
        return None


class Records:
    """What became of each certificate, for people and for verification."""

    @staticmethod
    def read(name):
        try:
            return json.loads(read(STATE / f"{name}.json") or "{}")
        except ValueError:
            return {}

    @classmethod
    def note(cls, name, **entries):
        """Keep entries with the time; an entry of None is removed."""
        record = cls.read(name)
        for key, entry in entries.items():
            record.pop(key, None)
            if entry is not None:
                record[key] = {"at": now().isoformat(timespec="seconds"), **entry}
        write(STATE / f"{name}.json", json.dumps(record, indent=1, sort_keys=True) + "\n")


# --- the two issuers ---------------------------------------------------------------------------


def kind_of(name):
    """What a name is to a certificate: the servers of this host are asked for by address, too."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "DNS"
    return "IP"


def issue_own(spec):
    """A new key and a certificate of the own authority for it: (certificate, key)."""
    names = spec["domains"]
    with tempfile.TemporaryDirectory(prefix="prodready-", dir="/run") as folder:
        key, request, extensions = (os.path.join(folder, name) for name in ("key", "request", "extensions"))
        Path(extensions).write_text(
            "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
            "subjectAltName=" + ",".join(f"{kind_of(name)}:{name}" for name in names) + "\n",
            encoding="ascii",
        )
        subject = f"/CN={names[0]}" if len(names[0]) <= 64 else "/"
        done = run(
            *("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256"),
            *("-subj", subject, "-keyout", key, "-out", request),
        )
        if done.returncode == 0:
            done = run(
                *("openssl", "x509", "-req", "-sha256", "-in", request, "-days", str(spec["days"]), "-extfile", extensions),
                *("-set_serial", f"0x{os.urandom(16).hex()}", "-CA", f"{_acme.AUTHORITY}/ca.pem", "-CAkey", f"{_acme.AUTHORITY}/ca.key"),
                *("-out", os.path.join(folder, "certificate")),
            )
        if done.returncode != 0:
            raise Failure(
                f"certificate {spec['name']} ({', '.join(names)}): the own authority in {_acme.AUTHORITY} did not issue it: "
                f"{(done.stdout.strip().splitlines() or ['no message'])[-1]}. What is in place stays. What to do: run the certificate role."
            )
        return read(os.path.join(folder, "certificate")), read(key)


def lineage_of(name):
    """What certbot keeps of a certificate: (its renewal configuration, certificate, key)."""
    live = f"{_acme.ACME}/live/{name}"
    return _acme.parse_renewal(read(f"{_acme.ACME}/renewal/{name}.conf")), read(f"{live}/{CERTIFICATE}"), read(f"{live}/{KEY}")


def forget_broken_lineage(name):
    """A run killed while certbot wrote leaves what certbot does not take up again. What is served is a copy."""
    renewal, certificate, key = lineage_of(name)
    if renewal and certificate_in(certificate) and key:
        return
    for place in ("live", "archive"):
        shutil.rmtree(f"{_acme.ACME}/{place}/{name}", ignore_errors=True)
    Path(f"{_acme.ACME}/renewal/{name}.conf").unlink(missing_ok=True)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments):
        """A redirect is an answer like any other."""


def ask_for_challenge(spec, domain):
    """Whether this host's web server serves a challenge of the domain. The ACME server counts failures; we ask it only after this."""
    folder = Path(_acme.WEBROOT) / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True, exist_ok=True)
    token = f"prodready-{os.urandom(8).hex()}"
    (folder / token).write_text(token, encoding="ascii")
    request = urllib.request.Request(f"http://127.0.0.1:{spec['http_port']}/.well-known/acme-challenge/{token}", headers={"Host": domain})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect).open(request, timeout=5) as answer:
            found = "" if answer.read(1000) == token.encode() else "another content"
    except urllib.error.HTTPError as error:
        found = f"status {error.code}"
    except (OSError, ValueError) as error:
        found = str(getattr(error, "reason", "") or error)
    finally:
        (folder / token).unlink(missing_ok=True)
    if found:
        said = (
            f"found {found} at http://{domain}/.well-known/acme-challenge/ asked at 127.0.0.1:{spec['http_port']}, expected a file of {_acme.WEBROOT}"
        )
        return {"kind": "not_served", "said": said + " (the ACME server was not asked)", "problems": []}
    return None


def certbot(spec, lock, *extra):
    """One run of certbot for one certificate; nothing, or what went wrong."""
    environment = dict(os.environ, LC_ALL="C.UTF-8", PYTHONIOENCODING="utf-8")
    if spec.get("directory_ca_file"):
        environment["REQUESTS_CA_BUNDLE"] = spec["directory_ca_file"]
    # The lock stays held for as long as certbot runs, also when this program is killed; and certbot does not run for ever.
    done = run(
        *("timeout", "--kill-after=10", str(CERTBOT_SECONDS), "certbot", "certonly", "--non-interactive", "--agree-tos"),
        *("--email", spec["email"], "--server", spec["directory_url"], "--cert-name", spec["name"]),
        *(word for domain in spec["domains"] for word in ("--domain", domain)),
        *("--webroot", "--webroot-path", _acme.WEBROOT, "--preferred-challenges", "http", "--no-directory-hooks"),
        *("--key-type", "ecdsa", "--elliptic-curve", "secp256r1", "--force-renewal", "--renew-with-new-domains"),
        *("--config-dir", _acme.ACME, "--work-dir", str(STATE / "certbot"), "--logs-dir", CERTBOT_LOGS, "--max-log-backups", "9"),
        *extra,
        env=environment,
        pass_fds=(lock,),
    )
    if done.returncode == 0:
        return None
    log = "" if "already running" in done.stdout else read(f"{CERTBOT_LOGS}/letsencrypt.log")
    failure = _acme.parse_failure(done.stdout, log, done.returncode)
    if failure["kind"] == "other":
        failure["said"] += f" (log: {CERTBOT_LOGS}/letsencrypt.log)"
    return failure


def ask_acme(spec, lock, *extra):
    """Have certbot get a certificate, or rehearse it; an account that the server forgot is made anew, once."""
    for domain in spec["domains"]:
        failure = ask_for_challenge(spec, domain)
        if failure:
            return failure
    forget_broken_lineage(spec["name"])
    failure = certbot(spec, lock, *extra)
    if failure and failure["kind"] == "accountDoesNotExist":
        server = re.sub("^https?://", "", spec["directory_url"])
        place = Path(_acme.ACME) / "accounts" / server
        if place.is_dir():
            os.replace(place, tempfile.mkdtemp(prefix="forgotten-", dir=_acme.ACME))
            failure = certbot(spec, lock, *extra)
    return failure


# --- put in place and load ---------------------------------------------------------------------


def unloadable(folder):
    """Why a server cannot load the pair in a folder, as after a run that was killed between its two files; empty when it can."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(f"{folder}/{CERTIFICATE}", f"{folder}/{KEY}", password="")
    except (OSError, ValueError) as error:
        return f"it cannot be loaded: {getattr(error, 'reason', '') or error}"
    return ""


def fits(spec, certificate, key):
    """Refuse a pair that a server could not load or that is not for these domains, before it is put in place."""
    found = certificate_in(certificate)
    missing = [domain for domain in spec["domains"] if not found or not _x509.name_matches(domain, found["names"])]
    problem = f"it is not for {', '.join(missing)}" if missing else ""
    with tempfile.TemporaryDirectory(prefix="prodready-", dir="/run") as folder:
        for name, text in ((CERTIFICATE, certificate), (KEY, key)):
            Path(folder, name).write_text(text, encoding="ascii")
        problem = problem or unloadable(folder)
    if problem:
        raise Failure(f"certificate {spec['name']}: what was issued is not put in place: {problem}. What to do: run the certificate role.")


def installed(name):
    return read(f"{_acme.TLS}/{name}/{CERTIFICATE}"), read(f"{_acme.TLS}/{name}/{KEY}")


def place(name, certificate, key):
    folder = Path(_acme.TLS, name)
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    for left_over in [*folder.glob(f".{KEY}.*"), *folder.glob(f".{CERTIFICATE}.*")]:
        left_over.unlink()
    write(folder / KEY, key, 0o600)
    write(folder / CERTIFICATE, certificate, 0o644)


def nginx_serves(name):
    """Whether nginx's configuration names the certificate; it need not be sound for that."""
    files = (path for path in Path("/etc/nginx").rglob("*") if path.is_file())
    return any(f"{_acme.TLS}/{name}/" in read(path) for path in files)


def load_into_nginx(before):
    """Test nginx's configuration with what changed, and reload it; put back what nginx refuses. What failed, by name."""
    tested = run("nginx", "-t")
    if tested.returncode == 0:
        done = run("systemctl", "reload", "nginx")
        said = f"nginx was not reloaded: {done.stdout.strip()}. What to do: systemctl status nginx."
        return {name: f"certificate {name}: {said}" for name in before} if done.returncode else {}
    after = {name: installed(name) for name in before}
    for name, pair in before.items():
        if all(pair):
            place(name, *pair)
    refused = next((line for line in tested.stdout.splitlines() if "[emerg]" in line), "no message")
    if run("nginx", "-t").returncode == 0:
        return {
            name: f"certificate {name}: nginx refuses the new one: {refused}. The one before is in place again and is served on." for name in before
        }
    for name, pair in after.items():
        place(name, *pair)
    said = (
        f"the new one is in place, but nginx does not load it, because its configuration is broken: {refused}. "
        "What to do: mend it until `nginx -t` is content, then `systemctl reload nginx`."
    )
    return {name: f"certificate {name}: {said}" for name in before}


def load(before):
    """Have the servers load what changed: `before` is what each certificate was. What failed, by name."""
    failed = {}
    shown = {name: pair for name, pair in before.items() if nginx_serves(name)}
    if shown and run("systemctl", "is-active", "--quiet", "nginx").returncode == 0:
        failed = load_into_nginx(shown)
    for hook in sorted(Path(f"{_acme.TLS}/deploy.d").glob("*")):
        for name in before:
            if os.access(hook, os.X_OK) and name not in failed:
                done = run(str(hook), name)
                if done.returncode != 0:
                    failed[name] = f"certificate {name}: {hook} ended with {done.returncode}: {done.stdout.strip()}. What to do: run that role again."
    return failed


# --- what is asked for -------------------------------------------------------------------------


def due(spec):
    """Why a certificate has to be issued; empty when it need not."""
    if spec["provider"] == "own_ca":
        authority = certificate_in(read(f"{_acme.AUTHORITY}/ca.pem")) or {"subject": None}
        return _acme.own_due(spec, certificate_in(installed(spec["name"])[0]), authority, now()) or unloadable(f"{_acme.TLS}/{spec['name']}")
    renewal, certificate, _key = lineage_of(spec["name"])
    return _acme.acme_due(spec, renewal, certificate_in(certificate), now())


def wanted(spec, lock, forced):
    """What is to be in place: (certificate, key), or None when it is."""
    reason = due(spec) or ("it was asked for" if forced else "")
    if not reason and spec["provider"] == "own_ca":
        return None
    if spec["provider"] == "own_ca":
        return issue_own(spec)
    if reason:
        failure = ask_acme(spec, lock)
        if failure:
            serving = certificate_in(installed(spec["name"])[0])
            raise Failure(_acme.failure_sentence(spec, failure, serving["not_after"] if serving else ""))
    pair = lineage_of(spec["name"])[1:]
    return None if pair == installed(spec["name"]) else pair


def bring_up_to_date(specs, lock, *, forced=(), stand_in=False):
    before, failed = {}, {}
    for spec in specs:
        name = spec["name"]
        try:
            pair = issue_own(spec) if stand_in else wanted(spec, lock, name in forced)
            if pair:
                fits(spec, *pair)
                before[name] = installed(name)
                Records.note(name, loading={})  # until the servers have loaded it; a killed run leaves it for the next
                place(name, *pair)
                ends = certificate_in(pair[0])["not_after"]
                Records.note(
                    name, issued={"stand_in": stand_in, "not_after": ends}, **({} if stand_in else {"rehearsed": {"ok": True, "message": "issued"}})
                )
                print(f"certificate {name}: a new one is in place, until {ends}", file=sys.stderr)
            elif "loading" in Records.read(name):
                before[name] = installed(name)
        except Failure as failure:
            failed[name] = str(failure)
    not_loaded = load(before) if before else {}
    failed.update(not_loaded)
    for spec in specs:
        if spec["name"] not in not_loaded:
            Records.note(spec["name"], loading=None)
        Records.note(spec["name"], failed={"message": failed[spec["name"]]} if spec["name"] in failed else None)
    return sorted(before), failed


def rehearse(spec, lock):
    """A dry run of the renewal: everything but keeping the result."""
    message = ""
    try:
        if spec["provider"] == "own_ca":
            fits(spec, *issue_own(spec))
        else:
            # Let's Encrypt's staging server takes the part of its production by itself; any other server has to be named.
            failure = ask_acme(spec, lock, "--dry-run")
            serving = certificate_in(installed(spec["name"])[0])
            message = "rehearsal of the renewal: " + _acme.failure_sentence(spec, failure, serving["not_after"] if serving else "") if failure else ""
    except Failure as failure:
        message = f"rehearsal of the renewal: {failure}"
    Records.note(spec["name"], rehearsed={"ok": not message, "message": message or "dry run"})
    return message


def read_specs(names):
    found = {path.stem: json.loads(read(path)) for path in sorted(Path(_acme.SPECS).glob("*.json"))}
    unknown = [name for name in names if name not in found]
    if unknown:
        raise Failure(f"{_acme.SPECS} holds no certificate {', '.join(unknown)}. What to do: name it in certificate_certificates and run the role.")
    return [found[name] for name in (names or found)]


def main():
    parser = argparse.ArgumentParser(prog="certificates", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=("issue", "stand-in", "renew", "rehearse"))
    parser.add_argument("names", nargs="*", help="default: every certificate of this host")
    parser.add_argument("--force", action="store_true", help="issue also what is not due")
    arguments = parser.parse_intermixed_args()
    os.umask(0o022)
    changed, failed = [], {}
    try:
        specs = read_specs(arguments.names)
        # One run at a time; a certbot that outlived its run counts as one. Only for so long: nobody waits for ever.
        with _lock.held(LOCK, "another run", LOCK_SECONDS) as lock:
            if arguments.what == "rehearse":
                failed = {name: message for name, message in ((spec["name"], rehearse(spec, lock)) for spec in specs) if message}
            else:
                forced = [spec["name"] for spec in specs] if arguments.force else []
                changed, failed = bring_up_to_date(specs, lock, forced=forced, stand_in=arguments.what == "stand-in")
            if arguments.what == "renew":
                for spec in specs:
                    if spec["name"] not in failed and _acme.rehearsal_due(Records.read(spec["name"]), now()):
                        print(rehearse(spec, lock) or f"certificate {spec['name']}: a rehearsal of the renewal succeeded", file=sys.stderr)
    except (Failure, _lock.Busy) as failure:
        failed = {"": str(failure)}
    for message in failed.values():
        print(message, file=sys.stderr)
    if not failed and not any(Records.read(path.stem).get("failed") for path in STATE.glob("*.json")):
        run("systemctl", "reset-failed", UNIT)  # what failed in an earlier run has been mended
    if arguments.what != "renew":  # the timer's words are for people
        print(json.dumps({"changed": changed, "failed": failed}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
