# Copyright (c) prodready maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Observations of a probe: each with its own error and time, one never stopping the rest. PRIVATE to the collection."""

from __future__ import annotations

import time


class ObservationError(Exception):
    """A sentence saying what could not be found out, and why."""


class NeedsRoot(ObservationError):
    """The observation needs more rights than the probe has; the sentence starts with "needs root"."""

    def __init__(self, what):
        super().__init__("needs root: {0}".format(what))


class Observer:
    """Collects named observations: `{name: {"value": …, "seconds": …}}` or `{name: {"error": …, "seconds": …}}`."""

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self.observations = {}

    def observe(self, name, function, *args, **kwargs):
        """Call `function`, keep its value or its error under `name`, and return the value (None after an error)."""
        started = self._clock()
        value = None
        try:
            value = function(*args, **kwargs)
            entry = {"value": value}
        except PermissionError as error:
            entry = {"error": "needs root: {0}".format(error)}
        except ObservationError as error:
            entry = {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - one broken observation must not take the others with it
            entry = {"error": "{0}: {1}".format(type(error).__name__, error)}
        entry["seconds"] = round(self._clock() - started, 4)
        self.observations[name] = entry
        return value

    def result(self, observed_from="host"):
        """What the module hands to `exit_json`."""
        return {"changed": False, "observations": self.observations, "observed_from": observed_from}


def command_output(run_command, argv, **kwargs):
    """Run `argv` through the module's runner and return its standard output, or raise ObservationError with what it said."""
    rc, out, err = run_command(argv, **kwargs)
    if rc != 0:
        said = (err or out).strip().splitlines()
        raise ObservationError("{0} ended with {1}: {2}".format(" ".join(argv[:3]), rc, said[-1] if said else "no output"))
    return out
