# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The traps of PostgreSQL, each on real servers: what a dump of databases alone would lose or break."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._codec import read_bytes
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import Placement
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, ConnectionFailed

from tests.integration.postgresql.rig import (
    Backup,
    back_up,
    compared,
    differences,
    engine,
    plan_restore,
    restore,
)
from tests.support.postgresql import PostgresServer

#: Names that break quoting, argument lists, paths and connection strings.
HOSTILE_NAMES = [
    "with space",
    "quo\"te's",
    "back\\slash",
    "new\nline",
    "semi;colon--",
    "-leading dash",
    "ünïcödé ☃",
    "x" * 63,
    "dbname=postgres host=nowhere",
    "postgresql://nowhere/x",
    "%41 ../%2e",
    "Upper",
    "*",
]


def test_nothing_differs_after_a_rebuild(backup: Backup, rebuilt: PostgresServer) -> None:
    assert differences(rebuilt, backup.proof) == []
    assert "shop" in backup.proof.databases
    assert len(backup.proof.databases["shop"]) > 100


def test_p01_roles_memberships_and_hashes_are_restored(filled: PostgresServer, rebuilt: PostgresServer) -> None:
    hashes = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname !~ '^pg_' AND rolname <> 'postgres' ORDER BY 1"
    assert rebuilt.sql(hashes) == filled.sql(hashes)
    rebuilt.sql("SELECT 1", user="owner_of_all", password="old password ü", database="shop")
    rows = rebuilt.sql("SELECT count(*) FROM public.customers", user="reporting", password="report", database="shop")
    assert rows == [(200,)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rebuilt.sql("DELETE FROM public.customers", user="reporting", password="report", database="shop")


def test_p02_existing_roles_are_altered_and_the_administrator_is_not(
    backup: Backup, fresh_pg: Callable[..., PostgresServer]
) -> None:
    server = fresh_pg()
    server.sql("CREATE ROLE reporting SUPERUSER PASSWORD 'other'; ALTER ROLE reporting SET work_mem = '1MB'")
    before = server.value("SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'")
    plan = plan_restore(server, backup.reader, {})
    assert "alter role reporting" in plan.roles
    assert "create role App Users" in plan.roles
    assert not [text for text in plan.roles if text.endswith("role postgres")]
    assert list(restore(server, backup.reader, {}).roles) == list(plan.roles)
    assert differences(server, backup.proof, {}) == []
    assert server.value("SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'") == before
    again = plan_restore(server, backup.reader, {})
    assert list(again.roles) == []
    assert not again.changes


def test_p02_the_servers_superuser_may_have_another_name(
    backup: Backup, fresh_pg: Callable[..., PostgresServer]
) -> None:
    server = fresh_pg(superuser="Some Admin")
    # peer wants an account of that name, which no machine has
    by_password = {"password": server.password}
    restore(server, backup.reader, backup.databases, connect=by_password)
    assert "\n".join(differences(server, backup.proof, **by_password)) == ""
    allowed = [rule.name for _difference, rule in compared(server, backup.proof, **by_password).allowed]
    rules = {"postgresql-administrator", "postgresql-connected-role", "postgresql-extension-owner"}
    if server.version != int(backup.reader.manifest.server_version.split(".")[0]):
        rules |= {"postgresql-maintain", "postgresql-deparser", "postgresql-membership-options"}
        rules |= {"postgresql-extension-version", "postgresql-subscription-options"}
    assert set(allowed) <= rules
    assert server.value("SELECT rolsuper FROM pg_roles WHERE rolname = 'postgres'") is True


def test_p03_role_names_survive(filled: PostgresServer, rebuilt: PostgresServer) -> None:
    roles = """
        SELECT rolname, rolcanlogin, rolconnlimit, rolvaliduntil::text, rolconfig, shobj_description(oid, 'pg_authid')
          FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1
    """
    found = rebuilt.sql(roles)
    assert found == filled.sql(roles)
    assert any(name == "Ünï \"quoted\" 'role' \\ $q0$ back" for name, *_rest in found)
    search_path = next(config for name, _l, _c, _v, config, _d in found if name == "reporting")
    assert 'search_path="$user", public, "With Space", "with,comma"' in search_path


def test_p03_a_role_called_public_is_not_everybody(backup: Backup, rebuilt: PostgresServer) -> None:
    assert rebuilt.value("SELECT count(*) FROM pg_roles WHERE rolname = 'PUBLIC'") == 1


def test_p04_memberships_keep_grantor_and_options(filled: PostgresServer, rebuilt: PostgresServer) -> None:
    memberships = """
        SELECT a.roleid::regrole, a.member::regrole, a.grantor::regrole, a.admin_option FROM pg_auth_members a
         WHERE a.roleid::regrole::text !~ '^pg_' ORDER BY 1, 2
    """
    grantor = "reporting"
    if filled.version < 16 <= rebuilt.version:
        # a grantor needs the right to grant since 16; before, nobody had looked
        memberships = memberships.replace("a.grantor::regrole, ", "")
        grantor = "postgres"
    assert rebuilt.sql(memberships) == filled.sql(memberships)
    found = rebuilt.sql("SELECT member::regrole::text, grantor::regrole::text FROM pg_auth_members")
    assert ('"user@example.com"', grantor) in found


def test_p05_hidden_hashes_are_said_to_be_missing(
    filled: PostgresServer, work: Path, fresh_pg: Callable[..., PostgresServer]
) -> None:
    filled.sql("CREATE ROLE p05 LOGIN PASSWORD 'p05'; GRANT pg_read_all_settings TO p05")
    filled.sql("CREATE DATABASE p05 OWNER p05")
    try:
        made = back_up(filled, work / "p05", "p05", user="p05", password="p05")
        assert any("password hashes" in text for text in made.outcome.omissions)
        assert any("password hashes" in text for text in made.plan.warnings)
        assert b"PASSWORD" not in made.outcome.roles_sql
        server = fresh_pg()
        restore(server, made.reader, made.databases)
        assert differences(server, made.proof) == []
        assert server.value("SELECT rolpassword FROM pg_authid WHERE rolname = 'reporting'") is None
    finally:
        filled.sql("DROP DATABASE p05")
        filled.sql("DROP ROLE p05")


def test_p06_p07_properties_and_settings_follow_a_rename(backup: Backup, rebuilt: PostgresServer) -> None:
    restore(rebuilt, backup.reader, {"shop": 'Other "shop"'})
    try:
        assert differences(rebuilt, backup.proof, {"shop": 'Other "shop"'}) == []
        settings = rebuilt.value(
            "SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
            " WHERE datname = 'Other \"shop\"' AND setrole = 'reporting'::regrole"
        )
        assert settings == ["statement_timeout=17s"]
        assert differences(rebuilt, backup.proof) == []
    finally:
        rebuilt.sql("ALTER SUBSCRIPTION from_far SET (slot_name = NONE)", database='Other "shop"')
        rebuilt.sql("DROP SUBSCRIPTION from_far", database='Other "shop"')
        rebuilt.sql('DROP DATABASE "Other ""shop"""')


def test_p09_encoding_collation_and_provider_are_kept(work: Path, fresh_pg: Callable[..., PostgresServer]) -> None:
    source, target = (
        fresh_pg(lost=True),
        fresh_pg(initdb_args=["--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en"]),
    )
    source.sql("CREATE DATABASE latin ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    source.sql("CREATE DATABASE any_bytes ENCODING SQL_ASCII LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    source.sql("CREATE DATABASE german LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk' TEMPLATE template0")
    source.sql("CREATE TABLE t AS SELECT 'Gr' || chr(252) || chr(223) || 'e' AS text", database="latin")
    # bytes that are no text in any encoding, as a name and as a value
    source.sql(
        """DO $$BEGIN EXECUTE E'CREATE TABLE "t\\xff" AS SELECT E''\\xfe\\xdd'' AS v'; END$$""", database="any_bytes"
    )
    source.sql("CREATE TABLE t (x text); INSERT INTO t VALUES ('Ärger'), ('Zug'), ('Affe')", database="german")
    made = back_up(source, work / "p09")
    restore(target, made.reader, {name: name for name in ("latin", "any_bytes", "german")})
    assert differences(target, made.proof, {name: name for name in ("latin", "any_bytes", "german")}) == []
    order = "SELECT string_agg(x, ' ' ORDER BY x) FROM t"
    assert target.value(order, database="german") == source.value(order, database="german")
    assert target.value("SELECT convert_to(text, 'UTF8') FROM t", database="latin") == "Grüße".encode()


def test_p09_missing_locale_is_found_before_anything_changes(backup: Backup, rebuilt: PostgresServer) -> None:
    with engine(rebuilt) as used:
        from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.locales import missing_locale

        session = used._session()
        recorded = dict(backup.reader.manifest.database("shop").properties)
        assert missing_locale(session, 150000, recorded) is None
        said = missing_locale(session, 150000, {**recorded, "lc_collate": "xx_YY.UTF-8"})
        assert said is not None
        assert "xx_YY.UTF-8" in said
        assert "locale-gen" in said
        icu = {**recorded, "locale_provider": "icu", "locale": "en", "lc_collate": "C", "lc_ctype": "C"}
        assert missing_locale(session, 150000, icu) is None
        builtin = {**recorded, "locale_provider": "builtin", "locale": "C.UTF-8"}
        assert "newer" in str(missing_locale(session, 150000, builtin))


def test_p14_recorded_state_of_schema_public_wins(
    filled: PostgresServer, rebuilt: PostgresServer, work: Path, fresh_pg: Callable[..., PostgresServer]
) -> None:
    state = "SELECT nspowner::regrole::text, nspacl::text FROM pg_namespace WHERE nspname = 'public'"
    assert rebuilt.sql(state, database="shop") == filled.sql(state, database="shop")
    source, target = fresh_pg(lost=True), fresh_pg()
    for name, statement in {
        "as_before_15": "ALTER SCHEMA public OWNER TO postgres; GRANT ALL ON SCHEMA public TO PUBLIC",
        "without_public": "DROP SCHEMA public",
        "closed": "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    }.items():
        source.sql(f"CREATE DATABASE {name}")
        source.sql(statement, database=name)
    made = back_up(source, work / "p14")
    restore(target, made.reader, made.databases)
    assert differences(target, made.proof) == []
    assert target.sql(state, database="without_public") == []
    assert target.sql(state, database="as_before_15") == source.sql(state, database="as_before_15")


def test_p15_schema_public_may_exist_and_be_somebodys(backup: Backup, rebuilt: PostgresServer) -> None:
    """Public is in every new database before anything is restored; here it has another owner, grants and a comment."""
    messages = [item for item in differences(rebuilt, backup.proof) if "schema public" in item]
    assert messages == []
    assert rebuilt.value("SELECT obj_description('public'::regnamespace)", database="shop") == "ours now"


def test_p16_default_privileges_are_kept(rebuilt: PostgresServer) -> None:
    rebuilt.sql(
        "CREATE TABLE later (i integer)",
        user="owner_of_all",
        password="old password ü",
        database="shop",
        options="-c search_path=public",
    )
    try:
        assert (
            rebuilt.value("SELECT has_table_privilege('reporting', 'public.later', 'SELECT')", database="shop") is True
        )
    finally:
        rebuilt.sql(
            "ALTER EVENT TRIGGER forbid_drop DISABLE; DROP TABLE later; ALTER EVENT TRIGGER forbid_drop ENABLE ALWAYS; TRUNCATE ddl_log",
            database="shop",
        )


def test_p18_unqualified_names_are_restored_or_named(work: Path, fresh_pg: Callable[..., PostgresServer]) -> None:
    source, target = fresh_pg(lost=True), fresh_pg()
    source.sql("CREATE DATABASE good; ")
    source.sql("CREATE DATABASE bad")
    for name, path in (("good", " SET search_path = public"), ("bad", "")):
        source.sql(
            f"""
            CREATE FUNCTION helper(i integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT i + 1';
            CREATE FUNCTION unqualified(i integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE
                AS 'BEGIN RETURN i + 1; END';
            CREATE TABLE t (i integer CHECK (unqualified(i) > 0));
            INSERT INTO t VALUES (1);
            CREATE INDEX by_function ON t (unqualified(i));
            -- since 17 an index on it cannot be made any more
            CREATE OR REPLACE FUNCTION unqualified(i integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE{path}
                AS 'BEGIN RETURN helper(i); END';
            """,
            database=name,
        )
    made = back_up(source, work / "p18")
    restore(target, made.reader, {"good": "good"})
    assert differences(target, made.proof, {"good": "good"}) == []
    with pytest.raises(BackupError, match="Restoring 'bad' as 'bad' failed") as failure:
        restore(target, made.reader, {"bad": "bad"})
    assert "function helper(integer) does not exist" in str(failure.value)
    assert target.value("SELECT count(*) FROM pg_database WHERE datname = 'bad' OR datname ~ 'shadow'") == 0


def test_p17_views_over_unqualified_functions_are_restored_or_named(
    work: Path, fresh_pg: Callable[..., PostgresServer]
) -> None:
    source, target = fresh_pg(lost=True), fresh_pg()
    for name, path in (("good", " SET search_path = public"), ("bad", "")):
        source.sql(f"CREATE DATABASE {name}")
        source.sql(
            f"""
            CREATE TABLE t (i integer);
            INSERT INTO t VALUES (1), (2);
            CREATE FUNCTION total() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN 3; END';
            CREATE MATERIALIZED VIEW totals AS SELECT total() AS total;
            -- since 17 a view over it cannot be filled any more
            CREATE OR REPLACE FUNCTION total() RETURNS bigint LANGUAGE plpgsql{path}
                AS 'BEGIN RETURN (SELECT sum(i) FROM t); END';
            """,
            database=name,
        )
    made = back_up(source, work / "p17")
    restore(target, made.reader, {"good": "good"})
    assert differences(target, made.proof, {"good": "good"}) == []
    assert target.value("SELECT total FROM totals", database="good") == 3
    with pytest.raises(BackupError, match="Restoring 'bad' as 'bad' failed") as failure:
        restore(target, made.reader, {"bad": "bad"})
    assert "totals" in str(failure.value) and 'relation "t" does not exist' in str(failure.value)
    assert target.value("SELECT count(*) FROM pg_database WHERE datname = 'bad' OR datname ~ 'shadow'") == 0


def test_p17_p18_what_could_be_restored_is_kept_for_inspection_and_all_that_could_not_is_named(
    work: Path, fresh_pg: Callable[..., PostgresServer]
) -> None:
    source, target = fresh_pg(lost=True), fresh_pg()
    source.sql("CREATE DATABASE bad")
    source.sql(
        """
        CREATE TABLE t (i integer);
        INSERT INTO t VALUES (1), (2);
        CREATE FUNCTION total() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN 3; END';
        CREATE MATERIALIZED VIEW totals AS SELECT total() AS total;
        CREATE OR REPLACE FUNCTION total() RETURNS bigint LANGUAGE plpgsql
            AS 'BEGIN RETURN (SELECT sum(i) FROM t); END';
        CREATE FUNCTION known(n integer) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN n IN (SELECT i FROM t); END';
        CREATE TABLE checked (n integer CHECK (known(n)));
        INSERT INTO checked VALUES (1);
        CREATE TABLE late (n integer PRIMARY KEY);
        INSERT INTO late VALUES (7);
        CREATE FUNCTION quiet() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE EVENT TRIGGER quiet ON ddl_command_end EXECUTE FUNCTION quiet();
        """,
        database="bad",
    )
    made = back_up(source, work / "p18")
    with pytest.raises(BackupError, match="2 of its objects could not be restored") as failure:
        restore(target, made.reader, {"bad": "bad"}, placement=Placement("replace", stamp="now", keep_failed=True))
    assert sorted(text.partition(":")[0] for text in failure.value.details) == [
        "COPY checked",
        'REFRESH MATERIALIZED VIEW "public"."totals";',
    ]
    (kept,) = [
        name for (name,) in target.sql("SELECT datname FROM pg_database WHERE oid >= 16384 AND datname <> 'postgres'")
    ]
    assert kept.startswith("bad__")
    assert target.value("SELECT count(*) FROM t", database=kept) == 2
    assert target.value("SELECT n FROM late", database=kept) == 7
    assert target.value("SELECT count(*) FROM checked", database=kept) == 0
    assert target.value("SELECT count(*) FROM pg_event_trigger", database=kept) == 1


def test_p12_comments_on_extensions_and_owners_of_their_objects_survive(
    work: Path, fresh_pg: Callable[..., PostgresServer]
) -> None:
    source, target = fresh_pg(lost=True), fresh_pg()
    source.sql("CREATE ROLE keeper; CREATE ROLE reader")
    source.sql("CREATE DATABASE boxes OWNER keeper")
    source.sql(
        """
        CREATE EXTENSION hstore;
        COMMENT ON EXTENSION hstore IS 'ours';
        ALTER FUNCTION hstore_in(cstring) OWNER TO keeper;
        REVOKE EXECUTE ON FUNCTION akeys(hstore) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION akeys(hstore) TO reader;
        CREATE TABLE t (h hstore);
        INSERT INTO t VALUES ('a=>1');
        """,
        database="boxes",
    )
    made = back_up(source, work / "p12")
    restore(target, made.reader, {"boxes": "boxes"})
    assert differences(target, made.proof, {"boxes": "boxes"}) == []
    assert (
        target.value(
            "SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'hstore'", database="boxes"
        )
        == "ours"
    )
    assert target.value("SELECT has_function_privilege('reader', 'akeys(hstore)', 'EXECUTE')", database="boxes") is True
    assert (
        target.value("SELECT has_function_privilege('keeper', 'akeys(hstore)', 'EXECUTE')", database="boxes") is False
    )


def test_p19_event_triggers_do_not_fire_and_are_kept(rebuilt: PostgresServer) -> None:
    assert rebuilt.value("SELECT count(*) FROM ddl_log", database="shop") == 0
    with pytest.raises(psycopg.errors.RaiseException, match="not allowed: DROP TABLE"):
        rebuilt.sql("DROP TABLE scratch", database="shop")


def test_p20_large_objects_keep_content_owner_and_grants(rebuilt: PostgresServer) -> None:
    assert rebuilt.value("SELECT lo_get(4001)", database="shop") == bytes.fromhex("00ff5c0a") * 1000
    assert rebuilt.value("SELECT lo_get(4002)", database="shop") == b""
    owner = "SELECT lomowner::regrole::text FROM pg_largeobject_metadata WHERE oid = 4001"
    assert rebuilt.value(owner, database="shop") == "owner_of_all"


def test_p24_row_security_is_refused_and_never_short(filled: PostgresServer, work: Path) -> None:
    filled.sql("CREATE ROLE p24 LOGIN PASSWORD 'p24'; GRANT pg_read_all_data TO p24")
    try:
        filled.sql("GRANT CONNECT ON DATABASE shop TO p24")
        with engine(filled, user="p24", password="p24") as used:
            from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import BackupRequest

            plan = used.plan_backup(BackupRequest(databases=["shop"]))
        assert any("Row-level security hides rows of public.secrets" in text for text in plan.problems)
        filled.sql("ALTER ROLE p24 BYPASSRLS")
        with engine(filled, user="p24", password="p24") as used:
            plan = used.plan_backup(BackupRequest(databases=["shop"]))
        assert not any("Row-level security" in text for text in plan.problems)
        assert any("large objects" in text for text in plan.problems)
    finally:
        filled.sql("REVOKE CONNECT ON DATABASE shop FROM p24")
        filled.sql("DROP ROLE p24")


def test_p25_circular_foreign_keys_and_triggers_do_not_disturb_the_load(rebuilt: PostgresServer) -> None:
    assert rebuilt.sql("SELECT * FROM left_side, right_side", database="shop") == [(1, 1, 1, 1)]
    assert rebuilt.value("SELECT count(*) FROM log", database="shop") == 0


def test_p26_sequences_have_their_exact_values(filled: PostgresServer, rebuilt: PostgresServer) -> None:
    for name in ("orders_id_seq", "customers_id_seq", "never_called", "moved", '"Odd Schema"."Séq\' ""x\\"'):
        state = f"SELECT last_value, is_called FROM {name}"
        assert rebuilt.sql(state, database="shop") == filled.sql(state, database="shop"), name


def test_p26_a_sequence_that_moves_during_the_dump_is_proven_as_dumped(
    work: Path, fresh_pg: Callable[..., PostgresServer]
) -> None:
    from threading import Event, Thread

    source, target = fresh_pg(lost=True), fresh_pg()
    source.sql("CREATE DATABASE d")
    source.sql(
        "CREATE SEQUENCE s; CREATE TABLE t AS SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 50000) g",
        database="d",
    )
    done = Event()

    def move() -> None:
        with source.connect("d") as session:
            while not done.is_set():
                session.execute("SELECT nextval('s')")

    thread = Thread(target=move)
    thread.start()
    try:
        made = back_up(source, work / "p26", "d")
    finally:
        done.set()
        thread.join()
    restore(target, made.reader, made.databases)
    assert differences(target, made.proof) == []


def test_p27_statistics_are_there(rebuilt: PostgresServer, backup: Backup) -> None:
    analyzed = "SELECT reltuples FROM pg_class WHERE oid = '{}'::regclass"
    assert rebuilt.value(analyzed.format("public.customers"), database="shop") == 200
    assert rebuilt.value(analyzed.format("public.measurements"), database="shop") == 1000
    assert (
        rebuilt.value(
            "SELECT count(*) FROM pg_stats WHERE tablename = 'customers' AND attname = 'name'", database="shop"
        )
        == 1
    )


@pytest.mark.parametrize("name", ["toc"])
def test_p30_an_archive_newer_than_pg_restore_is_refused(
    name: str, backup: Backup, rebuilt: PostgresServer, work: Path
) -> None:
    from dataclasses import replace
    from shutil import copytree

    from ansible_collections.vya.backupdb.plugins.module_utils._repository import SetReader

    folder = work / "p30" / backup.reader.manifest.set_id
    copytree(backup.reader.directory, folder)
    reader = SetReader(str(folder))
    artefact = reader.manifest.artefact("database", "shop")
    assert artefact is not None
    toc = Path(reader.path(artefact)) / "toc.dat"
    data = bytearray(toc.read_bytes())
    assert bytes(data[:6]) == b"PGDMP\x01"
    if rebuilt.version < 17:
        data[6] = 16
        toc.write_bytes(data)
        plan = plan_restore(rebuilt, reader, {"shop": "p30"})
        assert any("pg_restore" in text or "client programs" in text for text in plan.problems), plan.problems
        assert any("17" in text and "15." in text and "postgresql-client-17" in text for text in plan.problems)
    data[6] = 99
    toc.write_bytes(data)
    plan = plan_restore(rebuilt, reader, {"shop": "p30"})
    assert any("archive format 1.99" in text for text in plan.problems)
    newer, own = str(rebuilt.version + 2), str(rebuilt.version)
    reader.manifest = replace(reader.manifest, server_version=f"{newer}.1")
    plan = plan_restore(rebuilt, reader, {"shop": "p30"})
    assert any(newer in text and own in text and "older version" in text for text in plan.problems)


def test_p31_a_restore_that_fails_leaves_no_database(
    backup: Backup, monkeypatch: pytest.MonkeyPatch, fresh_pg: Callable[..., PostgresServer]
) -> None:
    """Half of the objects are restored before the one that cannot be: its role is missing."""
    server = fresh_pg()
    problems = plan_restore(server, backup.reader, {"shop": "shop"}, roles="none").problems
    assert any(
        "Roles that the database 'shop' names do not exist" in text and "owner_of_all" in text for text in problems
    )
    before = server.sql("SELECT datname FROM pg_database ORDER BY 1")
    with engine(server) as used:
        from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import RestoreRequest

        request = RestoreRequest(databases={"shop": "shop"}, roles="none", jobs=2)
        server.sql("CREATE ROLE owner_of_all; CREATE ROLE reporting")
        plan = used.plan_restore(request, backup.reader)
        with pytest.raises(BackupError, match="not possible any more.*\n.*App Users"):
            used.restore(request, plan, backup.reader)
        artefact = backup.reader.manifest.artefact("database", "shop")
        assert artefact is not None
        monkeypatch.setitem(artefact.details, "roles", [])
        with pytest.raises(BackupError, match="Restoring 'shop' as 'shop' failed"):
            used.restore(request, plan, backup.reader)
    assert server.sql("SELECT datname FROM pg_database ORDER BY 1") == before


def test_p34_hostile_names_survive_backup_restore_and_rename(
    work: Path, fresh_pg: Callable[..., PostgresServer]
) -> None:
    source, target = fresh_pg(lost=True), fresh_pg()
    for name in HOSTILE_NAMES:
        quoted = '"' + name.replace('"', '""') + '"'
        source.sql(f"CREATE DATABASE {quoted} STRATEGY file_copy")
        source.sql(f"CREATE TABLE {quoted} AS SELECT 1 AS {quoted}", database=name)
        source.sql(f"ALTER DATABASE {quoted} SET work_mem = '7MB'")
    made = back_up(source, work / "p34", level="counts")
    renamed = {name: name[:60] + "'\"" for name in HOSTILE_NAMES}
    restore(target, made.reader, made.databases)
    assert differences(target, made.proof) == []
    restore(target, made.reader, renamed)
    assert differences(target, made.proof, renamed) == []
    assert target.value("SELECT count(*) FROM pg_database WHERE datname ~ 'shadow'") == 0


def test_roles_script_runs_twice_with_psql_alone(backup: Backup, fresh_pg: Callable[..., PostgresServer]) -> None:
    server = fresh_pg()
    artefact = backup.reader.manifest.artefact("roles")
    assert artefact is not None
    script = read_bytes(backup.reader.path(artefact)).decode()
    for _time in range(2):
        server.psql(input_text=script)
    assert differences(server, backup.proof, {}) == []


def test_server_that_is_down_is_named(fresh_pg: Callable[..., PostgresServer]) -> None:
    server = fresh_pg()
    server.stop()
    with pytest.raises(ConnectionFailed, match="no server answers there"):
        engine(server).inspect()


#: Privileges on what the server and an extension bring, changed by somebody.
_ON_THE_SERVERS_OWN = """
CREATE EXTENSION pg_stat_statements;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_dir(text) TO monitor;
REVOKE SELECT ON pg_catalog.pg_settings FROM PUBLIC;
GRANT SELECT (usename) ON pg_catalog.pg_shadow TO monitor;
GRANT EXECUTE ON FUNCTION pg_stat_statements_reset(oid, oid, bigint) TO monitor WITH GRANT OPTION;
REVOKE SELECT ON pg_stat_statements FROM PUBLIC;
REVOKE USAGE ON TYPE int4 FROM PUBLIC;
"""


def test_p12_privileges_on_what_the_server_and_extensions_bring_are_kept(
    fresh_pg: Callable[..., PostgresServer], work: Path
) -> None:
    source, target = fresh_pg(), fresh_pg()
    source.sql("CREATE ROLE monitor")
    # since 17 it has one more
    more = "" if source.version < 17 else ", boolean"
    source.sql(_ON_THE_SERVERS_OWN.replace("oid, oid, bigint", f"oid, oid, bigint{more}"))
    made = back_up(source, work / "own", "postgres")
    found = {item.name: item for item in made.proof.databases["postgres"] if item.kind == "changed privileges"}
    assert sorted(found) == [
        "of function pg_catalog.pg_ls_dir(pg_catalog.text)",
        f"of function public.pg_stat_statements_reset(pg_catalog.oid,pg_catalog.oid,bigint{more.replace(' ', '')})",
        "of type integer",
        "of view column pg_catalog.pg_shadow.usename",
        "of view pg_catalog.pg_settings",
        "of view public.pg_stat_statements",
    ]
    restore(target, made.reader, {"postgres": "postgres"})
    assert differences(target, made.proof, {"postgres": "postgres"}) == []
    target.sql(
        "REVOKE EXECUTE ON FUNCTION pg_catalog.pg_ls_dir(text) FROM monitor; GRANT SELECT ON pg_settings TO PUBLIC"
    )
    assert len(differences(target, made.proof, {"postgres": "postgres"})) == 2


def test_f16_what_no_dump_has_is_named(fresh_pg: Callable[..., PostgresServer], work: Path) -> None:
    source = fresh_pg()
    assert back_up(source, work / "plain", "postgres").outcome.omissions == []
    source.sql("CREATE FUNCTION pg_catalog.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    source.sql("CREATE VIEW information_schema.mine AS SELECT 1")
    (text,) = back_up(source, work / "more", "postgres").outcome.omissions
    assert "function mine()" in text
    assert "view information_schema.mine" in text
