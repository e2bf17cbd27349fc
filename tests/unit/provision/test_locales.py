# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which locales are missing, and which lines make them."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._provision.locales import definitions, missing_locales

SUPPORTED = """
# a comment with many words
de_AT.UTF-8 UTF-8
de_DE.UTF-8 UTF-8
de_DE ISO-8859-1
de_DE@euro ISO-8859-15
en_US.UTF-8 UTF-8
sr_RS@latin UTF-8
zh_CN.GB18030 GB18030
""".splitlines()


def test_names_are_compared_as_glibc_does() -> None:
    assert missing_locales(["de_DE.UTF-8", "en_US.utf8", "fr_FR.UTF-8"], ["C", "de_DE.utf8", "en_US.utf8"]) == [
        "fr_FR.UTF-8"
    ]


def test_what_glibc_brings_is_never_missing() -> None:
    assert missing_locales(["C", "POSIX", "C.UTF-8", "C.utf8"], []) == []


def test_a_modifier_makes_another_locale() -> None:
    assert missing_locales(["de_DE@euro", "de_DE"], ["de_DE.utf8", "de_DE@euro"]) == ["de_DE"]


def test_lines_of_locales() -> None:
    names = ["de_DE.utf8", "de_DE@euro", "de_DE.ISO-8859-15@euro", "de_DE.iso88591", "sr_RS@latin", "zh_CN.gb18030"]
    assert definitions(names, SUPPORTED) == (
        [
            "de_DE.UTF-8 UTF-8",
            "de_DE@euro ISO-8859-15",
            "de_DE ISO-8859-1",
            "sr_RS@latin UTF-8",
            "zh_CN.GB18030 GB18030",
        ],
        [],
    )


def test_locales_that_nobody_knows_are_named() -> None:
    assert definitions(["xx_YY.UTF-8", "en_US.UTF-8"], SUPPORTED) == (["en_US.UTF-8 UTF-8"], ["xx_YY.UTF-8"])
