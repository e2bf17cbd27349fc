# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a PostgreSQL dump is cut into: kinds, levels, commands to psql, roles, databases."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_database import parse_create_database
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_kinds import postgres_level
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_roles import repair_roles, role_name
from ansible_collections.vya.backupdb.plugins.module_utils._sql.psql import parse_conninfo, parse_meta, spell_connect
from ansible_collections.vya.backupdb.plugins.module_utils._sql.subjects import database_of, subject_of
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import SqlError, Statement

from tests.unit.sql.support import items, rename


def statements(dump: str) -> list[Statement]:
    return [item for item in items("postgresql", dump.encode()) if isinstance(item, Statement) and not item.part]


@pytest.mark.parametrize(
    ("text", "kind", "level", "subject"),
    [
        ("CREATE DATABASE a;", "create_database", "database", "database a"),
        ("ALTER DATABASE a SET x TO y;", "alter_database", "database", "database a"),
        ("DROP DATABASE IF EXISTS a;", "drop_database", "database", "database a"),
        ("\\connect a", "connect", "database", None),
        ("GRANT CONNECT ON DATABASE a TO b;", "grant_on_database", "database", None),
        ("REVOKE ALL ON DATABASE a FROM PUBLIC;", "revoke_on_database", "database", None),
        ("COMMENT ON DATABASE a IS 'x';", "comment_on_database", "database", "database a"),
        ("SECURITY LABEL FOR x ON DATABASE a IS 'x';", "security_on_database", "database", None),
        ("ALTER ROLE a IN DATABASE b SET x TO y;", "alter_role_in_database", "database", None),
        ("CREATE ROLE a;", "create_role", "role", "role a"),
        ("ALTER USER a WITH PASSWORD 'x';", "alter_role", "role", "role a"),
        ("DROP GROUP a;", "drop_role", "role", "role a"),
        ("GRANT a TO b WITH ADMIN OPTION GRANTED BY c;", "grant_role", "role", None),
        ("REVOKE ADMIN OPTION FOR a FROM b;", "revoke_role", "role", None),
        ("COMMENT ON ROLE a IS 'x';", "comment_on_role", "role", "role a"),
        ("REASSIGN OWNED BY a TO b;", "owned", "role", None),
        ("DROP OWNED BY a;", "owned", "role", None),
        ("CREATE TABLESPACE a LOCATION '/x';", "create_tablespace", "cluster", "tablespace a"),
        ("GRANT CREATE ON TABLESPACE a TO b;", "grant_on_tablespace", "cluster", None),
        ("GRANT SET ON PARAMETER x TO b;", "grant_on_parameter", "cluster", None),
        ("ALTER SYSTEM SET x = y;", "alter_system", "cluster", None),
        ("SET search_path = '';", "set", "session", None),
        ("SELECT pg_catalog.set_config('search_path', '', false);", "set_config", "session", None),
        ("BEGIN;", "transaction", "session", None),
        ("\\restrict x", "meta", "client", None),
        ("CREATE TABLE a.b (c int);", "create_table", "content", "table a.b"),
        ("CREATE UNLOGGED TABLE IF NOT EXISTS a.b (c int);", "create_table", "content", "table a.b"),
        ("CREATE FOREIGN TABLE a.b (c int) SERVER s;", "create_table", "content", "table a.b"),
        ("ALTER TABLE ONLY a.b ADD x int;", "alter_table", "content", "table a.b"),
        ("CREATE MATERIALIZED VIEW a.b AS SELECT 1;", "create_view", "content", "view a.b"),
        ("CREATE OR REPLACE FUNCTION a.b() RETURNS int AS $$ $$;", "create_routine", "content", "routine a.b"),
        ("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);", "create_index", "content", "index i"),
        ("CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();", "create_trigger", "content", "trigger e"),
        (
            "CREATE CONSTRAINT TRIGGER e AFTER INSERT ON t EXECUTE FUNCTION f();",
            "create_trigger",
            "content",
            "trigger e",
        ),
        ("CREATE USER MAPPING FOR a SERVER s;", "create_user_mapping", "content", "user_mapping a"),
        ("CREATE SERVER s FOREIGN DATA WRAPPER w;", "create_server", "content", "server s"),
        ("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p;", "create_subscription", "content", "subscription s"),
        ("ALTER DEFAULT PRIVILEGES FOR ROLE a GRANT SELECT ON TABLES TO b;", "alter_privileges", "content", None),
        ("CREATE EXTENSION IF NOT EXISTS e WITH SCHEMA s;", "create_extension", "content", "extension e"),
        ("COMMENT ON EXTENSION e IS 'x';", "comment_on_extension", "content", "extension e"),
        ("GRANT SELECT(a),UPDATE(a) ON TABLE t TO b;", "grant_on_table", "content", None),
        ("GRANT SELECT ON t TO b;", "grant_on_table", "content", None),
        ("COPY a.b (c) FROM stdin;\n\\.\n", "copy_from_stdin", "content", "row a.b"),
        ("COPY a FROM '/x';", "copy", "content", "row a"),
        ("INSERT INTO a.b VALUES (1);", "insert", "content", "row a.b"),
    ],
)
def test_two_restores_in_one_are_told_apart(text: str, kind: str, level: str, subject: str | None) -> None:
    (statement,) = statements(text)
    assert statement.kind == kind
    assert postgres_level(kind) == level
    found = subject_of(statement, "postgresql")
    assert (str(found) if found else None) == subject


