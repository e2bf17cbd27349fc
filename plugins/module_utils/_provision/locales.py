# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locales of the operating system: which are missing, and how they are made. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

#: Where glibc has them without anything being made.
_BUILT_IN = frozenset({"c", "posix", "c.utf8"})


def missing_locales(wanted: Iterable[str], there: Sequence[str]) -> list[str]:
    """Which of some locales are not there.

    Args:
        wanted: as servers record them: ``de_DE.UTF-8``.
        there: as ``locale -a`` says them: ``de_DE.utf8``.
    """
    known = {_normal(name) for name in there} | _BUILT_IN
    return [name for name in wanted if _normal(name) not in known]


def definitions(names: Iterable[str], supported: Sequence[str]) -> tuple[list[str], list[str]]:
    """The lines of ``/etc/locale.gen`` that make some locales.

    Args:
        names: of the locales.
        supported: lines of ``/usr/share/i18n/SUPPORTED``, such as ``de_DE.UTF-8 UTF-8`` and ``de_DE ISO-8859-1``.

    Returns:
        The lines, and the names for which there is none.
    """
    by_name: dict[str, str] = {}
    for line in supported:
        words = line.split()
        if len(words) != 2:
            continue
        name, charset = words
        by_name.setdefault(_normal(name), line.strip())
        if "." not in name:
            # de_DE stands for de_DE.ISO-8859-1, de_DE@euro for de_DE.ISO-8859-15@euro
            base, at, modifier = name.partition("@")
            by_name.setdefault(_normal(f"{base}.{charset}{at}{modifier}"), line.strip())
    lines, unknown = [], []
    for name in names:
        line = by_name.get(_normal(name))
        if line is None:
            unknown.append(name)
        elif line not in lines:
            lines.append(line)
    return lines, unknown


def _normal(name: str) -> str:
    """As glibc compares: the character set in small letters and digits alone."""
    base, dot, rest = name.partition(".")
    charset, at, modifier = rest.partition("@")
    return (base + dot + re.sub(r"[^a-z0-9]", "", charset.lower()) + at + modifier).lower() if dot else name.lower()
