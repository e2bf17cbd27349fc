# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to restore a set with PostgreSQL's own programs alone. Private to this collection."""

from __future__ import annotations

import shlex

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import properties as database_properties
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.dump import conninfo
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import INITIAL_DATABASES
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import (
    FIRST_WITH_ZSTD,
    major_of,
    parse_version,
)
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Database, Manifest


def restore_instructions(manifest: Manifest) -> str:
    """The engine's part of RESTORE.md: exact commands, run in the directory of the set as the server's superuser."""
    major = major_of(manifest.server_version)
    lines = [
        "## PostgreSQL",
        "",
        f"The set is of PostgreSQL {manifest.server_version}. Needed: a server of version {major} or newer, its client",
        "programs of the same major version as the server, and `zstd`. Run the commands in this directory, as a superuser",
        "of the server (`PGHOST`, `PGPORT` and `PGUSER` say where and who).",
        "",
        "### 1. Roles",
        "",
        "```sh",
    ]
    roles = manifest.artefact("roles")
    if roles is not None:
        unpack = "zstd -dc" if roles.codec == "zstd" else "cat"
        lines += [f"{unpack} -- {shlex.quote(roles.path)} | psql -X -v ON_ERROR_STOP=1 -d postgres"]
    lines += ["```", "", "### 2. Databases", ""]
    for number, database in enumerate(manifest.databases, 1):
        artefact = manifest.artefact("database", database.name)
        if artefact is not None:
            lines += _database(number, database, artefact, major)
    lines += [
        "### 3. Settings",
        "",
        "`settings.json.zst` holds what `postgresql.conf`, `pg_hba.conf` and `pg_ident.conf` said, and the tablespaces.",
        "",
    ]
    return "\n".join(lines)


def _database(number: int, database: Database, artefact: Artefact, major: int) -> list[str]:
    version = parse_version(f"{major}")[0] * 10000
    name = database.name
    create = database_properties.create_statement(name, database.properties, version, closed=False)
    finish = [
        *database_properties.property_statements(name, database.properties),
        database_properties.opening_statement(name, database.properties),
    ]
    title = name.encode("unicode_escape").decode("ascii") if not name.isprintable() else name
    lines = [f"#### {number}. `{title}`", "", "```sh"]
    if name in INITIAL_DATABASES:
        lines.append("# A new server has this database already: the next statement then fails, and is not needed.")
    lines += [f"psql -X -d template1 -c {shlex.quote(create)}", *_load(name, artefact)]
    statements = "".join(f"{statement};\n" for statement in finish)
    lines += [
        f"psql -X -v ON_ERROR_STOP=1 -d template1 <<'END-OF-{number}'",
        statements.rstrip("\n"),
        f"END-OF-{number}",
    ]
    return [*lines, "```", ""]


def _load(name: str, artefact: Artefact) -> list[str]:
    source = shlex.quote(artefact.path)
    program = f"pg_restore --format=directory --jobs=4 --exit-on-error --dbname={shlex.quote(conninfo(name))}"
    lines = []
    if "plain_bytes" in artefact.details:
        lines += [
            f"# Programs of PostgreSQL {FIRST_WITH_ZSTD} and newer read the dump as it is; older ones want it decompressed:",
            f'plain=$(mktemp -d) && cp -R -- {source}/. "$plain"',
            "find \"$plain\" -name '*.zst' -exec zstd -q -d --rm -- {} +",
        ]
        source = '"$plain"'
    if artefact.details.get("event_triggers"):
        lines += [
            "# Event triggers come last, so that they do not fire meanwhile:",
            "objects=$(mktemp) && triggers=$(mktemp)",
            f"pg_restore --list {source} | grep -v 'EVENT TRIGGER ' > \"$objects\"",
            f"pg_restore --list {source} | grep 'EVENT TRIGGER ' > \"$triggers\"",
            f'{program} --use-list="$objects" {source}',
            f'{program} --use-list="$triggers" {source}',
            'rm -- "$objects" "$triggers"',
        ]
    else:
        lines.append(f"{program} {source}")
    return [*lines, 'rm -r -- "$plain"'] if "plain_bytes" in artefact.details else lines
