# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recorded tablespaces on another server: made there, somewhere else there, or left out. Private to this collection."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import acl
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import (
    Access,
    explained,
    sql,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import identifier, literal
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, HostFailed, UsageError

if TYPE_CHECKING:
    from psycopg import Connection as Session

_EXISTING = "SELECT spcname, pg_catalog.pg_tablespace_location(oid) FROM pg_catalog.pg_tablespace"
#: The server's own ones begin like that, and no other may.
_OWN = "pg_"
#: Mode of a directory that other accounts get through.
_PASSABLE = 0o755


@dataclass(frozen=True)
class Wanted:
    """A tablespace that will be made.

    Args:
        name: as recorded.
        directory: where it will lie.
        recorded: all that the set says of it.
    """

    name: str
    directory: str
    recorded: Mapping[str, Any]

    def __str__(self) -> str:
        return f"create tablespace {self.name} in {self.directory}"


@dataclass
class Spaces:
    """What becomes of the recorded tablespaces.

    Args:
        wanted: those that will be made.
        left_out: those whose objects go where objects go by default.
        problems: what forbids it, each with what to do.
    """

    wanted: list[Wanted] = field(default_factory=list)
    left_out: frozenset[str] = frozenset()
    problems: list[str] = field(default_factory=list)

    @property
    def names(self) -> frozenset[str]:
        """Those that no database has to miss."""
        return self.left_out | {item.name for item in self.wanted}


def plan_tablespaces(
    session: Session[Any],
    access: Access,
    server: Server,
    settings: Mapping[str, Any],
    mapped: Mapping[str, str],
    create: bool,
    roles: frozenset[str],
) -> Spaces:
    """Decide what becomes of the recorded tablespaces.

    Args:
        session: to the server.
        access: how it is reached.
        server: what it is.
        settings: of the set.
        mapped: name -> directory, or nothing for those that are left out.
        create: make also those that are not mapped, where they were.
        roles: that will exist.

    Raises:
        UsageError: a name is mapped that the set does not have, or to something that is no directory.
    """
    recorded = _recorded(settings)
    unknown = sorted(set(mapped) - set(recorded))
    if unknown:
        raise UsageError(
            f"The set has no tablespace {', '.join(map(repr, unknown))}.",
            f"correct tablespaces; it has {', '.join(sorted(recorded)) or 'none'}",
        )
    existing = dict(session.execute(_EXISTING).fetchall())
    found = Spaces(left_out=frozenset(name for name, directory in mapped.items() if not directory))
    for name, item in sorted(recorded.items()):
        directory = mapped.get(name, str(item.get("location") or "") if create else "")
        if name in found.left_out or (name not in mapped and (not create or name in existing)):
            continue
        if name in existing:
            if os.path.normpath(existing[name]) != os.path.normpath(directory):
                found.problems.append(
                    f"The tablespace {name!r} exists in {existing[name]}, and not in {directory}: leave it out of tablespaces,"
                    " or move it first."
                )
            continue
        wanted = Wanted(name, directory, item)
        found.problems += _problems(wanted, _is_here(access, server), roles, found.wanted)
        found.wanted.append(wanted)
    if found.wanted and not server.superuser:
        found.problems.append(f"{server.user} is not a superuser, and only a superuser makes tablespaces.")
    return found


def _recorded(settings: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    try:
        items = [(str(item["name"]), item) for item in settings.get("tablespaces") or ()]
    except (KeyError, TypeError) as error:
        raise DamagedSet(f"The tablespaces of the set are malformed: {error!r}.", "restore another set") from None
    return {name: item for name, item in items if not name.startswith(_OWN)}


def _problems(wanted: Wanted, here: bool, roles: frozenset[str], others: Sequence[Wanted]) -> Iterator[str]:
    name, directory = wanted.name, wanted.directory
    if not os.path.isabs(directory):
        yield f"The tablespace {name!r} cannot lie in {directory!r}: give an absolute path in tablespaces."
        return
    owner = str(wanted.recorded.get("owner"))
    if owner not in roles:
        yield f"The tablespace {name!r} belongs to {owner!r}, who does not exist: restore the roles too."
    same = [item.name for item in others if os.path.normpath(item.directory) == os.path.normpath(directory)]
    if same:
        yield f"The tablespaces {same[0]!r} and {name!r} cannot both lie in {directory}: give another in tablespaces."
    if not here:
        return
    try:
        if os.listdir(directory):
            yield f"The directory {directory} of the tablespace {name!r} is not empty: give another in tablespaces."
    except FileNotFoundError:
        return
    except OSError as error:
        yield f"The directory {directory} of the tablespace {name!r} cannot be used: {error.strerror}."


def _is_here(access: Access, server: Server) -> bool:
    """Whether the server's files are those of this host, and not of one where the same path exists too."""
    return access.container is None and access.is_local and os.path.isdir(str(server.facts.get("data_directory") or ""))


def make_tablespaces(session: Session[Any], access: Access, server: Server, wanted: Sequence[Wanted]) -> None:
    """Make tablespaces, and on the server's own host their directories.

    Args:
        session: to the server; it commits every statement by itself.
        access: how it is reached.
        server: what it is.
        wanted: as planned.

    Raises:
        BackupError: a directory cannot be made.
    """
    for item in wanted:
        if _is_here(access, server):
            _make_directory(item, str(server.facts["data_directory"]))
        with explained(f"making the tablespace {item.name}"):
            for statement in statements(item):
                session.execute(sql(statement))


def _make_directory(wanted: Wanted, data: str) -> None:
    """Make a directory that belongs to whom the server's data belong to."""
    try:
        owner = os.stat(data)
        _make_parents(os.path.normpath(wanted.directory))
        with contextlib.suppress(FileExistsError):
            os.mkdir(wanted.directory, 0o700)
        if os.geteuid() == 0:
            os.chown(wanted.directory, owner.st_uid, owner.st_gid, follow_symlinks=True)
    except OSError as error:
        raise HostFailed(
            f"The directory {wanted.directory} of the tablespace {wanted.name!r} cannot be made: {error.strerror}.",
            "make it yourself so that it belongs to the server's account, or give another in tablespaces",
        ) from error


def _make_parents(directory: str) -> None:
    """Make what is missing above a directory so that the server's account gets through, whatever the umask is."""
    parent, missing = os.path.dirname(directory), []
    while not os.path.isdir(parent):
        missing.append(parent)
        parent = os.path.dirname(parent)
    for folder in reversed(missing):
        os.mkdir(folder)
        os.chmod(folder, _PASSABLE)


def statements(wanted: Wanted) -> list[str]:
    """SQL that makes a tablespace as it was."""
    recorded = wanted.recorded
    target = f"TABLESPACE {identifier(wanted.name)}"
    options = [str(item).partition("=") for item in recorded.get("options") or ()]
    words = ", ".join(f"{identifier(name)} = {literal(value)}" for name, _equals, value in options)
    owner = str(recorded["owner"])
    made = [
        f"CREATE {target} OWNER {identifier(owner)} LOCATION {literal(wanted.directory)}"
        + (f" WITH ({words})" if words else "")
    ]
    if recorded.get("comment") is not None:
        made.append(f"COMMENT ON {target} IS {literal(str(recorded['comment']))}")
    if recorded.get("acl") is not None:
        made += acl.statements(target, owner, [acl.AclEntry(*entry) for entry in recorded["acl"]])
    return made
