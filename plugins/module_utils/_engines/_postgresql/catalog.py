# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a database's catalog for the proof: what all kinds of objects share. Private to this collection.

Definitions are put together from the catalogs' columns, without object ids and, as far as possible, without text that
depends on the server's version. Sessions have an empty search path, so names in texts are qualified.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import acl
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import sql
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Grant, ProofObject

if TYPE_CHECKING:
    from psycopg import Connection as Session

#: Schemas whose objects belong to users; n is pg_namespace. The others are the server's, or temporary.
USER_SCHEMA = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
#: Object ids below this one are given by initdb. Asking for those from it on uses an index, and skips thousands of rows.
FIRST_USER_OID = 16384
_LONGEST_SHOWN = 300


def of_users(alias: str) -> str:
    """Condition for objects that somebody made in a schema.

    Args:
        alias: the catalog with the objects; ``n`` is pg_namespace.
    """
    return f"{alias}.oid >= {FIRST_USER_OID} AND {USER_SCHEMA}"


_MEMBERS = "SELECT classid::regclass::text, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'"
# The ids of schema public and of initdb's extension are small, those of large objects can be anything.
_COMMENTS = """
SELECT classoid::regclass::text, objoid, objsubid, description FROM pg_catalog.pg_description WHERE objoid >= 16384
UNION ALL
SELECT 'pg_namespace', d.objoid, 0, d.description FROM pg_catalog.pg_namespace x JOIN pg_catalog.pg_description d
    ON d.objoid = x.oid AND d.classoid = 'pg_catalog.pg_namespace'::regclass WHERE x.oid < 16384
UNION ALL
SELECT 'pg_extension', d.objoid, 0, d.description FROM pg_catalog.pg_extension x JOIN pg_catalog.pg_description d
    ON d.objoid = x.oid AND d.classoid = 'pg_catalog.pg_extension'::regclass WHERE x.oid < 16384
"""
_COMMENTS_ON_LARGE_OBJECTS = """
SELECT 'pg_largeobject', d.objoid, 0, d.description FROM pg_catalog.pg_largeobject_metadata x
  JOIN pg_catalog.pg_description d
    ON d.objoid = x.oid AND d.classoid = 'pg_catalog.pg_largeobject'::regclass WHERE x.oid < 16384
"""
#: Catalogs whose every row is somebody's. In most databases most of them have never held a row, which their size tells.
_RARE = (
    "pg_default_acl", "pg_event_trigger", "pg_foreign_data_wrapper", "pg_foreign_server", "pg_inherits",
    "pg_largeobject_metadata", "pg_policy", "pg_publication", "pg_seclabel", "pg_sequence", "pg_statistic_ext",
    "pg_subscription", "pg_transform", "pg_trigger",
)  # fmt: skip
_SIZES = "SELECT " + ", ".join(f"pg_catalog.pg_relation_size('pg_catalog.{name}'::regclass)" for name in _RARE)
_LABELS = "SELECT classoid::regclass::text, objoid, objsubid, provider, label FROM pg_catalog.pg_seclabel"


