"""One target under atheris, in the environment that scripts/fuzz makes: TARGET CORPUS|FILE [libFuzzer's options]."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["timetrace", "xml.etree", "configparser", "urllib.parse"]):
    from tests.hostile.targets import SEEDS, TARGETS


def main() -> None:
    name, place = sys.argv[1], Path(sys.argv[2])
    if place.is_file():
        TARGETS[name](place.read_bytes())
        print(f"{name}: this input breaks no promise")
        return
    for number, seed in enumerate(SEEDS[name]):
        (place / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
