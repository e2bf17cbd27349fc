# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plain dumps of pg_dump in a form in which a faithful copy of a database has the same one."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Union

_COPY = re.compile(r"COPY (?P<table>.*?) (?:\((?P<columns>.*)\) )?FROM stdin;")
_WITH_QUERY = re.compile(r"CREATE (?:OR REPLACE )?(?:MATERIALIZED VIEW|VIEW|RULE) ")
_QUALIFIER = re.compile(r'(?<![\w"])(?:\w+|"[^"]+")\.(?=[\w"*])')


class Rows(NamedTuple):
    """The rows of a table."""

    table: str
    columns: list[str]
    rows: list[str]


def read(path: Path, *, newer: bool = False) -> list[Union[str, Rows]]:
    """The statements of a dump, line by line, and the rows of its tables.

    Rows are sorted, and their columns by name. So are the columns of tables with INHERITS: a dump makes them with the inherited ones
    first. Both are what PostgreSQL's own test leaves out (AdjustDump.pm).

    newer: without what a newer server prints otherwise, as AdjustUpgrade.pm has it
    """
    with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        lines = (line.rstrip("\n") for line in file)
        return list(_parts((line for line in lines if not line.startswith("--")), newer))


def _parts(lines: Iterator[str], newer: bool) -> Iterator[Union[str, Rows]]:
    for line in lines:
        copy = _COPY.fullmatch(line)
        if copy is not None:
            yield _rows(copy["table"], (copy["columns"] or "").split(", "), lines)
        elif line.startswith("CREATE TABLE ") and line.endswith("("):
            yield from _table(line, lines)
        elif newer and _WITH_QUERY.match(line):
            yield from _query(line, lines)
        elif newer and line.startswith("REVOKE "):
            yield line.replace("SELECT,INSERT,REFERENCES,DELETE,TRIGGER,TRUNCATE,UPDATE", "ALL")
        elif line:
            yield line


def _rows(table: str, columns: list[str], lines: Iterator[str]) -> Rows:
    order = sorted(range(len(columns)), key=columns.__getitem__)
    rows = []
    for line in lines:
        if line == "\\.":
            break
        values = line.split("\t")
        rows.append("\t".join(values[number] for number in order))
    return Rows(table, sorted(columns), sorted(rows))


def _table(first: str, lines: Iterator[str]) -> Iterator[str]:
    columns = []
    for line in lines:
        if line.startswith(")"):
            break
        columns.append(line.rstrip(","))
    after = "" if line.endswith(";") else next(lines, "")
    if after.startswith("INHERITS"):
        columns.sort()
    yield from (first, *columns, line, after)


def _query(first: str, lines: Iterator[str]) -> Iterator[str]:
    for line in itertools.chain((first,), lines):
        yield _QUALIFIER.sub("", line).replace(" NO INDENT)", ")")
        if line.endswith(";"):
            return
