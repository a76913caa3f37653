"""gunicorn as the role configures it, really run: a request that is stuck is ended, and the site goes on."""

import os
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import jinja2
import pytest

TEMPLATES = Path(__file__).resolve().parents[2] / "roles/gunicorn/templates"
GUNICORN = "gunicorn==27.0.1"
SITE = """
import os, threading, time
both = threading.Barrier(2)
def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/both":
        both.wait(60)
    if path in ("/stuck", "/both"):
        threading.Event().wait()
    if path == "/slow":
        time.sleep(1.5)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


def _command():
    """gunicorn of this environment, else the one of PyPI in an environment of its own."""
    if find_spec("gunicorn"):
        return [sys.executable, "-m", "gunicorn"]
    command = [str(Path(sys.executable).parent / "uv"), "tool", "run", "--from", GUNICORN, "gunicorn"]
    try:
        subprocess.run([*command, "--version"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"{GUNICORN} is not to be had: {error}")
    return command


def _render(**values):
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True)
    environment.filters["comment"] = lambda text: f"# {text}"
    defaults = {
        "ansible_managed": "rendered",
        "gunicorn_asgi": "",
        "gunicorn_name": "site",
        "gunicorn_timeout": 2,  # the master counts whole seconds
        "gunicorn_graceful_timeout": 3,
        "gunicorn_keepalive": 75,
        "gunicorn_max_requests": 1000,
        "gunicorn_max_requests_jitter": 100,
        "__gunicorn_socket": "site.socket",
        "__gunicorn_size": {"workers": 2, "threads": 2},
    }
    return environment.get_template("gunicorn.conf.py.j2").render({**defaults, **values})


class Server:
    """gunicorn on a Unix socket; its log as a file."""

    def __init__(self, folder, **values):
        self.path, self.log = str(folder / "s"), folder / "log"
        (folder / "site_wsgi.py").write_text(SITE)
        (folder / "conf.py").write_text(_render(**values).replace('"/run/site/private"', repr(str(folder))))
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*_command(), "--config", "conf.py", "--bind", "unix:" + self.path, "site_wsgi:application"],
                cwd=folder,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(folder)},
            )
        self.until(lambda: self.get("/").startswith("200"))

    def get(self, path, seconds=10.0):
        """Status and body, or why there is none."""
        sock = self.ask(path, seconds)
        return self.answer(sock)

    def ask(self, path, seconds=10.0):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(seconds)
        try:
            sock.connect(self.path)
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        except OSError:
            pass
        return sock

    @staticmethod
    def answer(sock):
        data = b""
        try:
            while block := sock.recv(4096):
                data += block
        except TimeoutError:
            return "no answer"
        except OSError:
            return "reset"
        finally:
            sock.close()
        head, _sep, body = data.partition(b"\r\n\r\n")
        return f"{head[9:12].decode()} {body.decode()}" if data else "closed"

    @staticmethod
    def until(true, seconds=15):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "not within the time"
            time.sleep(0.1)

    def said(self):
        return self.log.read_text()


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(**values):
        started.append(Server(tmp_path, **values))
        return started[0]

    yield start
    for server in started:
        server.process.terminate()
        try:
            server.process.wait(8)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait(5)


def test_a_stuck_request_is_ended_with_its_worker_and_the_others_go_on(serve):
    server = serve()
    began = time.monotonic()
    stuck, answers = server.ask("/stuck"), []
    while time.monotonic() - began < 5:
        answers.append(server.get("/", 3))
        time.sleep(0.02)
    assert server.answer(stuck) == "closed"
    assert {answer[:3] for answer in answers} == {"200"}
    said = server.said()
    assert "GET /stuck takes longer than timeout = 2 s and stands at" in said
    assert "threading.Event().wait()" in said
    assert said.count("Booting worker") == 3
    assert len({answer[4:] for answer in answers}) >= 2


def test_a_worker_with_every_thread_stuck_makes_room_for_another(serve):
    server = serve(__gunicorn_size={"workers": 1, "threads": 2})
    began = time.monotonic()
    stuck = [server.ask("/both") for _number in range(2)]
    assert [server.answer(sock) for sock in stuck] == ["closed", "closed"]
    assert time.monotonic() - began < 4.5, "the grace is for requests that can still be answered"
    server.until(lambda: server.get("/").startswith("200"))
    assert server.said().count("Booting worker") == 2


def test_what_the_worker_does_beside_is_answered_first(serve):
    server = serve(__gunicorn_size={"workers": 1, "threads": 2})
    stuck = server.ask("/stuck")
    time.sleep(1.2)
    slow = server.ask("/slow")
    assert server.answer(slow).startswith("200")
    assert server.answer(stuck) == "closed"
    server.until(lambda: server.get("/").startswith("200"))


def test_a_worker_is_left_alone_as_long_as_its_requests_end_in_time(serve):
    server = serve(__gunicorn_size={"workers": 1, "threads": 2})
    pid = server.get("/")
    assert [server.get("/slow") for _number in range(2)] == [pid, pid]
    assert server.said().count("Booting worker") == 1


@pytest.mark.parametrize(("asgi", "seconds"), [("", "server.cfg.timeout"), ("site.asgi:application", "0")])
def test_the_note_says_whether_a_request_is_ended(asgi, seconds):
    text = _render(gunicorn_asgi=asgi)
    compile(text, "gunicorn.conf.py", "exec")
    assert f'settings["request_timeout"] = {seconds}  #' in text
    assert ("def post_worker_init" in text) == (not asgi)
