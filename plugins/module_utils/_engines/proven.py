# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore loads is proven before it takes the place of a live database. Private to this collection."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from ansible_collections.vya.backupdb.plugins.module_utils._codec import read_json
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import ArtefactReader
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, NotProven
from ansible_collections.vya.backupdb.plugins.module_utils._proof.compare import compare
from ansible_collections.vya.backupdb.plugins.module_utils._proof.difference import Difference
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Proof, ProofObject

_TOLD = 20
#: Kind of an object of the whole server, and attribute of what lies in one.
_TABLESPACE = "tablespace"
_USUAL = "pg_default"


def recorded_proof(reader: ArtefactReader) -> Proof:
    """The proof of a set.

    Raises:
        DamagedSet: the set has none, or it is not what was written.
    """
    artefact = reader.manifest.artefact("proof")
    if artefact is None:
        raise DamagedSet("The set holds no proof, which every backup writes.", "restore another set")
    reader.verify(artefact)
    return Proof.from_json(read_json(reader.path(artefact)))


def without_tablespaces(expected: Proof, names: Collection[str]) -> Proof:
    """What a proof says where objects of some tablespaces went where objects go by default.

    Args:
        expected: the proof of a set.
        names: of the tablespaces.
    """
    if not names:
        return expected
    return replace(
        expected,
        instance=tuple(item for item in expected.instance if item.kind != _TABLESPACE or item.name not in names),
        databases={
            database: tuple(_by_default(items, frozenset(names))) for database, items in expected.databases.items()
        },
    )


def _by_default(items: Sequence[ProofObject], names: frozenset[str]) -> Iterator[ProofObject]:
    """Objects of a database: it always has a tablespace, they only where it is not the database's."""
    own = next((item.attributes.get(_TABLESPACE) for item in items if item.kind == "database"), None)
    inside = names | {_USUAL} if own in names else names
    for item in items:
        place = item.attributes.get(_TABLESPACE)
        if item.kind == "database" and place in names:
            yield replace(item, attributes={**item.attributes, _TABLESPACE: _USUAL})
        elif item.kind != "database" and place in inside:
            yield replace(
                item, attributes={name: value for name, value in item.attributes.items() if name != _TABLESPACE}
            )
        else:
            yield item


def refuse_if_different(
    expected: Proof,
    found: Proof,
    shadows: Mapping[str, str],
    names: Mapping[str, str],
    concerns: Callable[[Difference], bool],
) -> None:
    """Make sure that shadows are what was backed up.

    Args:
        expected: the proof of the set.
        found: that of the shadows.
        shadows: recorded name -> shadow.
        names: recorded name -> name that it is about to get.
        concerns: which differences count: some things get their final state only with the name.

    Raises:
        BackupError: one of them is not.
    """
    different = [item for item in compare(expected, found, shadows, instance=False).differences if concerns(item)]
    if not different:
        return
    told = []
    for item in different[:_TOLD]:
        text = item.message
        for recorded, shadow in shadows.items():
            text = text.replace(shadow, names[recorded])
        told.append(text)
    more = len(different) - len(told)
    raise NotProven(
        "What was loaded is not what was backed up, so it does not take the place of what is there:",
        "look at what differs; with keep_failed the loaded databases stay for that",
        [*told, *([f"{more} more"] if more else [])],
    )
