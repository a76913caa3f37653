"""Settings in force, reasons to restart, and lines worth showing."""

import json

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _gunicorn, _gunicorn_processes, _gunicorn_trial, _gunicorn_unit, _unix_http
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (["gunicorn", "--workers", "3", "site:app"], {"workers": 3}),
        (["gunicorn", "--workers=3", "--max-requests=500"], {"workers": 3, "max_requests": 500}),
        (["gunicorn", "-w3", "-k", "gevent"], {"workers": 3, "worker_class": "gevent"}),
        (["gunicorn", "-w", "3", "-t", "60", "-c", "/etc/g.py"], {"workers": 3, "timeout": 60, "config": "/etc/g.py"}),
        (["gunicorn", "--bind", "unix:/x", "site:app"], {}),
    ],
)
def test_a_command_line_names_settings_in_four_ways(arguments, settings):
    assert _gunicorn.settings_of_command(arguments) == settings


def test_a_computed_setting_is_unknown_not_the_default():
    text = "import os\nworkers = os.cpu_count()\nthreads = 4\nbind = 'x'\n"
    assert _gunicorn.settings_of_config(text) == {"workers": None, "threads": 4}


def test_the_command_line_wins_over_the_environment_and_that_over_the_file():
    settings = _gunicorn.combine({"workers": 2, "threads": 2, "timeout": 5}, "--workers 3 --threads 3", {"workers": 4})
    assert (settings["workers"], settings["threads"], settings["timeout"]) == (4, 3, 5)
    assert settings["worker_class"] == "gthread"
    assert settings["max_requests"] == 0


@pytest.mark.parametrize(
    ("wanted", "running", "names"),
    [
        ({"A": "1"}, {"A": "1", "HOME": "/x", "INVOCATION_ID": "f"}, []),
        ({"A": "2"}, {"A": "1"}, ["A"]),
        ({"A": "1", "NEW": "x"}, {"A": "1"}, ["NEW"]),
        ({"A": "1"}, {"A": "1", "GONE": "x"}, ["GONE"]),
        ({"A": "1"}, {"A": "1", "OURS": "x"}, []),
    ],
)
def test_only_names_of_changed_variables_are_told(wanted, running, names):
    assert _gunicorn.environment_differences(wanted, running, also_set=["OURS"]) == names


def test_the_lines_end_with_the_applications_own_error():
    lines = [
        "[INFO] Starting gunicorn 27.0.1",
        "Traceback (most recent call last):",
        '  File "site_wsgi.py", line 5, in <module>',
        "    ^^^^^^",
        "RuntimeError: no such table",
        "[INFO] Worker exiting (pid: 7)",
        "Traceback (most recent call last):",
        "  raise HaltServer(reason)",
        "gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>",
    ]
    assert _gunicorn.telling_lines(lines, most=2) == ['  File "site_wsgi.py", line 5, in <module>', "RuntimeError: no such table"]
    assert _gunicorn.telling_lines(["a", "b", "c"], most=2) == ["b", "c"]


def test_names_known_to_be_harmless_stay_readable():
    assert _gunicorn.secrets_of({"SECRET_KEY": "x", "DJANGO_SETTINGS_MODULE": "site.settings"}) == ["x"]


@pytest.mark.parametrize(
    ("status", "declared", "good"),
    [(200, True, True), (302, True, False), (302, False, True), (404, False, True), (400, False, False), (500, False, False), (0, False, False)],
)
def test_a_declared_address_must_say_200_and_another_no_error(status, declared, good):
    assert _unix_http.alive({"status": status} if status else {"error": "refused"}, declared) is good


