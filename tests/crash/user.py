"""One sync, as a user whom files can be kept from. Prints the report as JSON.

    python -m tests.crash.user up|down FOLDER [LIMIT]

LIMIT is how many bytes a file may have: the system's own limit, which is told like a full disk.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys

import timetrace.cli.failures
import timetrace.storage.mirror_down
import timetrace.storage.mirror_up  # noqa: F401  # before the rights are gone that may be needed to read them
from timetrace.storage import S3Store

NOBODY = 65534


def main() -> None:
    direction, folder, *limit = sys.argv[1:]
    with S3Store() as store:
        store.exists("any.json")  # the same goes for what is imported with the first request
        if limit:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit[0]), int(limit[0])))
        elif os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        report = (store.sync_upload if direction == "up" else store.sync_download)(folder, jobs=1)
    failed = [(item.key, item.path, item.reason) for item in report.failed]
    print(json.dumps({"ok": report.ok, "transferred": report.transferred, "failed": failed}))


if __name__ == "__main__":
    main()
