"""What systemd prints becomes dicts; the texts are real outputs of systemd 252 and 257."""

import pytest
from ansible_collections.prodready.django.plugins.module_utils import _systemd
from ansible_collections.prodready.django.plugins.module_utils._observe import ObservationError

SHOW = """Restart=always
RestartUSec=1s
MainPID=8976
NRestarts=0
Id=alpha.service
LoadState=loaded
DropInPaths=
NeedDaemonReload=no
StartLimitIntervalUSec=5min

Listen=/run/alpha/gunicorn.sock (Stream)
Listen=127.0.0.1:8000 (Stream)
Id=alpha.socket
"""


def test_every_unit_is_found_under_its_id_with_typed_values():
    units = _systemd.parse_show(SHOW)
    assert set(units) == {"alpha.service", "alpha.socket"}
    assert units["alpha.service"]["MainPID"] == 8976
    assert units["alpha.service"]["RestartUSec"] == 1
    assert units["alpha.service"]["StartLimitIntervalUSec"] == 300
    assert units["alpha.service"]["NeedDaemonReload"] is False
    assert units["alpha.service"]["DropInPaths"] == []


def test_a_property_that_stands_twice_keeps_both():
    listen = _systemd.parse_show(SHOW)["alpha.socket"]["Listen"]
    assert _systemd.parse_listeners(listen) == [("/run/alpha/gunicorn.sock", "Stream"), ("127.0.0.1:8000", "Stream")]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("100ms", 0.1), ("1min 30s", 90), ("5min", 300), ("infinity", None), ("0", 0), ("10s", 10), ("2d 1h", 176400), ("500000", 0.5)],
)
def test_a_time_span_is_in_seconds(text, seconds):
    assert _systemd.time_span(text) == seconds


def test_what_is_no_time_span_is_an_error():
    with pytest.raises(ObservationError):
        _systemd.time_span("soon")


@pytest.mark.parametrize(
    ("text", "exposure"),
    [
        ("→ Overall exposure level for alpha.service: 0.9 SAFE :-}", 0.9),
        ("→ Overall exposure level for naive.service: 9.6 UNSAFE 😨", 9.6),
    ],
)
def test_the_exposure_is_the_number_in_the_last_line(text, exposure):
    assert _systemd.parse_exposure("  NAME  DESCRIPTION\n\n" + text + "\n") == exposure


def test_no_exposure_is_an_error_not_a_zero():
    with pytest.raises(ObservationError):
        _systemd.parse_exposure("Unit nothing.service not found.")


def test_failed_units_are_the_first_words():
    assert _systemd.parse_failed("boom.service loaded failed failed /bin/false\nb.mount loaded failed failed b\n") == ["b.mount", "boom.service"]
    assert _systemd.parse_failed("") == []


def test_a_unit_systemd_says_nothing_about_is_an_error():
    with pytest.raises(ObservationError, match="beta.service"):
        _systemd.show(lambda argv: (0, SHOW, ""), ["alpha.service", "beta.service"])


def test_names_of_the_units_own_variables_are_found():
    def run(argv):
        return (0, 'HOME=/var/lib/alpha "GREETING=hi there" TZ=UTC\n', "")

    assert _systemd.unit_environment(run, "alpha.service") == ["GREETING", "HOME", "TZ"]


@pytest.mark.parametrize(("text", "version"), [("systemd 252 (252.39-1~deb12u1)\n+PAM", 252), ("systemd 257 (257.9-1~deb13u1)", 257)])
def test_the_version_is_its_first_number(text, version):
    assert _systemd.parse_version(text) == version


def test_no_version_is_an_error():
    with pytest.raises(ObservationError, match="no version"):
        _systemd.parse_version("System has not been booted with systemd")
