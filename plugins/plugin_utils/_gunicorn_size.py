# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many workers and threads an application server gets, from cores and memory. PRIVATE to the collection."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

LEAST_WORKERS, LEAST_THREADS, MOST_THREADS = 2, 2, 8


def workers_by_cores(cores: int) -> int:
    """Twice the cores and one, as gunicorn's documentation recommends."""
    return 2 * cores + 1


def threads(cores: int, workers: int) -> int:
    """Two, and up to eight where there are fewer workers than the cores allow, so that about as many requests are served at a time."""
    return min(MOST_THREADS, max(LEAST_THREADS, math.ceil(2 * workers_by_cores(cores) / max(1, workers))))


def size(options: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """What is worked out for one application; every number that is given (not 0) stands as it is.

    `options`: workers, threads, asgi, worker_memory_mb, memory_budget_mb, memory_max_mb, cpu_quota, and processes_mb, which the extra
    processes need. `facts`: processor_nproc and memtotal_mb of the host.
    """
    cores, host_mb = int(facts["processor_nproc"]), int(facts["memtotal_mb"])
    worker_mb, processes_mb = int(options["worker_memory_mb"]), int(options["processes_mb"])
    budget_mb = int(options["memory_budget_mb"]) or host_mb // 2
    left_mb = max(0, budget_mb - processes_mb)
    by_cores, by_memory = workers_by_cores(cores), left_mb // max(1, worker_mb)
    workers = int(options["workers"]) or max(LEAST_WORKERS, min(by_cores, by_memory))
    return {
        "cores": cores,
        "host_mb": host_mb,
        "budget_mb": budget_mb,
        "left_mb": left_mb,
        "workers_by_cores": by_cores,
        "workers_by_memory": by_memory,
        "workers": workers,
        "threads": 1 if options["asgi"] else int(options["threads"]) or threads(cores, workers),
        "workers_mb": workers * worker_mb,
        "needed_mb": workers * worker_mb + processes_mb,
        # every worker at its expected size, the main process, and a quarter above; but never more than the host has
        "memory_max_mb": int(options["memory_max_mb"]) or min((workers + 1) * worker_mb * 5 // 4, host_mb),
        # four fifths of the processor time, so that the host stays within reach
        "cpu_quota": options["cpu_quota"] or f"{cores * 80}%",
    }
