"""The wheel's sources are the clone's without comments and internal docstrings: the same program, line by line."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from lean import lean  # noqa: E402

SOURCES = sorted((ROOT / "timetrace").rglob("*.py"))

SOURCE = '''"""Module."""

# why
value = "# no comment"  # a comment


class Kept:
    """Only this."""


def work() -> None:
    """Docstring
    of two lines."""
    return None  # type: ignore


TEXT = """
# no comment
"""
"""What TEXT is."""
'''


def test_comments_and_docstrings_are_blank_lines() -> None:
    assert lean(SOURCE, docstrings=False).splitlines() == [
        *(
            "",
            "",
            "",
            'value = "# no comment"',
            "",
            "",
            "class Kept:",
            " pass",
            "",
            "",
            "def work() -> None:",
            "",
            "",
        ),
        *(" return None", "", "", 'TEXT = """', "# no comment", '"""', ""),
    ]


def test_the_docstrings_of_what_is_for_users_stay() -> None:
    told = lean(SOURCE, docstrings=True)
    assert ast.get_docstring(ast.parse(told)) == "Module."
    assert "# why" not in told


def test_annotations_of_functions_go_and_those_of_fields_stay() -> None:
    source = "class A:\n    x: int\n    def é(self, ü: str = '', *a: int, b: list[int] | None = None) -> None: pass\n"
    bare = "class A:\n x: int\n def é(self, ü = '', *a, b = None): pass\n"
    assert lean(source, docstrings=False, annotations=False) == bare


def program(source: str, *, annotations: bool = True) -> tuple[str, list[int]]:
    """The program and the line of each part, but for docstrings and the `pass` that takes their place."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and not annotations:
            node.returns = None
        if isinstance(node, ast.arg) and not annotations:
            node.annotation = None
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [part for part in node.body if not isinstance(part, ast.Pass) and not _is_text(part)]
    return ast.dump(tree), [node.lineno for node in ast.walk(tree) if hasattr(node, "lineno")]


def _is_text(part: ast.stmt) -> bool:
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) and isinstance(part.value.value, str)


@pytest.mark.parametrize("path", SOURCES, ids=[path.relative_to(ROOT).as_posix() for path in SOURCES])
def test_the_program_stays_the_same_and_so_do_its_lines(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert program(lean(source, docstrings=False)) == program(source)
    bare = lean(source, docstrings=False, annotations=False)
    assert program(bare, annotations=False) == program(source, annotations=False)
    kept = [node for node in ast.walk(ast.parse(bare)) if isinstance(node, ast.arg | ast.FunctionDef)]
    assert not any(node.returns if isinstance(node, ast.FunctionDef) else node.annotation for node in kept)
