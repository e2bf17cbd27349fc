# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of initdb for a cluster like a recorded one. Private to this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._model import Database

#: Of a locale, beside those that each database has.
CATEGORIES = ("messages", "monetary", "numeric", "time")
#: The first major version whose pages have checksums unless one says otherwise.
_CHECKSUMS_BY_DEFAULT = 18
_ICU = 15
_BUILTIN = 17
_MIB = 1 << 20


def initdb_options(databases: Sequence[Database], facts: Mapping[str, Any], major: int) -> list[str]:
    """Encoding, locales, checksums and the size of WAL segments as they were.

    Args:
        databases: those of the set, with their properties.
        facts: those of the recorded server.
        major: major version of the new cluster.
    """
    options = [f"--lc-{name}={facts[f'lc_{name}']}" for name in CATEGORIES if facts.get(f"lc_{name}")]
    options += _locale_options(databases, facts, major)
    if str(facts.get("data_checksums")) == "on":
        options.append("--data-checksums")
    elif major >= _CHECKSUMS_BY_DEFAULT:
        options.append("--no-data-checksums")
    segment = str(facts.get("wal_segment_size") or "")
    if segment.isdecimal() and int(segment) >= _MIB:
        options.append(f"--wal-segsize={int(segment) // _MIB}")
    return options


def _locale_options(databases: Sequence[Database], facts: Mapping[str, Any], major: int) -> list[str]:
    """Encoding and locale: those of the database postgres, as far as the set says; each restored database has its own."""
    encoding = str(facts.get("server_encoding") or "UTF8")
    chosen = _typical(databases, encoding)
    if chosen is None:
        return [f"--encoding={encoding}", "--lc-collate=C", "--lc-ctype=C"]
    found = chosen.properties
    options = [
        f"--encoding={found['encoding']}",
        f"--lc-collate={found['lc_collate']}",
        f"--lc-ctype={found['lc_ctype']}",
    ]
    provider = found.get("locale_provider", "libc")
    if provider == "icu" and major >= _ICU:
        options += ["--locale-provider=icu", f"--icu-locale={found['locale']}"]
    elif provider == "builtin" and major >= _BUILTIN:
        options += ["--locale-provider=builtin", f"--builtin-locale={found['locale']}"]
    elif major >= _ICU:
        options.append("--locale-provider=libc")
    return options


def _typical(databases: Sequence[Database], encoding: str) -> Optional[Database]:
    by_name = {database.name: database for database in databases}
    for name in ("postgres", "template1"):
        if name in by_name:
            return by_name[name]
    return next((item for item in databases if item.properties.get("encoding") == encoding), None)
