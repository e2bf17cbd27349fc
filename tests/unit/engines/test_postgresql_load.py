# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts of loading dumps of other tools that need no server."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_archive import errors_in
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_database import statements_for
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_roles import DumpedRoles
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_sql import boundary
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_survey import (
    DumpedDatabase,
    Said,
    Surveyor,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.load_words import Words, setting_of
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.pg_restore import (
    PERSISTENT_LINES,
    Archives,
    Source,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.roles import Membership, Role, Roles
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, ProcessError
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_splitter import PostgresSplitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import Statement

HEAD = b"INSERT INTO t VALUES"


def statements(text: str) -> list[Said]:
    return [Said(item, True) for item in PostgresSplitter([text.encode()]) if isinstance(item, Statement)]


@pytest.mark.parametrize(
    ("values", "whole"),
    [
        (b" (1, 'a');\nINSERT INTO t VALUES (2,", b" (1, 'a');\n"),
        (b" (1, 'a');\r\nINSERT INTO t VALUES", b" (1, 'a');\r\n"),
        (b" (1), (2),", b""),
        # a row that says the same
        (b" (';\nINSERT INTO t VALUES '),", b""),
        (b" (1);\nINSERT INTO t VALUES ('''', ';\nINSERT INTO t VALUES ('),", b" (1);\n"),
        # quotes cannot be counted where comments may hold some
        (b" (1); -- it's\n (2);\nINSERT INTO t VALUES (3),", b""),
        (b" (1 /* ' */);\nINSERT INTO t VALUES (3, ''),", b""),
    ],
)
def test_statements_are_parted_where_one_ends(values: bytes, whole: bytes) -> None:
    assert values[: boundary(values, HEAD)] == whole


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            """SET search_path TO '"$user"', public, 'With Space'""",
            ("search_path", '"""$user""", public, "With Space"'),
        ),
        ("""SET search_path TO '$user', public""", ("search_path", '"$user", public')),
        ("""SET "my.setting" TO E'it\\'s'""", ("my.setting", "it's")),
        ("SET my.setting = -1", ("my.setting", "-1")),
        ("SET DateStyle TO 'ISO', 'DMY'", ("datestyle", "ISO, DMY")),
        ("RESET work_mem", ("work_mem", None)),
        ("SET work_mem TO DEFAULT", ("work_mem", None)),
        ("SET work_mem FROM CURRENT", None),
    ],
)
def test_settings_are_read_as_the_server_keeps_them(text: str, found: object) -> None:
    (said,) = statements(text)
    assert setting_of(Words(said.statement)) == found


def test_statements_on_roles_change_what_they_name_and_nothing_else() -> None:
    there = Role("app", login=True, createdb=True, settings=("work_mem=1MB",), password="old")
    dumped = DumpedRoles(Roles(150000, (there,)), lambda text: text)
    dumped.see(
        statements(
            "CREATE ROLE app; ALTER ROLE app WITH NOCREATEDB PASSWORD 'new'; ALTER ROLE app SET lock_timeout = 5;"
            "CREATE USER u IN ROLE app ADMIN app CONNECTION LIMIT -1; GRANT app TO a, b WITH INHERIT FALSE, ADMIN OPTION;"
            "GRANT SET, ALTER SYSTEM ON PARAMETER my.x TO PUBLIC; CREATE ROLE x WITH NEWER OPTION"
        )
    )
    found = dumped.result()
    app, user, _x = found.roles
    assert (app.login, app.createdb, app.password) == (True, False, "new")
    assert app.settings == ("work_mem=1MB", "lock_timeout=5")
    assert (user.login, user.connection_limit) == (True, -1)
    assert Membership("app", "u") in found.memberships
    assert Membership("u", "app", admin=True) in found.memberships
    assert Membership("app", "b", None, True, False, True) in found.memberships
    assert [(entry.privilege, entry.grantee) for entry in found.parameters["my.x"]] == [
        ("SET", "PUBLIC"),
        ("ALTER SYSTEM", "PUBLIC"),
    ]
    assert [head for _line, head in dumped.unread] == ["CREATE ROLE x WITH NEWER OPTION"]


