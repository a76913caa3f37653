# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible_collections.prodready.django.plugins.module_utils._access_log import fields, line_about


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            '{"status": 200, "remote_addr": "192.0.2.7", "user_agent": "x", "referer": "https://a/?token=1"}',
            {"status": 200, "remote_addr": "192.0.2.7"},
        ),
        ('192.0.2.7 - - [26/Nov/2026:00:00:00 +0000] "GET / HTTP/1.1" 404 12 "-" "curl"', {"status": 404, "remote_addr": "192.0.2.7"}),
        ("some words", None),
    ],
)
def test_a_line_is_read_without_what_may_be_personal(line, expected):
    assert fields(line) == expected


def test_the_newest_line_about_a_request_is_found_in_any_of_the_files(tmp_path):
    (tmp_path / "a.log").write_text('{"status": 200}\n')
    (tmp_path / "b.log").write_text('{"status": 500, "id": "tag"}\n{"status": 201, "id": "tag"}\n')
    found = line_about("tag", [str(tmp_path / "*.log")])
    assert (found["found"], found["file"], found["fields"]["status"]) == (True, str(tmp_path / "b.log"), 201)


def test_no_file_and_no_line_are_said_to_be_that(tmp_path):
    assert "no file matches" in line_about("tag", [str(tmp_path / "*.log")])["problem"]
    (tmp_path / "a.log").write_text("other\n")
    assert "no line about the request" in line_about("tag", [str(tmp_path / "*.log")], patience=0.1)["problem"]
