"""What `read` and `write` speak: JSON, gzipped if the key's name says so."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

from timetrace.errors import CassetteError, IntegrityError
from timetrace.storage import packing


def decode(key: str, data: bytes, limit: int | None = None) -> Any:
    """The value that `data` holds; CassetteError says where it is broken.

    Of gzip it may hold `limit` bytes, packing.MAX_UNPACKED unless one is given.
    """
    _check_name(key, "read_bytes")
    try:
        return json.loads(packing.gunzipped(data, limit) if key.endswith(".gz") else data)
    except IntegrityError as error:
        raise CassetteError(f"{key}: {error.reason}: read_bytes gives its bytes as they are") from error
    except (EOFError, zlib.error) as error:
        raise CassetteError(f"{key} is no gzip ({error}): read_bytes gives its bytes as they are") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise CassetteError(f"{key} is no JSON at {where} ({error.msg}): read_bytes gives its bytes") from error
    except UnicodeDecodeError as error:
        raise CassetteError(f"{key} is no UTF-8 at byte {error.start}: read_bytes gives its bytes") from error
    except RecursionError as error:
        raise CassetteError(f"{key} is nested too deeply: read_bytes gives its bytes") from error
    except ValueError as error:
        raise CassetteError(f"{key} has a number that is too long: read_bytes gives its bytes") from error


def encode(key: str, value: Any) -> bytes:
    """`value` as JSON; CassetteError names the first part of it that is none."""
    _check_name(key, "write_bytes")
    try:
        data = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2).encode()
    except (TypeError, ValueError, RecursionError) as error:
        where = _culprit(value, "$", 0)
        raise CassetteError(f"{key}: what is at {where} is no JSON ({error}): write_bytes takes bytes") from error
    # Without a time in it, equal values make equal objects.
    return gzip.compress(data, mtime=0) if key.endswith(".gz") else data


def _check_name(key: str, instead: str) -> None:
    if key.removesuffix(".gz").endswith((".yaml", ".yml")):
        raise CassetteError(f"{key} is YAML by its name, and read and write speak JSON: use {instead}")


def _culprit(value: Any, path: str, depth: int) -> str:
    """The JSON path of the deepest first part that does not serialise."""
    parts: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        parts = [(f"{path}.{name}", part) for name, part in value.items()]
    elif isinstance(value, (list, tuple)):
        parts = [(f"{path}[{index}]", part) for index, part in enumerate(value)]
    for inner, part in parts if depth < 50 else []:
        try:
            json.dumps(part, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError):
            return _culprit(part, inner, depth + 1)
    return path