def test_what_dumps_say_of_databases_is_kept() -> None:
    text = r"""
CREATE DATABASE a OWNER = o CONNECTION LIMIT = 3;
ALTER DATABASE a OWNER TO p;
ALTER DATABASE a WITH IS_TEMPLATE true CONNECTION LIMIT 4;
ALTER DATABASE a SET TABLESPACE fast;
ALTER DATABASE a RENAME TO b;
GRANT CONNECT ON DATABASE a, b TO c;
UPDATE pg_catalog.pg_database SET datistemplate = false WHERE datname = 'a';
\connect a
ALTER DEFAULT PRIVILEGES FOR ROLE q GRANT SELECT ON TABLES TO r;
CREATE POLICY x ON t TO s USING (true);
SET SESSION AUTHORIZATION 'u';
"""
    survey = Surveyor("dump", {"a": "new"}).read([text.encode()])
    found = survey.databases["a"]
    assert found.properties == {
        "owner": "p",
        "is_template": True,
        "connection_limit": 4,
        "tablespace": "fast",
    }
    assert set(found.roles) == {"o", "p", "q", "r", "s", "u"}
    assert survey.warnings == [
        "dump, line 6: left out: ALTER DATABASE a RENAME TO b;",
        "dump, line 7: left out, it names several databases: GRANT CONNECT ON DATABASE a, b TO c;",
    ]


def test_numbers_that_are_none_are_left_out_with_their_line() -> None:
    dump = b"CREATE DATABASE a CONNECTION LIMIT = 'many';\nALTER DATABASE a CONNECTION LIMIT x;\n"
    survey = Surveyor("dump", {"a": "b"}).read([dump])
    assert survey.warnings == ["dump, line 2: left out: ALTER DATABASE a CONNECTION LIMIT x;"]
    dumped = DumpedRoles(Roles(150000, ()), lambda text: text)
    dumped.see(statements("CREATE ROLE r CONNECTION LIMIT x; ALTER ROLE r SET a = E'\\U00110000'"))
    assert [head for _line, head in dumped.unread] == ["CREATE ROLE r CONNECTION LIMIT x;"]
    assert dumped.result().roles[0].settings == ("a=\\U00110000",)


def test_no_statement_reaches_a_database_of_another_name() -> None:
    said = statements("GRANT CONNECT ON DATABASE a TO b")
    found = DumpedDatabase("a", statements=said)
    assert statements_for(found, "shadow", frozenset()) == ["GRANT CONNECT ON DATABASE shadow TO b"]
    found = DumpedDatabase("x", statements=said)
    with pytest.raises(BackupError, match="Line 1 of the dump cannot be applied to another name"):
        statements_for(found, "shadow", frozenset())


def test_errors_of_pg_restore_never_show_statements() -> None:
    said = (
        'pg_restore: error: could not execute query: ERROR:  server "s" does not exist\n'
        "Command was: CREATE USER MAPPING FOR x SERVER s OPTIONS (password 'hidden');\n"
        "DETAIL:  more\npg_restore: warning: errors ignored on restore: 3\n"
    )
    (error,), count = errors_in(said, "dump")
    assert count == 1
    # of very many errors only the last lines are there
    assert errors_in("NOTICE: x\n" * PERSISTENT_LINES + said, "dump")[1] == 3
    assert str(error) == 'dump: CREATE USER MAPPING FOR x SERVER s: server "s" does not exist DETAIL:  more'


class _Team:
    def check(self) -> None:
        """Never stopped."""


class _Rehearsal(Archives):
    """Runs nothing, and fails as pg_restore does."""

    def __init__(self, said: str) -> None:
        self._team = _Team()  # type: ignore[assignment]
        self.said = said
        self.did: list[object] = []

    def _run(self, database: str, source: Source, options: Sequence[str]) -> None:
        assert (database, source.form) == ("shadow", "directory")
        self.did.append(list(options))
        if "--jobs=2" in options:
            raise ProcessError("failed", "pg_restore", 1, self.said)


def test_sessions_of_pg_restore_that_end_in_a_deadlock_are_followed_by_one() -> None:
    archives = _Rehearsal("pg_restore: error: ERROR:  deadlock detected")
    archives.load("shadow", Source("path", "scratch"), 2, lambda: archives.did.append("empty"))
    assert archives.did == [["--jobs=2"], "empty", ["--jobs=1"]]
    archives = _Rehearsal("pg_restore: error: ERROR:  division by zero")
    with pytest.raises(ProcessError):
        archives.load("shadow", Source("path", "scratch"), 2, lambda: archives.did.append("empty"))
    assert archives.did == [["--jobs=2"]]


def test_connect_begins_with_strings_as_every_session_does() -> None:
    text = b"SET standard_conforming_strings = off;\nSELECT 'a\\'b';\n\\connect x\nSELECT 'a\\';\nSELECT 1;\n"
    found = [item.bytes() for item in PostgresSplitter([text]) if isinstance(item, Statement)]
    assert found[1:] == [b"SELECT 'a\\'b';", b"\\connect x", b"SELECT 'a\\';", b"SELECT 1;"]
