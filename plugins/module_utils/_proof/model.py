# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof: what is recorded at backup and computed again after a restore. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, NewerFormat

#: Version of the proof's format.
PROOF_SCHEMA_VERSION = 1

#: How much a proof covers: catalog and row counts, or the digest of every table's content as well.
COUNTS = "counts"
CONTENT = "content"
LEVELS = (COUNTS, CONTENT)


class Grant(NamedTuple):
    """One privilege of one grantee on an object.

    Args:
        privilege: as the server names it, ``SELECT``; for a column ``SELECT (price)``.
        grantee: role or account, unquoted; ``PUBLIC`` for everybody.
        grantable: whether the grantee may hand it on.
    """

    privilege: str
    grantee: str
    grantable: bool = False


@dataclass(frozen=True)
class ProofObject:
    """One object of a server or a database.

    Args:
        kind: the field's word: ``table``, ``view``, ``function``, ``trigger``, ``role``, ``membership``, ...
        name: unique within its kind and database, as people write it: ``public.orders``.
        digest: SHA-256 of the normalised definition, in hexadecimal; None where there is none to compare.
        owner: owning role; None where the server knows none.
        grants: every privilege on it, the default ones spelled out.
        attributes: small properties that are compared one by one, in words (``connection limit``: ``5``). A secret
            stands here only as a digest, under a name that says so (``password digest``).
        rows: number of rows of a table; None for anything else.
        content: digest of the rows, independent of their order and of the server's version; None where not computed.
    """

    kind: str
    name: str
    digest: Optional[str] = None
    owner: Optional[str] = None
    grants: Sequence[Grant] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    rows: Optional[int] = None
    content: Optional[str] = None

    @property
    def key(self) -> tuple[str, str]:
        """What identifies the object within its database."""
        return self.kind, self.name

    def to_json(self) -> dict[str, Any]:
        """The object as JSON values, empty fields left out."""
        data: dict[str, Any] = {"kind": self.kind, "name": self.name}
        for key in ("digest", "owner", "rows", "content"):
            value = getattr(self, key)
            if value is not None:
                data[key] = value
        if self.grants:
            data["grants"] = [list(grant) for grant in self.grants]
        if self.attributes:
            data["attributes"] = dict(self.attributes)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ProofObject:
        """The object from JSON values.

        Raises:
            TypeError, KeyError, AttributeError: they are none.
        """
        if not isinstance(data["kind"], str) or not isinstance(data["name"], str):
            raise TypeError("kind or name of an object is not a text")
        return cls(**{**data, "grants": tuple(Grant(*item) for item in data.get("grants", ()))})


@dataclass(frozen=True)
class Proof:
    """The fingerprint of an instance, or of some of its databases.

    Args:
        engine, flavour, server_version: the server that it was computed on.
        level: ``counts`` or ``content``.
        instance: objects of the whole server: roles, memberships, grants, tablespaces.
        databases: name of a database -> its objects; the database itself is among them (kind ``database``, name ````).
    """

    engine: str
    flavour: str
    server_version: str
    level: str
    instance: Sequence[ProofObject] = ()
    databases: Mapping[str, Sequence[ProofObject]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The proof as JSON values."""
        return {
            "schema_version": PROOF_SCHEMA_VERSION,
            "engine": self.engine,
            "flavour": self.flavour,
            "server_version": self.server_version,
            "level": self.level,
            "instance": [item.to_json() for item in self.instance],
            "databases": {name: [item.to_json() for item in items] for name, items in self.databases.items()},
        }

    @classmethod
    def from_json(cls, data: Any) -> Proof:
        """The proof from JSON values.

        Raises:
            DamagedSet: the values are not a proof, or one of a newer format.
        """
        try:
            version = data["schema_version"]
            if version > PROOF_SCHEMA_VERSION:
                raise NewerFormat(
                    f"The proof has format version {version}; this collection reads up to {PROOF_SCHEMA_VERSION}.",
                    "use the version of vya.backupdb that wrote the set, or a newer one",
                )
            return cls(
                engine=data["engine"],
                flavour=data["flavour"],
                server_version=data["server_version"],
                level=data["level"],
                instance=tuple(ProofObject.from_json(item) for item in data["instance"]),
                databases={
                    name: tuple(ProofObject.from_json(item) for item in items)
                    for name, items in data["databases"].items()
                },
            )
        except (TypeError, KeyError, AttributeError) as error:
            raise DamagedSet(f"The proof is malformed: {error!r}", "restore the set from another copy") from None
