"""The command as a process of its own, which lives shortly: the collector of cyclic garbage would find next to none."""

import gc

from timetrace.cli import main


def run() -> int:
    """Run the command of `sys.argv` and return its exit code."""
    gc.set_threshold(50_000)
    try:
        return main()
    finally:
        gc.freeze()  # or the interpreter goes through all objects twice more before it ends


if __name__ == "__main__":
    raise SystemExit(run())
