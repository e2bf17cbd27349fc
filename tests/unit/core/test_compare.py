# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The comparison names each difference in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet
from ansible_collections.vya.backupdb.plugins.module_utils._proof.allowed import RULES
from ansible_collections.vya.backupdb.plugins.module_utils._proof.compare import compare
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Grant, Proof, ProofObject

ORDERS = ProofObject(
    kind="table",
    name="public.orders",
    digest="d1",
    owner="app",
    grants=(Grant("SELECT", "reporting"), Grant("ALL", "app", True)),
    attributes={"tablespace": "fast", "password digest": "x"},
    rows=10,
    content="c1",
)
ROLE = ProofObject(kind="role", name="app", attributes={"connection limit": "5"})


def proof(*objects: ProofObject, instance: tuple[ProofObject, ...] = (ROLE,), level: str = "content") -> Proof:
    return Proof("postgresql", "postgresql", "15.1", level, instance, {"shop": objects})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"digest": "d2"}, "the definition of table public.orders differs (database shop)"),
        ({"owner": "root"}, "owner of table public.orders: expected app, found root (database shop)"),
        (
            {"grants": (Grant("ALL", "app", True),)},
            "missing grant: SELECT on public.orders to reporting (database shop)",
        ),
        (
            {"grants": (*ORDERS.grants, Grant("DELETE", "PUBLIC"))},
            "unexpected grant: DELETE on public.orders to PUBLIC (database shop)",
        ),
        (
            {"attributes": {"password digest": "x"}},
            "tablespace of table public.orders: expected fast, found none (database shop)",
        ),
        (
            {"attributes": {"tablespace": "fast", "password digest": "y"}},
            "password of table public.orders differs (database shop)",
        ),
        ({"rows": 9}, "rows of table public.orders: expected 10, found 9 (database shop)"),
        (
            {"content": "c2"},
            "the content of table public.orders differs (the number of rows is the same) (database shop)",
        ),
        ({"rows": None}, "rows of table public.orders were counted on one side only (database shop)"),
    ],
)
def test_one_change_is_one_difference_in_words(changed: dict, message: str) -> None:
    comparison = compare(proof(ORDERS), proof(replace(ORDERS, **changed)))
    assert [item.message for item in comparison.differences] == [message]
    assert not comparison.equal and comparison.proven == ()


def test_equal_proofs_are_equal_and_their_databases_proven() -> None:
    comparison = compare(proof(ORDERS), proof(ORDERS))
    assert comparison.equal and comparison.proven == ("shop",) and comparison.compared == 2


def test_missing_and_unexpected_objects() -> None:
    view = ProofObject("view", "public.v")
    messages = [item.message for item in compare(proof(ORDERS), proof(view)).differences]
    assert messages == ["missing table: public.orders (database shop)", "unexpected view: public.v (database shop)"]


def test_a_missing_database_and_role_are_named() -> None:
    found = Proof("postgresql", "postgresql", "15.1", "content")
    messages = [item.message for item in compare(proof(ORDERS), found).differences]
    assert messages == ["missing role: app", "missing database: shop"]
    assert [item.message for item in compare(proof(ORDERS), found, instance=False).differences] == [
        "missing database: shop"
    ]


def test_a_renamed_database_is_compared_under_its_new_name() -> None:
    found = Proof("postgresql", "postgresql", "15.1", "content", (ROLE,), {"shop2": (ORDERS,)})
    comparison = compare(proof(ORDERS), found, databases={"shop": "shop2"})
    assert comparison.equal and comparison.proven == ("shop2",)


def test_contents_count_only_where_both_sides_have_them() -> None:
    assert compare(proof(ORDERS), proof(replace(ORDERS, content=None), level="counts")).equal
    assert not compare(proof(ORDERS), proof(replace(ORDERS, content=None))).equal


def test_a_proof_survives_its_file() -> None:
    one = proof(ORDERS)
    assert Proof.from_json(one.to_json()).to_json() == one.to_json()
    assert compare(Proof.from_json(one.to_json()), one).equal


@pytest.mark.parametrize("damage", [{"schema_version": 99}, {"instance": None}, {"databases": 3}])
def test_a_damaged_or_newer_proof_is_refused(damage: dict) -> None:
    with pytest.raises(DamagedSet):
        Proof.from_json({**proof(ORDERS).to_json(), **damage})


def test_every_allowed_difference_has_a_name_and_a_reason() -> None:
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))
    assert all(len(rule.reason) > 20 for rule in RULES)
