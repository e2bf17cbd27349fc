# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a newer version says of subscriptions is allowed there, and nowhere else."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._proof.compare import compare
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import COUNTS, Proof, ProofObject


def proof(version: str, **attributes: str) -> Proof:
    subscription = ProofObject(
        "subscription", "far", attributes={key.replace("_", " "): attributes[key] for key in attributes}
    )
    return Proof("postgresql", "postgresql", version, COUNTS, databases={"shop": (subscription,)})


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        (proof("17.2"), proof("18.1", streaming="parallel"), True),
        (proof("18.0"), proof("18.1", streaming="parallel"), False),
        (proof("17.2", streaming="on"), proof("18.1", streaming="parallel"), False),
        (proof("15.2"), proof("17.1", runs_as_its_owner="true"), True),
        (proof("16.2"), proof("17.1", runs_as_its_owner="true"), False),
        (proof("15.2", binary="true"), proof("18.1"), False),
    ],
)
def test_options_of_subscriptions(before: Proof, after: Proof, allowed: bool) -> None:
    comparison = compare(before, after)
    assert comparison.equal is allowed
    assert [rule.name for _difference, rule in comparison.allowed] == ["postgresql-subscription-options"] * allowed