def test_the_current_database_follows_connect() -> None:
    found = statements(
        "SELECT 1;\n\\c a\nSELECT 2;\n\\connect -reuse-previous=on \"dbname='b c'\"\nSELECT 3;\nDROP DATABASE d;\n\\connect -\nSELECT 4;"
    )
    current = [database_of(statement, "postgresql") for statement in found if statement.kind != "connect"]
    assert current == [None, "a", "b c", "d", "b c"]


@pytest.mark.parametrize(
    "name", ["a", "A", "a.b", "a b", "a'b", 'a"b', "a\\b", 'it\'s "x" \\', "-", "=", "dbname=x", "\u00e9", "select"]
)
def test_p34_connect_finds_every_name_that_it_spells(name: str) -> None:
    command = parse_meta(spell_connect(name))
    assert command.refused is None
    assert command.database == name
    assert rename("postgresql", b"\\connect x\n", {"x": name}).output.decode() == spell_connect(name) + "\n"


def test_p34_a_line_break_in_the_new_name_is_refused_where_it_cannot_stand() -> None:
    assert rename("postgresql", b"DROP DATABASE x;", {"x": "a\nb"}).output == b'DROP DATABASE "a\nb";'
    with pytest.raises(SqlError, match=r"^Line 2: .*line break"):
        rename("postgresql", b"\n\\connect x\n", {"x": "a\nb"})


def test_connection_strings() -> None:
    assert parse_conninfo(r" host = 'a b' dbname=x\ y  password='it\'s \\' user=''") == [
        ("host", "a b"),
        ("dbname", "x y"),
        ("password", "it's \\"),
        ("user", ""),
    ]
    for wrong in ("dbname", "a='b", "a=b'c'", "= x"):
        with pytest.raises(ValueError, match="cannot be read"):
            parse_conninfo(wrong)


