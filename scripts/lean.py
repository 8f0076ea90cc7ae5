"""Python source without what only its readers need: comments, wide indentation, docstrings of what is not for users,
annotations of what nobody imports.

A wheel is installed in minimal containers, and those are a fifth of it. Every line keeps its number, so a traceback
leads to the right place in a clone, where all of it is.
"""

from __future__ import annotations

import ast
import io
import tokenize

# Their docstrings are for users: help(S3Store), and what an editor shows.
FOR_USERS = frozenset({"storage/config.py", "storage/report.py", "storage/store.py"})


# What lies here and is not for users is imported by no program but ours, so no type checker looks at it.
UNTYPED = ("cli/", "storage/")


def lean(source: str, *, docstrings: bool, annotations: bool = True) -> str:
    """The same program; with its `docstrings`, and the `annotations` of its functions, or without."""
    lines = source.splitlines()
    if not annotations:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                _cut_annotations(node, lines)
        source = "\n".join([*lines, ""])
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


def _cut_annotations(node: ast.FunctionDef, lines: list[str]) -> None:
    """From the last to the first, so that places stay right. What goes over several lines stays."""
    if node.returns and node.returns.lineno == node.returns.end_lineno:
        row, end = node.returns.lineno - 1, node.returns.end_col_offset or 0
        line = lines[row].encode()
        lines[row] = (line[: line.rindex(b" ->", 0, node.returns.col_offset)] + line[end:]).decode()
    found = node.args
    given = [*found.posonlyargs, *found.args, found.vararg, *found.kwonlyargs, found.kwarg]
    for argument in reversed([one for one in given if one and one.annotation and one.lineno == one.end_lineno]):
        line = lines[argument.lineno - 1].encode()
        name = argument.col_offset + len(argument.arg.encode())
        lines[argument.lineno - 1] = (line[:name] + line[argument.end_col_offset :]).decode()


def _blank_docstrings(node: ast.Module | ast.ClassDef | ast.FunctionDef, lines: list[str]) -> None:
    for statement in node.body:
        if isinstance(statement, ast.Expr) and _is_text(statement.value):
            first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
            lines[first:last] = [""] * (last - first)
            if len(node.body) == 1:
                lines[first] = " " * statement.col_offset + "pass"


def _is_text(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
