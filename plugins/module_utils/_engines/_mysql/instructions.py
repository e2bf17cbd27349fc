# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine's part of RESTORE.md. Private to this collection."""

from __future__ import annotations

import shlex

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import quote_name
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.definitions import charset_clauses
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Manifest

_LISTED = 50


def instructions(manifest: Manifest) -> str:
    """Exact commands of standard programs that restore a set without this collection, as Markdown."""
    client = "mariadb" if manifest.flavour == "mariadb" else "mysql"
    introduction = (
        f"This set holds databases of {manifest.flavour} {manifest.server_version}. Needed: `{client}` and `zstd`; a "
        f"login that may do everything (add `--user`, `--host`, `--password` to `{client}` as your server needs them); "
        "a server of the same product and version or newer, with `local_infile = ON` while it loads."
    )
    accounts = (
        "1. Accounts (users, roles, grants on the server and on databases). Grants on tables and routines, at the end "
        "of the file, fail until the databases are there, and `--force` goes on after them:"
    )
    lines = [
        introduction,
        "",
        "Work on a copy of the set: the commands decompress files beside the compressed ones.",
        "",
        accounts,
        "",
        "```sh",
        f"zstd -dc roles.sql.zst | {client} --force",
        "```",
        "",
        "2. Each database:",
        "",
    ]
    databases = [artefact for artefact in manifest.artefacts if artefact.kind == "database"]
    for artefact in databases[:_LISTED]:
        lines += _database(manifest, artefact, client)
    if len(databases) > _LISTED:
        lines += [f"… and {len(databases) - _LISTED} more in `databases/`, with the same commands.", ""]
    lines += [
        "3. The accounts again, for the grants on tables and routines:",
        "",
        "```sh",
        f"zstd -dc roles.sql.zst | {client} --force",
        "```",
    ]
    return "\n".join(lines) + "\n"


def _database(manifest: Manifest, artefact: Artefact, client: str) -> list[str]:
    database = manifest.database(artefact.name)
    clauses = charset_clauses(database.properties if database else {})
    create = f"CREATE DATABASE {quote_name(artefact.name)}{clauses}"
    target = f"{client} --binary-mode --default-character-set=utf8mb4 --database={shlex.quote(artefact.name)}"
    parts = artefact.details.get("parts", ())
    lines = ["```sh", f"cd {shlex.quote(artefact.path)}", f"{client} -e {shlex.quote(create)}"]
    if "tables" in parts:
        lines.append(f"zstd -dc tables.sql.zst | {target}")
    if artefact.details.get("tables"):
        lines.append("zstd -d -q data/*.zst")
        lines.append(f"{target} --local-infile=1 --show-warnings < load.sql")
    lines += [
        f"zstd -dc {part}.sql.zst | {target}" for part in ("routines", "views", "triggers", "events") if part in parts
    ]
    return [*lines, "cd -", "```", ""]
