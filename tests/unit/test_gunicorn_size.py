# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest
from ansible_collections.prodready.django.plugins.plugin_utils._gunicorn_size import size, threads

NOTHING = {
    "workers": 0,
    "threads": 0,
    "asgi": "",
    "worker_memory_mb": 200,
    "memory_budget_mb": 0,
    "memory_max_mb": 0,
    "cpu_quota": "",
    "processes_mb": 0,
}


@pytest.mark.parametrize(
    ("cores", "memory_mb", "given", "expected"),
    [
        (2, 24000, {}, {"workers": 5, "threads": 2, "memory_max_mb": 1500, "cpu_quota": "160%"}),
        (4, 2000, {}, {"workers": 5, "threads": 4, "memory_max_mb": 1500, "budget_mb": 1000}),
        (4, 2000, {"processes_mb": 400}, {"workers": 3, "threads": 6, "left_mb": 600, "needed_mb": 1000}),
        (1, 700, {}, {"workers": 2, "threads": 3, "workers_by_memory": 1, "memory_max_mb": 700}),
        (8, 1000, {}, {"workers": 2, "threads": 8}),
        (2, 2000, {"processes_mb": 5000}, {"workers": 2, "left_mb": 0, "needed_mb": 5400}),
        (
            2,
            24000,
            {"workers": 3, "threads": 1, "memory_max_mb": 900, "cpu_quota": "50%"},
            {"workers": 3, "threads": 1, "memory_max_mb": 900, "cpu_quota": "50%"},
        ),
        (2, 24000, {"asgi": "a:b", "threads": 4}, {"workers": 5, "threads": 1}),
        (2, 24000, {"memory_budget_mb": 600}, {"workers": 3, "budget_mb": 600}),
        ("2", "24000", {"workers": "3", "worker_memory_mb": "100"}, {"workers": 3, "workers_mb": 300}),
    ],
)
def test_a_number_that_is_given_stands_and_the_others_follow_from_cores_and_memory(cores, memory_mb, given, expected):
    found = size({**NOTHING, **given}, {"processor_nproc": cores, "memtotal_mb": memory_mb})
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(("cores", "workers", "expected"), [(2, 5, 2), (2, 3, 4), (2, 2, 5), (16, 2, 8), (1, 40, 2)])
def test_fewer_workers_have_more_threads_within_bounds(cores, workers, expected):
    assert threads(cores, workers) == expected