@pytest.mark.parametrize(
    ("text", "expected", "names"),
    [
        ("CREATE ROLE admin@example.com;", 'CREATE ROLE "admin@example.com";', ["admin@example.com"]),
        (
            "CREATE ROLE Admin@Example.com LOGIN PASSWORD 'a@b.c';",
            "CREATE ROLE \"Admin@Example.com\" LOGIN PASSWORD 'a@b.c';",
            ["Admin@Example.com"],
        ),
        ("ALTER ROLE my-role WITH LOGIN;", 'ALTER ROLE "my-role" WITH LOGIN;', ["my-role"]),
        ("CREATE USER 1st;", 'CREATE USER "1st";', ["1st"]),
        ("CREATE ROLE user;", 'CREATE ROLE "user";', ["user"]),
        ("DROP ROLE IF EXISTS a, b.c@d;", 'DROP ROLE IF EXISTS a, "b.c@d";', ["b.c@d"]),
        ('GRANT a@b, c TO d@e.f, "g@h";', 'GRANT "a@b", c TO "d@e.f", "g@h";', ["a@b", "d@e.f"]),
        (
            "GRANT SELECT ON TABLE t TO a@b WITH GRANT OPTION;",
            'GRANT SELECT ON TABLE t TO "a@b" WITH GRANT OPTION;',
            ["a@b"],
        ),
        ("REVOKE ALL ON SCHEMA s FROM PUBLIC, a@b;", 'REVOKE ALL ON SCHEMA s FROM PUBLIC, "a@b";', ["a@b"]),
        ("ALTER TABLE t OWNER TO a@b;", 'ALTER TABLE t OWNER TO "a@b";', ["a@b"]),
        ("COMMENT ON ROLE a@b IS 'c@d';", "COMMENT ON ROLE \"a@b\" IS 'c@d';", ["a@b"]),
        ("ALTER ROLE a@b IN DATABASE x SET y TO z;", 'ALTER ROLE "a@b" IN DATABASE x SET y TO z;', ["a@b"]),
        ("SET SESSION AUTHORIZATION a@b;", 'SET SESSION AUTHORIZATION "a@b";', ["a@b"]),
        ("CREATE ROLE a;", "CREATE ROLE a;", []),
        ('CREATE ROLE "a@b";', 'CREATE ROLE "a@b";', []),
        ("SELECT a@b FROM c;", "SELECT a@b FROM c;", []),
        (
            "ALTER DEFAULT PRIVILEGES FOR ROLE a GRANT SELECT ON TABLES TO CURRENT_USER;",
            "ALTER DEFAULT PRIVILEGES FOR ROLE a GRANT SELECT ON TABLES TO CURRENT_USER;",
            [],
        ),
    ],
)
def test_role_names_that_no_server_accepts_are_quoted(text: str, expected: str, names: list[str]) -> None:
    (statement,) = statements("\n" + text)
    repaired, found = repair_roles(statement)
    assert repaired.decode() == expected
    assert [role.name for role in found] == names
    assert all(role.line == 2 for role in found)
    if text.startswith(("CREATE ROLE", "CREATE USER")):
        assert role_name(statement) == (names[0] if names else text.split()[2].strip('";'))


def test_p09_p35_create_database_becomes_data() -> None:
    (statement,) = statements(
        "CREATE DATABASE \"My \"\"Shop\" WITH TEMPLATE = template0 ENCODING 'UTF8' LOCALE_PROVIDER = icu ICU_LOCALE = 'de' "
        "ICU_RULES = '&a < ''b''' OWNER = \"The Owner\" TABLESPACE DEFAULT CONNECTION LIMIT = -1 IS_TEMPLATE true LOCALE = E'C\\\\';"
    )
    database = parse_create_database(statement)
    assert database.name == 'My "Shop'
    assert database.options == {
        "template": "template0",
        "encoding": "UTF8",
        "locale_provider": "icu",
        "icu_locale": "de",
        "icu_rules": "&a < 'b'",
        "owner": "The Owner",
        "connection_limit": "-1",
        "is_template": "true",
        "locale": "C\\",
    }


@pytest.mark.parametrize(
    "text",
    ["CREATE DATABASE a FLAVOUR = b;", "CREATE DATABASE a OWNER", "CREATE DATABASE;", "CREATE DATABASE a OWNER = ;"],
)
def test_create_database_that_is_not_understood_is_refused(text: str) -> None:
    (statement,) = statements(text)
    with pytest.raises(SqlError) as caught:
        parse_create_database(statement)
    assert caught.value.remedy
