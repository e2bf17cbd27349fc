# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counting rows and digesting contents in the server. Private to this collection.

The digest of a table does not depend on the order of its rows or columns, nor on the server's version: each row gives a
64-bit hash, chained over its columns in the order of their names, and the hashes are added up. The chain feeds each
column's text form to ``hashtextextended`` with the hash so far as its seed; integers go to ``hashint8extended`` as they
are. Both functions decide in which hash partition a row lies, so their results outlive upgrades. Measured on a mixed
database the chain costs as much as COPY; MD5 over whole rows cost four times that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.catalog import of_users
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import sql
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import identifier

if TYPE_CHECKING:
    from psycopg import Connection as Session

#: Stand for NULL. Arbitrary, so that no real value is one by chance.
_NULL_TEXT = "'\x1anull:6f1d0c52-8a7e-4b63-9f0e-d5c2b4a39e17'"
_NULL_INTEGER = "-7046029254386353131"
_ALGORITHM = "h1"
_INTEGERS = frozenset({"int2", "int4", "int8"})
_TEXTS = frozenset({"text", "varchar"})
#: Columns in one chain; longer ones would nest deeper than the server's parser may go.
_CHAIN = 100
#: Tables from this size on are read in pieces, so that several workers share one.
_PIECE_BYTES = 64 << 20
_PIECES_BY_CTID = 140000
_BLOCK = 8192
_LARGE_OBJECT_CHUNK = 16 << 20
_AT_A_TIME = 200
#: Tables that are together no larger are read in one go.
_GROUP_BYTES = 4 << 20

#: Every table that is measured.
TABLES = f"""
SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.pg_relation_size(c.oid),
       (SELECT a.amname FROM pg_catalog.pg_am a WHERE a.oid = c.relam)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND {of_users("c")}
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
                      AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY 3 DESC, 2
"""
# Virtual columns are computed when they are read, from columns that are in the digest.
_COLUMNS = f"""
SELECT a.attrelid, a.attname, t.typname, t.typtype, t.typnamespace = 'pg_catalog'::regnamespace
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
 WHERE a.attrelid >= 16384 AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v' AND {of_users("c")}
"""

# lo_lseek64 to the end (2) of what lo_open opened for reading (INV_READ, 0x40000) gives the size without reading it.
_SIZES = """
SELECT i, pg_catalog.lo_lseek64(fd, 0, 2) + 0 * pg_catalog.lo_close(fd)
  FROM (SELECT i, pg_catalog.lo_open(i::oid, 262144) AS fd FROM pg_catalog.unnest(%s::int8[]) AS i OFFSET 0) AS opened
"""


@dataclass(frozen=True)
class Piece:
    """A table, or a range of its blocks, to read in one go.

    Args:
        table: its qualified, quoted name.
        size: bytes, as far as known.
        digest: expression for a row's hash; None to count only.
        first, end: blocks from and to, where the table is read in pieces; the last piece has no end.
    """

    table: str
    size: int
    digest: Optional[str] = None
    first: Optional[int] = None
    end: Optional[int] = None

    @property
    def query(self) -> str:
        """SQL that gives the number of rows and the sum of their hashes."""
        total = "NULL" if self.digest is None else f"pg_catalog.sum({self.digest})"
        limits = []
        if self.first is not None:
            limits.append(f"ctid >= '({self.first},0)'::pg_catalog.tid")
        if self.end is not None:
            limits.append(f"ctid < '({self.end},0)'::pg_catalog.tid")
        where = f" WHERE {' AND '.join(limits)}" if limits else ""
        return f"SELECT pg_catalog.count(*), {total} FROM ONLY {self.table} AS t{where}"


class Measures:
    """What was measured so far. Filled from several threads."""

    def __init__(self) -> None:
        self._pieces: list[tuple[str, int, Optional[int]]] = []
        #: Object id of a large object -> its size in bytes, and the SHA-256 of its content if that was asked for.
        self.large_objects: dict[int, tuple[int, Optional[str]]] = {}

    def read(self, session: Session[Any], pieces: Sequence[Piece]) -> None:
        """Read tables, or pieces of them, in one go."""
        cursor = session.execute(sql(";".join(piece.query for piece in pieces)))
        for piece in pieces:
            rows, total = cursor.fetchone()  # type: ignore[misc]
            self._add(piece, rows, total)
            cursor.nextset()

    def _add(self, piece: Piece, rows: int, total: Any) -> None:
        self._pieces.append((piece.table, rows, None if piece.digest is None else int(total or 0)))

    def read_large_objects(self, session: Session[Any], ids: Sequence[int], content: bool) -> None:
        """Read some large objects.

        Their content goes through the session in chunks: pages are laid out differently after a restore, and a large
        object may be larger than any value that the server can make of it.
        """
        for oid, size in session.execute(_SIZES, (list(ids),)).fetchall():
            self.large_objects[oid] = (size, _large_object_digest(session, oid, size) if content else None)

    def tables(self) -> dict[str, tuple[int, Optional[str]]]:
        """Name of a table -> its number of rows, and the digest of its content if that was asked for."""
        rows: dict[str, int] = {}
        totals: dict[str, Optional[int]] = {}
        for table, count, total in self._pieces:
            rows[table] = rows.get(table, 0) + count
            before = totals.get(table, 0)
            totals[table] = None if total is None or before is None else before + total
        return {table: (rows[table], _content(totals[table])) for table in rows}


