"""The build hook of hatchling that makes the wheel: lean sources, and the man page."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent.parent


class WheelHook(BuildHookInterface[Any]):
    """An editable install gets only the man page: its sources are those of the clone."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        sys.path.insert(0, str(ROOT / "scripts"))
        from lean import FOR_USERS, UNTYPED, lean
        from manpage import page

        self.folder = tempfile.TemporaryDirectory(prefix="timetrace-wheel-")
        made = Path(self.folder.name)
        (made / "timetrace.1").write_text(page(), encoding="utf-8")
        build_data["shared_data"][str(made / "timetrace.1")] = "share/man/man1/timetrace.1"
        if version == "editable":
            return
        package = ROOT / "timetrace"
        for path in sorted([*package.rglob("*.py"), package / "py.typed"]):
            name = path.relative_to(package).as_posix()
            target = made / "timetrace" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            source = path.read_text(encoding="utf-8")
            for_users = name in FOR_USERS
            kept = lean(source, docstrings=for_users, annotations=for_users or not name.startswith(UNTYPED))
            target.write_text(kept if source else "", encoding="utf-8")
            build_data["force_include"][str(target)] = f"timetrace/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self.folder.cleanup()
