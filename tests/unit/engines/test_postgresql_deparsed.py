# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Printed definitions get one form, and nothing that means something else gets it too."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.deparsed import stable

SAME = [
    (
        "CHECK (((v)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))",
        "CHECK (((v)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])))",
    ),
    ("(((a > 1) AND (b > 2)) AND (c > 3))", "((a > 1) AND (b > 2) AND (c > 3))"),
    ("((a OR (b OR c)) AND (d AND e))", "((a OR b OR c) AND d AND e)"),
    ("(ARRAY[x, 'a, ]'])::numeric(5,1)[]", "ARRAY[(x)::numeric(5,1), ('a, ]')::numeric(5,1)]"),
    ('((ARRAY[f(a, b)])::"Odd, S"."D d"[])::text[]', 'ARRAY[((f(a, b))::"Odd, S"."D d")::text]'),
    ("(ARRAY[t])::timestamp(3) without time zone[]", "ARRAY[(t)::timestamp(3) without time zone]"),
]
UNCHANGED = [
    "'((ARRAY[''x'']))::text[] AND ((a AND b) AND c)'::text",
    '(a = "x AND (ARRAY[y])::text[]")',
    "((a AND b) OR (c AND d))",
    "(NOT (a AND b) AND c)",
    "sum(x) OVER (ORDER BY y ROWS BETWEEN (1 + 1) PRECEDING AND CURRENT ROW)",
    "(ARRAY[1, 2])::int4multirange",
    "not even ) balanced AND (",
    "an open ' quote AND",
    "(a AND b",
]


@pytest.mark.parametrize(("printed", "again"), SAME)
def test_what_is_printed_and_what_is_printed_after_reading_it_again(printed: str, again: str) -> None:
    assert stable(printed) == again
    assert stable(again) == again


@pytest.mark.parametrize("text", UNCHANGED)
def test_the_rest_stays(text: str) -> None:
    assert stable(text) == text


def test_nothing_stays_nothing() -> None:
    assert stable(None) is None
