"""What installed packages take on disk, each with all that it needs: run by the Python that has them."""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from pathlib import Path


def closure(requirement: str) -> set[str]:
    """The names of all installed packages that `requirement`, such as "timetracer[s3]", brings along."""
    found, left = set[str](), [requirement]
    while left:
        wanted = left.pop()
        name = re.split(r"[\[\s;<>=!~(]", wanted, maxsplit=1)[0].lower().replace("_", "-")
        extras = re.findall(r"\[([^]]*)\]", wanted.partition(";")[0])
        if name in found:
            continue
        try:
            needed = metadata.distribution(name).requires or []
        except metadata.PackageNotFoundError:  # for another Python or system
            continue
        found.add(name)
        for one in needed:
            _, _, marker = one.partition(";")
            asked = re.findall(r"extra\s*==\s*['\"]([^'\"]+)", marker)
            if not asked or set(asked) & set(",".join(extras).split(",")):
                left.append(one)
    return found


def megabytes(name: str) -> float:
    """Its files, without the compiled form that Python writes beside them."""
    paths = [Path(str(file.locate())) for file in metadata.distribution(name).files or [] if file.suffix != ".pyc"]
    return sum([path.stat().st_size for path in paths if path.is_file()]) / 1e6


if __name__ == "__main__":
    print(json.dumps({one: sum(map(megabytes, closure(one))) for one in sys.argv[1:]}))
