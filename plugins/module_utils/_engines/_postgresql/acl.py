# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access-control lists: from the server's text form to grants, and back to SQL. Private to this collection."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import identifier
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Grant

#: Everybody. A role can really be called PUBLIC (in capitals only); it goes by its quoted name here.
PUBLIC = "PUBLIC"
_ROLE_PUBLIC = '"PUBLIC"'

#: Letters of aclitem's text form, from the table of privileges in the PostgreSQL manual.
_PRIVILEGES = {
    "r": "SELECT",
    "a": "INSERT",
    "w": "UPDATE",
    "d": "DELETE",
    "D": "TRUNCATE",
    "x": "REFERENCES",
    "t": "TRIGGER",
    "C": "CREATE",
    "c": "CONNECT",
    "T": "TEMPORARY",
    "X": "EXECUTE",
    "U": "USAGE",
    "s": "SET",
    "A": "ALTER SYSTEM",
    "m": "MAINTAIN",
}


class AclEntry(NamedTuple):
    """One grantee's privilege, and who granted it."""

    privilege: str
    grantee: str
    grantable: bool
    grantor: str


@functools.lru_cache(maxsize=4096)
def parse_item(text: str) -> tuple[AclEntry, ...]:
    """The privileges in the text form of an aclitem: ``"a b"=arw*/postgres``; nothing before ``=`` means everybody."""
    grantee, position = _name(text, 0)
    letters, _slash, _rest = text[position + 1 :].partition("/")
    grantor, _end = _name(text, position + 1 + len(letters) + 1)
    entries = []
    for index, letter in enumerate(letters):
        if letter == "*":
            continue
        privilege = _PRIVILEGES.get(letter, letter)
        who = _ROLE_PUBLIC if grantee == PUBLIC else grantee or PUBLIC
        entries.append(AclEntry(privilege, who, letters[index + 1 : index + 2] == "*", grantor))
    return tuple(entries)


def _name(text: str, position: int) -> tuple[str, int]:
    """A role's name at a position, and where it ends; quoted names double their quotes."""
    name, quoted = "", False
    while position < len(text):
        character = text[position]
        if character == '"':
            if quoted and text[position + 1 : position + 2] == '"':
                name += '"'
                position += 1
            else:
                quoted = not quoted
        elif not quoted and character in "=/":
            break
        else:
            name += character
        position += 1
    return name, position


def entries_of(items: Optional[Iterable[str]]) -> tuple[AclEntry, ...]:
    """The privileges of a whole list, in a stable order; none for an absent list."""
    return tuple(sorted(entry for item in items or () for entry in parse_item(item)))


def grants_of(items: Optional[Iterable[str]], column: Optional[str] = None) -> tuple[Grant, ...]:
    """The grants of a list, as the proof names them; who granted is left out.

    Args:
        items: text forms of aclitem.
        column: the column that they are on, if they are on one.
    """
    entries = entries_of(items)
    if column is not None:
        entries = tuple(entry._replace(privilege=f"{entry.privilege} ({column})") for entry in entries)
    return grants_of_entries(entries)


def grants_of_entries(entries: Iterable[Sequence[Any]]) -> tuple[Grant, ...]:
    """The grants in entries, which may be lists of JSON; who granted is left out."""
    found: dict[tuple[str, str], bool] = {}
    for privilege, grantee, grantable, _grantor in entries:
        found[privilege, grantee] = found.get((privilege, grantee), False) or grantable
    return tuple(Grant(privilege, grantee, grantable) for (privilege, grantee), grantable in sorted(found.items()))


def role(name: str) -> str:
    """A grantee in SQL."""
    return name if name in (PUBLIC, _ROLE_PUBLIC) else identifier(name)


def statements(target: str, owner: str, entries: Sequence[AclEntry]) -> list[str]:
    """SQL that gives an object exactly these privileges, whatever the defaults are.

    Args:
        target: what they are on, as GRANT names it: ``DATABASE "shop"``.
        owner: its owner, who holds privileges by default.
        entries: the whole list.
    """
    sql = [f"REVOKE ALL ON {target} FROM PUBLIC", f"REVOKE ALL ON {target} FROM {identifier(owner)}"]
    # What somebody may hand on comes first, so that those who got it from them find it there.
    for entry in sorted(entries, key=lambda item: (item.grantor != owner, item.grantee, item.privilege)):
        option = " WITH GRANT OPTION" if entry.grantable else ""
        sql.append(f"GRANT {entry.privilege} ON {target} TO {role(entry.grantee)}{option}")
    return sql


def without_grantors(entries: Sequence[AclEntry]) -> list[tuple[str, str, bool]]:
    """Privileges in a stable order, whoever granted them."""
    return sorted((entry.privilege, entry.grantee, entry.grantable) for entry in entries)