def _content(total: Optional[int]) -> Optional[str]:
    return None if total is None else f"{_ALGORITHM}:{total % (1 << 128):032x}"


def groups(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Pieces in the same order, small ones in groups to read in one go."""
    found: list[list[Piece]] = []
    size = 0
    for piece in pieces:
        if not found or size + piece.size > _GROUP_BYTES or len(found[-1]) >= _AT_A_TIME:
            found.append([])
            size = 0
        found[-1].append(piece)
        size += piece.size
    return found


def batches(ids: Sequence[int]) -> list[list[int]]:
    """Ids of large objects in groups to read in one go."""
    return [list(ids[begin : begin + _AT_A_TIME]) for begin in range(0, len(ids), _AT_A_TIME)]


def pieces(
    session: Session[Any], version: int, content: bool, workers: int, tables: Optional[Sequence[Any]] = None
) -> list[Piece]:
    """Everything to read in a database, the biggest tables first.

    Args:
        session: to the database.
        version: the server's version number.
        content: whether contents are digested.
        workers: how many will read at a time.
        tables: the answer to :data:`TABLES`, where it is known already.
    """
    columns: dict[int, list[tuple[str, str]]] = {}
    if content:
        for oid, name, type_name, kind, builtin in session.execute(_COLUMNS):
            columns.setdefault(oid, []).append((name, _column(name, type_name, kind, builtin)))
    found = []
    for oid, table, size, method in session.execute(TABLES).fetchall() if tables is None else tables:
        digest = row_hash(columns.get(oid, ())) if content else None
        if content and workers > 1 and size > 2 * _PIECE_BYTES and version >= _PIECES_BY_CTID and method == "heap":
            found += _split(table, size, digest)
        else:
            found.append(Piece(table, size, digest))
    return found


def _split(table: str, size: int, digest: Optional[str]) -> Iterator[Piece]:
    blocks = size // _BLOCK
    step = _PIECE_BYTES // _BLOCK
    for first in range(0, blocks, step):
        last = first + step >= blocks
        yield Piece(table, _PIECE_BYTES, digest, first, None if last else first + step)


def _column(name: str, type_name: str, kind: str, builtin: bool) -> str:
    """What of a column is hashed: its text form, never NULL; ``{}`` stands for the seed."""
    column = f"t.{identifier(name)}"
    if builtin and type_name in _INTEGERS:
        return f"pg_catalog.hashint8extended(COALESCE({column}::int8, {_NULL_INTEGER}), {{}})"
    if builtin and type_name in _TEXTS:
        text = column
    elif builtin or kind in ("d", "e"):
        text = f"{column}::text"
    else:
        # Somebody may have made a cast from this type to text: the output function is what a dump has.
        text = f"CASE WHEN {column} IS NOT DISTINCT FROM NULL THEN NULL ELSE ROW({column})::text END"
    # The columns' own collations must not matter.
    return f'pg_catalog.hashtextextended(COALESCE({text}, {_NULL_TEXT}) COLLATE "C", {{}})'


def row_hash(columns: Sequence[tuple[str, str]]) -> str:
    """Expression for the hash of a row.

    Args:
        columns: name and expression with a ``{}`` for the seed, of each column, in any order.
    """
    ordered = [expression for _name, expression in sorted(columns)]
    chains = []
    for begin in range(0, len(ordered), _CHAIN):
        chain = "0::int8"
        for expression in ordered[begin : begin + _CHAIN]:
            head, _seed, tail = expression.rpartition("{}")
            chain = f"{head}{chain}{tail}"
        chains.append(chain)
    if not chains:
        return "0::int8"
    result = chains[0]
    for chain in chains[1:]:
        result = f"pg_catalog.hashint8extended({chain}, {result})"
    return result


def _large_object_digest(session: Session[Any], oid: int, size: int) -> str:
    hashed = hashlib.sha256()
    for offset in range(0, size, _LARGE_OBJECT_CHUNK):
        row = session.execute(
            "SELECT pg_catalog.lo_get(%s::oid, %s, %s)", (oid, offset, _LARGE_OBJECT_CHUNK), binary=True
        ).fetchone()
        hashed.update(row[0])  # type: ignore[index]
    return hashed.hexdigest()
