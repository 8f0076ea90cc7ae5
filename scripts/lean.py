"""Python source without what only its readers need: comments, wide indentation, docstrings of what is not for users.

A wheel is installed in minimal containers, and those are a fifth of it. Every line keeps its number, so a traceback
leads to the right place in a clone, where all of it is.
"""

from __future__ import annotations

import ast
import io
import tokenize

# Their docstrings are for users: help(S3Store), and what an editor shows.
FOR_USERS = frozenset({"storage/config.py", "storage/report.py", "storage/store.py"})


def lean(source: str, *, docstrings: bool) -> str:
    """The same program; with its `docstrings` or without."""
    lines = source.splitlines()
    if not docstrings:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                _blank_docstrings(node, lines)
    in_text: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        row, column = token.start
        if token.type == tokenize.COMMENT and lines[row - 1][column:] == token.string:
            lines[row - 1] = lines[row - 1][:column].rstrip()
        elif token.type == tokenize.STRING:
            in_text.update(range(row, token.end[0]))
    return "\n".join([*(line if row in in_text else _narrow(line) for row, line in enumerate(lines)), ""])


def _narrow(line: str) -> str:
    code = line.lstrip(" ")
    return " " * ((len(line) - len(code)) // 4) + code


def _blank_docstrings(node: ast.Module | ast.ClassDef | ast.FunctionDef, lines: list[str]) -> None:
    for statement in node.body:
        if isinstance(statement, ast.Expr) and _is_text(statement.value):
            first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
            lines[first:last] = [""] * (last - first)
            if len(node.body) == 1:
                lines[first] = " " * statement.col_offset + "pass"


def _is_text(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
