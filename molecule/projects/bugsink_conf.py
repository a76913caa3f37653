"""Bugsink's own settings and where it is reached. What production needs beyond them is laid over by the role."""

import os

from bugsink.settings.default import *  # noqa: F403
from bugsink.settings.default import DATABASES

BUGSINK = {
    "BASE_URL": os.environ["BASE_URL"],
    "SITE_TITLE": os.environ.get("SITE_TITLE", "Bugsink"),
    "PHONEHOME": False,
}

# Its queue is a file of this host, not a database; the process `runsnappea` works through it.
DATABASES["snappea"]["NAME"] = os.environ["SNAPPEA_DATABASE_PATH"]
SNAPPEA = {"TASK_ALWAYS_EAGER": False, "WORKAHOLIC": True, "NUM_WORKERS": 2, "PID_FILE": None}
