# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comparing a recorded proof with one computed now. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._proof.allowed import Allowed, allowed_by
from ansible_collections.vya.backupdb.plugins.module_utils._proof.difference import Difference
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import CONTENT, Proof, ProofObject


@dataclass(frozen=True)
class Comparison:
    """What came out.

    Args:
        differences: those that no rule allows.
        allowed: those that a rule allows, with the rule.
        compared: number of objects looked at.
        proven: databases, under their name now, that show no difference.
    """

    differences: Sequence[Difference] = ()
    allowed: Sequence[tuple[Difference, Allowed]] = ()
    compared: int = 0
    proven: Sequence[str] = field(default=())

    @property
    def equal(self) -> bool:
        """Whether everything is as recorded."""
        return not self.differences


def compare(
    expected: Proof,
    found: Proof,
    databases: Optional[Mapping[str, str]] = None,
    instance: bool = True,
    fenced: bool = False,
) -> Comparison:
    """Compare two proofs.

    Args:
        expected: the recorded one.
        found: the one computed now.
        databases: recorded name -> name now, of the databases to compare; None for all of them, unrenamed.
        instance: whether to compare the objects of the whole server (roles, memberships, ...) too.
        fenced: whether what waits, off, for its release may differ in that.
    """
    pairs = {name: name for name in expected.databases} if databases is None else dict(databases)
    found_all: list[Difference] = []
    compared = 0
    proven = []
    if instance:
        found_all += _compare_objects(expected.instance, found.instance, None, _contents(expected, found))
        compared += len(expected.instance)
    for recorded, now in pairs.items():
        if now not in found.databases:
            found_all.append(Difference("missing", "database", now, now, f"missing database: {now}"))
            continue
        differences = list(
            _compare_objects(expected.databases[recorded], found.databases[now], now, _contents(expected, found))
        )
        compared += len(expected.databases[recorded])
        if not any(allowed_by(item, expected, found, fenced) is None for item in differences):
            proven.append(now)
        found_all += differences
    remaining, allowed = [], []
    for difference in found_all:
        rule = allowed_by(difference, expected, found, fenced)
        if rule is None:
            remaining.append(difference)
        else:
            allowed.append((difference, rule))
    return Comparison(tuple(remaining), tuple(allowed), compared, tuple(proven))


def _contents(expected: Proof, found: Proof) -> bool:
    return expected.level == CONTENT and found.level == CONTENT


def _compare_objects(
    expected: Sequence[ProofObject], found: Sequence[ProofObject], database: Optional[str], contents: bool
) -> Iterator[Difference]:
    wanted = {item.key: item for item in expected}
    there = {item.key: item for item in found}
    for key, item in wanted.items():
        if key in there:
            yield from _compare_object(item, there[key], database, contents)
        else:
            yield Difference("missing", item.kind, item.name, database, _at(database, f"missing {_title(item)}"))
    for key, item in there.items():
        if key not in wanted:
            yield Difference("unexpected", item.kind, item.name, database, _at(database, f"unexpected {_title(item)}"))


def _compare_object(
    expected: ProofObject, found: ProofObject, database: Optional[str], contents: bool
) -> Iterator[Difference]:
    kind, name = expected.kind, expected.name
    label = f"{kind} {name}".strip() or kind

    def difference(
        what: str,
        message: str,
        attribute: Optional[str] = None,
        before: Optional[str] = None,
        after: Optional[str] = None,
    ) -> Difference:
        return Difference(what, kind, name, database, _at(database, message), attribute, before, after)

    if expected.digest != found.digest:
        yield difference("definition", f"the definition of {label} differs")
    if expected.owner != found.owner:
        message = f"owner of {label}: expected {_value(expected.owner)}, found {_value(found.owner)}"
        yield difference("owner", message, None, expected.owner, found.owner)
    for attribute in sorted({*expected.attributes, *found.attributes}):
        before, after = expected.attributes.get(attribute), found.attributes.get(attribute)
        if before == after:
            continue
        if attribute.endswith(" digest"):
            yield difference("attribute", f"{attribute[: -len(' digest')]} of {label} differs", attribute)
        else:
            message = f"{attribute} of {label}: expected {_value(before)}, found {_value(after)}"
            yield difference("attribute", message, attribute, before, after)
    before_grants, after_grants = set(expected.grants), set(found.grants)
    for word, grants in (("missing", before_grants - after_grants), ("unexpected", after_grants - before_grants)):
        for grant in sorted(grants):
            option = " with grant option" if grant.grantable else ""
            place = name or f"{kind} {database}" if kind == "database" else name
            message = f"{word} grant: {grant.privilege} on {place} to {grant.grantee}{option}"
            yield difference("grant", message, grant.privilege, grant.grantee if word == "missing" else None)
    if expected.rows is not None and found.rows is not None and expected.rows != found.rows:
        message = f"rows of {label}: expected {expected.rows}, found {found.rows}"
        yield difference("rows", message, None, str(expected.rows), str(found.rows))
    elif (expected.rows is None) != (found.rows is None):
        yield difference("rows", f"rows of {label} were counted on one side only")
    elif contents and expected.content != found.content:
        yield difference("content", f"the content of {label} differs (the number of rows is the same)")


def _title(item: ProofObject) -> str:
    return f"{item.kind}: {item.name}" if item.name else item.kind


def _at(database: Optional[str], message: str) -> str:
    return message if database is None else f"{message} (database {database})"


def _value(value: Optional[str]) -> str:
    return "none" if value is None else value