@dataclass
class Catalog:
    """What readers of objects need.

    Args:
        session: to the database, with stable text forms, in the transaction whose snapshot counts.
        version: the server's version number.
        filled: catalogs that are read only where they are filled, and may hold rows.
        members: (catalog, object id) of what belongs to an extension, which makes it again by itself.
    """

    session: Session[Any]
    version: int
    filled: frozenset[str] = frozenset(_RARE)
    members: frozenset[tuple[str, int]] = frozenset()
    comments: Mapping[tuple[str, int, int], str] = field(default_factory=dict)
    labels: Mapping[tuple[str, int, int], Mapping[str, str]] = field(default_factory=dict)
    #: Roles that are named elsewhere than as an owner or in a grant.
    roles: set[str] = field(default_factory=set)
    _answers: dict[str, list[Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, session: Session[Any], version: int, soon: Sequence[str] = ()) -> Catalog:
        """Prepare for reading objects.

        Args:
            session: to the database.
            version: the server's version number.
            soon: queries that will follow: see :meth:`ask`.
        """
        catalog = cls(session, version)
        (sizes,) = catalog.rows(_SIZES)
        catalog.filled = frozenset(name for name, size in zip(_RARE, sizes) if size)
        comments = _COMMENTS
        if "pg_largeobject_metadata" in catalog.filled:
            comments += f"UNION ALL{_COMMENTS_ON_LARGE_OBJECTS}"
        catalog.ask([comments, _MEMBERS, *soon])
        catalog.comments = {(name, oid, sub): text for name, oid, sub, text in catalog.rows(comments)}
        labels: dict[tuple[str, int, int], dict[str, str]] = {}
        for name, oid, sub, provider, label in catalog.rows(_LABELS) if "pg_seclabel" in catalog.filled else ():
            labels.setdefault((name, oid, sub), {})[provider] = label
        catalog.labels = labels
        catalog.members = frozenset((name, oid) for name, oid in catalog.rows(_MEMBERS))
        return catalog

    def ask(self, queries: Sequence[str]) -> None:
        """Ask queries in one go: on a small database the ways to the server and back take longer than the answers.

        Whoever asks one of them next gets the answer that is there already.
        """
        cursor = self.session.execute(sql(";".join(queries)))
        for query in queries:
            self._answers[query] = cursor.fetchall()
            cursor.nextset()

    def rows(self, query: str) -> list[Any]:
        """The rows of a query."""
        known = self._answers.pop(query, None)
        return self.session.execute(sql(query)).fetchall() if known is None else known

    def objects(self, catalog: str, query: str) -> Iterator[Any]:
        """The rows of a query whose first column is the object id, without those that belong to an extension."""
        for row in self.rows(query):
            if (catalog, row[0]) not in self.members:
                yield row

    def extras(self, catalog: str, oid: int, sub: int = 0, of: str = "") -> dict[str, str]:
        """Comment and security labels of an object, as attributes.

        Args:
            catalog: the catalog that the object is in.
            oid: its id there.
            sub: number of a column, 0 for the object itself.
            of: what to say behind the attribute's name: `` on column x``.
        """
        found = {}
        comment = self.comments.get((catalog, oid, sub))
        if comment is not None:
            found[f"comment{of}"] = shown(comment)
        for provider, label in self.labels.get((catalog, oid, sub), {}).items():
            found[f"security label ({provider}){of}"] = shown(label)
        return found

    def make(
        self,
        kind: str,
        name: str,
        catalog: str,
        oid: int,
        definition: Optional[Sequence[object]] = None,
        owner: Optional[str] = None,
        access: Optional[Iterable[str]] = None,
        attributes: Optional[Mapping[str, object]] = None,
    ) -> ProofObject:
        """An object of the proof.

        Args:
            kind, name: what it is.
            catalog, oid: where its comment and labels are found.
            definition: what makes its digest; None for no digest.
            owner: its owner.
            access: its access list as texts.
            attributes: what is compared one by one; empty values are left out.
        """
        grants: tuple[Grant, ...] = acl.grants_of(access)
        return ProofObject(
            kind=kind,
            name=name,
            digest=None if definition is None else digest(definition),
            owner=owner,
            grants=grants,
            attributes={**plain(attributes or {}), **self.extras(catalog, oid)},
        )


def digest(parts: Sequence[object]) -> str:
    """SHA-256 of values that are texts, numbers, truth values, None, or lists of them."""
    text = json.dumps(parts, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def shown(text: str) -> str:
    """A text short enough to show: a long one is cut, and told from others by its digest."""
    if len(text) <= _LONGEST_SHOWN:
        return text
    return f"{text[:_LONGEST_SHOWN]}... ({len(text)} characters, SHA-256 {hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()})"


def plain(attributes: Mapping[str, object]) -> dict[str, str]:
    """Attributes as texts, without those that say nothing."""
    texts = {}
    for name, value in attributes.items():
        if value is None or value is False or value in ("", []):
            continue
        if value is True:
            texts[name] = "yes"
        elif isinstance(value, (list, tuple)):
            texts[name] = shown(", ".join(str(item) for item in value))
        else:
            texts[name] = shown(str(value))
    return texts


def options(values: Optional[Iterable[str]]) -> list[str]:
    """``name=value`` texts in a stable order."""
    return sorted(values or ())