def test_caches_uploads_and_data_are_no_newer_code(tmp_path):
    for name in ("site/app.py", "site/__pycache__/app.pyc", "media/evil.py", "db.sqlite3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert _gunicorn_unit.newest_file(str(tmp_path))[1] == str(tmp_path / "site/app.py")


def test_the_newest_package_is_found_by_its_metadata(tmp_path):
    packages = tmp_path / "lib/python3.13/site-packages"
    (packages / "django-5.2.9.dist-info").mkdir(parents=True)
    (packages / "django").mkdir()
    assert _gunicorn_unit.newest_package(str(tmp_path))[1] == "django-5.2.9"
    assert _gunicorn_unit.newest_package(str(tmp_path / "none")) == (0.0, "")


def test_only_absolute_folders_of_pythonpath_are_looked_at():
    assert _gunicorn.import_folders({"PYTHONPATH": "/etc/prodready/alpha/overlay::lib:/opt/x"}) == ["/etc/prodready/alpha/overlay", "/opt/x"]
    assert _gunicorn.import_folders({}) == []


# The extra processes

CURRENT = "/srv/alpha/current"


def process(**declared):
    return _gunicorn_processes.resolve("alpha", "queue", {"command": ["celery", "-A", "alpha", "worker"], **declared}, CURRENT)


def test_one_instance_is_a_plain_unit_and_several_are_a_template():
    assert (process()["file"], process()["services"]) == ("alpha-queue.service", ["alpha-queue.service"])
    two = process(instances=2)
    assert (two["file"], two["services"]) == ("alpha-queue@.service", ["alpha-queue@1.service", "alpha-queue@2.service"])
    assert (process()["directory"], two["directory"]) == ("process-queue", "process-queue-%i")


def test_the_first_word_comes_from_the_release_and_manage_py_runs_under_its_python():
    assert process()["exec_start"] == '"/srv/alpha/current/venv/bin/celery" "-A" "alpha" "worker"'
    manage = process(command=["manage.py", "clearsessions"])
    assert manage["exec_start"] == '"/srv/alpha/current/venv/bin/python" "/srv/alpha/current/source/manage.py" "clearsessions"'
    assert manage["programs"] == ["/srv/alpha/current/venv/bin/python", "/srv/alpha/current/source/manage.py"]


@pytest.mark.parametrize(
    ("word", "quoted"),
    [("-A", '"-A"'), ("50%", '"50%%"'), ("$HOME", '"$$HOME"'), ('a "b"', '"a \\"b\\""'), ("a\\b", '"a\\\\b"'), ("a\nb", '"a\\nb"'), ("; x", '"; x"')],
)
def test_systemd_reads_back_exactly_the_word(word, quoted):
    assert _gunicorn_processes.quote_word(word) == quoted


@pytest.mark.parametrize(
    ("name", "declared", "words"),
    [
        ("Queue", {"command": ["x"]}, ["named 'Queue'", "Rename"]),
        ("que-ue", {"command": ["x"]}, ["named 'que-ue'"]),
        ("queue", {}, ["command None", "list of words"]),
        ("queue", {"command": "celery worker"}, ["command 'celery worker'", "list of words"]),
        ("queue", {"command": ["/usr/bin/celery"]}, ["'/usr/bin/celery' as first word", "venv/bin"]),
        ("queue", {"command": ["../x"]}, ["'../x' as first word"]),
        ("queue", {"command": ["x"], "instance": 2}, ["key 'instance'", "instances"]),
        ("queue", {"command": ["x"], "instances": 0}, ["instances 0", "from 1 to 64"]),
        ("queue", {"command": ["x"], "memory_mb": True}, ["memory_mb True"]),
        ("queue", {"command": ["x"], "stop_seconds": "soon"}, ["stop_seconds 'soon'"]),
        ("queue", {"command": ["x"], "singleton": True, "instances": 2}, ["instances 2 of a singleton", "expected 1"]),
        ("queue", {"command": ["x"], "schedule": "daily", "instances": 2}, ["instances 2 with a schedule"]),
        ("queue", {"command": ["x"], "schedule": 3}, ["schedule 3", "in quotes"]),
        ("queue", ["x"], ["expected a mapping"]),
    ],
)
def test_a_wrong_declaration_is_refused_with_found_expected_and_key(name, declared, words):
    processes, problems = _gunicorn_processes.resolve_all("alpha", {name: declared}, CURRENT)
    assert processes == [] and len(problems) == 1
    assert all(word in problems[0] for word in ["processes of the app in prodready_apps (gunicorn_processes): ", *words]), problems


def test_the_needs_of_all_instances_are_added_up_and_numbers_may_be_text():
    processes, problems = _gunicorn_processes.resolve_all(
        "alpha",
        {"queue": {"command": ["x"], "instances": "3", "memory_mb": 100, "connections": 2}, "beat": {"command": ["x"], "singleton": True}},
        CURRENT,
    )
    assert problems == []
    assert _gunicorn_processes.totals(processes) == {"memory_mb": 500, "connections": 7}


def test_a_schedule_makes_a_timer_and_no_running_service():
    processes = [process(schedule="*-*-* 03:00")]
    assert _gunicorn_processes.timers(processes) == ["alpha-queue.timer"]
    assert _gunicorn_processes.long_running(processes) == []
    assert [file["unit"] for file in _gunicorn_processes.files(processes)] == ["alpha-queue.service", "alpha-queue.timer"]


def test_only_a_unit_with_our_mark_is_ours():
    mark = "[X-Prodready]\nApplication=alpha\nProcess=queue\n"
    assert _gunicorn_processes.owner("[Unit]\nDescription=x\n\n" + mark) == ("alpha", "queue")
    assert _gunicorn_processes.owner("[Service]\nExecStart=/bin/echo [X-Prodready] Application=alpha\n") == ("", "")


@pytest.mark.parametrize(
    ("ours", "loaded", "files", "units", "gone"),
    [
        (["alpha-queue.service"], ["alpha-queue.service"], ["alpha-queue.service"], ["alpha-queue.service"], ([], [])),
        (["alpha-queue.service"], ["alpha-queue.service"], [], [], (["alpha-queue.service"], ["alpha-queue.service"])),
        # from three instances to two, and from several to one
        (["alpha-q@.service"], ["alpha-q@2.service", "alpha-q@3.service"], ["alpha-q@.service"], ["alpha-q@2.service"], ([], ["alpha-q@3.service"])),
        (
            ["alpha-q@.service", "alpha-q.service"], ["alpha-q@1.service"], ["alpha-q.service"], ["alpha-q.service"],
            (["alpha-q@.service"], ["alpha-q@1.service"]),
        ),
        # somebody else's unit that is called like one of ours
        ([], ["alpha-exporter.service"], [], [], ([], [])),
        # a job that is no longer scheduled
        (
            ["alpha-c.service", "alpha-c.timer"], ["alpha-c.timer"], ["alpha-c.service"], ["alpha-c.service"],
            (["alpha-c.timer"], ["alpha-c.timer"]),
        ),
    ],
)  # fmt: skip
def test_only_what_is_ours_and_no_longer_declared_goes(ours, loaded, files, units, gone):
    found = _gunicorn_processes.surplus(ours, loaded, files, units)
    assert (found["files"], found["units"]) == gone


# The sandbox

SHOWN = """User=alpha
ProtectSystem=strict
CapabilityBoundingSet=
AmbientCapabilities=
SystemCallFilter=_llseek accept accept4
ExecStart={ path=/bin/true }
ReadWritePaths=/srv/alpha/media
"""


def test_the_trial_gets_what_confines_and_nothing_else():
    assert _gunicorn_trial.assignments(SHOWN) == [
        "User=alpha",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "SystemCallFilter=_llseek accept accept4",
        "ReadWritePaths=/srv/alpha/media",
    ]


def test_an_answer_is_the_last_line_and_its_absence_an_error():
    assert _gunicorn_trial.parse_answer("noise\n" + json.dumps({"trials": {}})) == {"trials": {}}
    with pytest.raises(ObservationError, match="no answer"):
        _gunicorn_trial.parse_answer("Traceback\n")


def test_the_program_inside_is_valid_python():
    compile(_gunicorn_trial.PROGRAM, "trial", "exec")
