# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quoting for SQL that no driver can bind: names and literals of utility statements. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError

#: Parameters whose stored value is a list of names that are already quoted (GUC_LIST_QUOTE in the server's source).
#: SET wants such a list element by element: as one literal it would become a list of one.
QUOTED_LISTS = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)


def identifier(name: str) -> str:
    """A name as an SQL identifier, always quoted.

    Raises:
        UsageError: it holds a NUL, which no name of PostgreSQL can.
    """
    if "\0" in name:
        raise UsageError(f"The name {name!r} holds a NUL character.", "choose another name")
    return '"' + name.replace('"', '""') + '"'


def qualified(*names: str) -> str:
    """Names joined with dots, each quoted."""
    return ".".join(identifier(name) for name in names)


def literal(text: str) -> str:
    """A text as an SQL literal that means the same whatever ``standard_conforming_strings`` says."""
    if "\0" in text:
        raise UsageError("A text with a NUL character cannot be handed to PostgreSQL.", "remove the character")
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in quoted else quoted


def dollar_quoted(text: str) -> str:
    """A text between dollar quotes whose tag does not occur in it."""
    number = 0
    while f"$q{number}$" in text:
        number += 1
    return f"$q{number}${text}$q{number}$"


def parameter(name: str) -> str:
    """The name of a run-time parameter in SQL; a dot in it separates two names."""
    return qualified(*name.split("."))


def setting(name: str, value: str) -> str:
    """``name TO value`` for ALTER ROLE/DATABASE ... SET, from a ``name=value`` of pg_db_role_setting."""
    quoted_name = parameter(name)
    if name.lower() in QUOTED_LISTS:
        elements = list(split_list(value))
        # An empty list is stored as an empty text and written as one empty literal.
        return f"{quoted_name} TO {', '.join(literal(element) for element in elements) or literal('')}"
    return f"{quoted_name} TO {literal(value)}"


def split_list(value: str) -> Iterable[str]:
    """The elements of a list of quoted names, as ``SplitGUCList`` of the server's source reads it: no case folding."""
    position, end = 0, len(value)
    while position < end:
        while position < end and value[position].isspace():
            position += 1
        if position >= end:
            return
        if value[position] == '"':
            element = ""
            position += 1
            while position < end:
                if value[position] != '"':
                    element += value[position]
                    position += 1
                elif value[position + 1 : position + 2] == '"':
                    element += '"'
                    position += 2
                else:
                    position += 1
                    break
            yield element
            comma = value.find(",", position)
        else:
            comma = value.find(",", position)
            yield value[position : comma if comma >= 0 else end].strip()
        position = comma + 1 if comma >= 0 else end
