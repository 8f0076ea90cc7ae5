"""Runs one command and tells what it took: a small process, so that what it starts begins small.

Linux counts the memory of the process that called exec into the peak of the new program, so the benchmark itself,
which is large, cannot be the one that starts it. Run as `python -I -S launch.py`; a job of JSON on stdin, the
result on stdout. CPU is that of the whole process tree that was waited for.
"""

import json
import os
import signal
import sys
import time


def main() -> None:
    job = json.load(sys.stdin)
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, job["stdout"], write, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, job["stderr"], write, 0o600),
    ]
    argv, env = job["argv"], job["env"]
    os.chdir(job["folder"])
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.alarm(job["timeout"])
    started = time.perf_counter()
    child = os.posix_spawn(argv[0], argv, env, file_actions=actions, setpgroup=0)
    try:
        _, status, used = os.wait4(child, 0)
        wall = time.perf_counter() - started
    except KeyboardInterrupt:
        for number in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        os.killpg(child, signal.SIGKILL)
        os.wait4(child, 0)
        sys.exit("it took too long, or was stopped")
    unit = 1 if sys.platform == "darwin" else 1024
    cpu = used.ru_utime + used.ru_stime
    code = os.waitstatus_to_exitcode(status)
    print(json.dumps({"code": code, "wall": wall, "cpu": cpu, "rss": used.ru_maxrss * unit}))


if __name__ == "__main__":
    main()
