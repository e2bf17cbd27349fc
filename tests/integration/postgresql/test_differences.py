# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever is taken away from, added to or changed in a rebuilt server is named, and nothing else is."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.proof import (
    Effort,
    measure,
    take_inventory,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.workers import Team
from ansible_collections.vya.backupdb.plugins.module_utils._proof.compare import compare
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import ProofObject

from tests.integration.postgresql.rig import Backup, compared, connection, differences
from tests.support.postgresql import PostgresServer

ODD_TABLE = r'''"Odd Schema"."Tábl€ ""x"" 'y' \z"'''

#: What is done to the rebuilt database, and what the comparison must say, word for word.
IN_DATABASE: dict[str, tuple[str, list[str]]] = {
    "grant": (
        "REVOKE SELECT ON customers FROM reporting",
        ["missing grant: SELECT on public.customers to reporting"],
    ),
    "grant on a column": (
        'REVOKE UPDATE (price) ON customers FROM "App Users"',
        ["missing grant: UPDATE (price) on public.customers to App Users with grant option"],
    ),
    "grant option": (
        'REVOKE GRANT OPTION FOR UPDATE (price) ON customers FROM "App Users"',
        [
            "missing grant: UPDATE (price) on public.customers to App Users with grant option",
            "unexpected grant: UPDATE (price) on public.customers to App Users",
        ],
    ),
    "grant on a schema": (
        'REVOKE CREATE ON SCHEMA public FROM "App Users"',
        ["missing grant: CREATE on public to App Users"],
    ),
    "grant to everybody": (
        "GRANT USAGE ON SCHEMA public TO PUBLIC",
        ["unexpected grant: USAGE on public to PUBLIC"],
    ),
    "grant on a function": (
        "REVOKE EXECUTE ON FUNCTION secret() FROM reporting",
        ["missing grant: EXECUTE on public.secret() to reporting"],
    ),
    "grant on a function by default": (
        "REVOKE EXECUTE ON FUNCTION add_one(integer, integer) FROM PUBLIC",
        ["missing grant: EXECUTE on public.add_one(integer, integer) to PUBLIC"],
    ),
    "grant on a sequence": (
        "REVOKE USAGE ON SEQUENCE moved FROM reporting",
        ["missing grant: USAGE on public.moved to reporting"],
    ),
    "grant on a large object": (
        "REVOKE SELECT ON LARGE OBJECT 4001 FROM reporting",
        ["missing grant: SELECT on 4001 to reporting"],
    ),
    "grant on a foreign server": (
        "REVOKE USAGE ON FOREIGN SERVER elsewhere FROM reporting",
        ["missing grant: USAGE on elsewhere to reporting"],
    ),
    "default privileges": (
        "ALTER DEFAULT PRIVILEGES FOR ROLE owner_of_all IN SCHEMA public REVOKE SELECT ON TABLES FROM reporting",
        ["missing default privileges: of owner_of_all for tables in schema public"],
    ),
    "owner": (
        "ALTER TABLE customers OWNER TO second_admin",
        [
            "owner of table public.customers: expected owner_of_all, found second_admin",
            "owner of sequence public.customers_id_seq: expected owner_of_all, found second_admin",
            *(
                f"{word} grant: {privilege} on public.{name} to {who}"
                for name, privileges in (
                    ("customers", "DELETE INSERT REFERENCES SELECT TRIGGER TRUNCATE UPDATE".split()),
                    ("customers_id_seq", "SELECT UPDATE USAGE".split()),
                )
                for privilege in privileges
                for word, who in (("missing", "owner_of_all"), ("unexpected", "second_admin"))
            ),
        ],
    ),
    "row removed": (
        "SET session_replication_role = replica; DELETE FROM right_side",
        ["rows of table public.right_side: expected 1, found 0"],
    ),
    "row added": (
        f"INSERT INTO {ODD_TABLE} VALUES (3, '')",
        [rf"rows of table {ODD_TABLE}: expected 2, found 3"],
    ),
    "value changed": (
        f"UPDATE {ODD_TABLE} SET \"%(name)s\" = E'\\\\n' WHERE \"%(name)s\" = E'\\\\N'",
        [f"the content of table {ODD_TABLE} differs (the number of rows is the same)"],
    ),
    "NULL instead of an empty text": (
        "SET session_replication_role = replica; UPDATE customers SET nickname = '' WHERE nickname IS NULL",
        ["the content of table public.customers differs (the number of rows is the same)"],
    ),
    "values of two columns exchanged": (
        "UPDATE secrets SET who = what, what = who",
        ["the content of table public.secrets differs (the number of rows is the same)"],
    ),
    "values of two rows exchanged": (
        "UPDATE secrets SET what = CASE what WHEN 'r' THEN 'o' ELSE 'r' END",
        ["the content of table public.secrets differs (the number of rows is the same)"],
    ),
    "last digit of a float": (
        "SET session_replication_role = replica; UPDATE customers SET floats[4] = 1.0000000000000002e-300 WHERE id = 10",
        ["the content of table public.customers differs (the number of rows is the same)"],
    ),
    "table": (
        "DROP TABLE known_values CASCADE",
        [
            "missing table: public.known_values",
            "missing constraint: known_values_pkey on public.known_values",
            "missing constraint: is_known on public.measurements",
        ],
    ),
    "column": (
        "ALTER TABLE orders DROP COLUMN placed",
        [
            "column placed of table public.orders: expected date not null default '2020-01-01'::date, found none",
            "column order of table public.orders differs",
            "the content of table public.orders differs (the number of rows is the same)",
        ],
    ),
    "type of a column": (
        "ALTER TABLE log ALTER COLUMN what TYPE varchar(90)",
        ["column what of table public.log: expected text, found character varying(90)"],
    ),
    "not null": (
        "ALTER TABLE orders ALTER COLUMN placed DROP NOT NULL",
        [
            (
                "column placed of table public.orders: expected date not null default '2020-01-01'::date,"
                " found date default '2020-01-01'::date"
            )
        ],
    ),
    "default of a column": (
        "ALTER TABLE orders ALTER COLUMN placed SET DEFAULT '2020-01-02'",
        [
            (
                "column placed of table public.orders: expected date not null default '2020-01-01'::date,"
                " found date not null default '2020-01-02'::date"
            )
        ],
    ),
    "storage of a column": (
        "ALTER TABLE customers ALTER COLUMN mail SET STORAGE EXTENDED",
        ["column mail of table public.customers: expected text storage external, found text"],
    ),
    "options of a table": (
        "ALTER TABLE customers RESET (fillfactor)",
        [
            "options of table public.customers: expected autovacuum_enabled=false, fillfactor=80, found autovacuum_enabled=false"
        ],
    ),
    "persistence of a table": (
        "ALTER TABLE scratch SET LOGGED",
        ["persistence of table public.scratch: expected unlogged, found none"],
    ),
    "replica identity": (
        "ALTER TABLE customers REPLICA IDENTITY DEFAULT",
        [
            "replica identity of table public.customers: expected index, found none",
            "replica identity index of table public.customers: expected public.for_replica, found none",
        ],
    ),
    "partition": (
        "ALTER TABLE measurements DETACH PARTITION measurements_2020",
        [
            (
                "partition bound of table public.measurements_2020:"
                " expected FOR VALUES FROM ('2020-01-01') TO ('2021-01-01'), found none"
            ),
            "partition of of table public.measurements_2020: expected public.measurements, found none",
            "unexpected constraint: is_known on public.measurements_2020",
        ],
    ),
    "inheritance": (
        "ALTER TABLE cats NO INHERIT animals",
        ["inherits of table public.cats: expected public.animals, found none"],
    ),
    "view": ("DROP VIEW cheap", ["missing view: public.cheap"]),
    "definition of a view": (
        (
            "CREATE OR REPLACE VIEW cheap WITH (security_barrier) AS SELECT id, name, price FROM customers WHERE price < 11"
            " WITH LOCAL CHECK OPTION"
        ),
        ["the definition of view public.cheap differs"],
    ),
    "option of a view": (
        "ALTER VIEW cheap RESET (security_barrier)",
        ["options of view public.cheap: expected check_option=local, security_barrier=true, found check_option=local"],
    ),
    "materialized view not filled": (
        "REFRESH MATERIALIZED VIEW totals WITH NO DATA",
        ["populated of materialized view public.totals: expected none, found no"],
    ),
    "function": (
        "DROP FUNCTION same_name(text)",
        ["missing function: public.same_name(text)"],
    ),
    "body of a function": (
        "CREATE OR REPLACE FUNCTION same_name(i text) RETURNS text LANGUAGE sql AS 'SELECT i'",
        ["the definition of function public.same_name(text) differs"],
    ),
    "volatility of a function": (
        "ALTER FUNCTION add_one VOLATILE",
        ["the definition of function public.add_one(integer, integer) differs"],
    ),
    "security definer": (
        "ALTER FUNCTION secret SECURITY INVOKER",
        ["security definer of function public.secret(): expected yes, found none"],
    ),
    "setting of a function": (
        "ALTER FUNCTION secret RESET search_path",
        ['settings of function public.secret(): expected search_path="$user", public, found none'],
    ),
    "procedure": ("DROP PROCEDURE do_nothing", ["missing procedure: public.do_nothing(integer)"]),
    "aggregate": ("DROP AGGREGATE my_sum(integer)", ["missing aggregate: public.my_sum(integer)"]),
    "trigger": (
        'DROP TRIGGER "Odd Trigger" ON customers',
        ['missing trigger: "Odd Trigger" on public.customers'],
    ),
    "state of a trigger": (
        "ALTER TABLE customers ENABLE TRIGGER disabled_one",
        ["state of trigger disabled_one on public.customers: expected disabled, found none"],
    ),
    "event trigger": ("DROP EVENT TRIGGER forbid_drop", ["missing event trigger: forbid_drop"]),
    "state of an event trigger": (
        'ALTER EVENT TRIGGER "Log DDL" DISABLE',
        ['state of event trigger "Log DDL": expected enabled, found disabled'],
    ),
    "index": ("DROP INDEX by_price", ["missing index: public.by_price"]),
    "definition of an index": (
        "DROP INDEX by_trigram; CREATE INDEX by_trigram ON customers (mail)",
        ["the definition of index public.by_trigram differs"],
    ),
    "clustering": (
        "ALTER TABLE customers SET WITHOUT CLUSTER",
        ["clustered of index public.for_replica: expected yes, found none"],
    ),
    "constraint": (
        "ALTER TABLE orders DROP CONSTRAINT no_overlap",
        ["missing constraint: no_overlap on public.orders"],
    ),
    "validity of a constraint": (
        "ALTER TABLE orders VALIDATE CONSTRAINT not_checked",
        ["validated of constraint not_checked on public.orders: expected no, found none"],
    ),
    "deferrability of a constraint": (
        "ALTER TABLE orders ALTER CONSTRAINT orders_customer_fkey NOT DEFERRABLE",
        ["the definition of constraint orders_customer_fkey on public.orders differs"],
    ),
    "rule": ("DROP RULE no_delete ON log", ["missing rule: no_delete on public.log"]),
    "policy": ("DROP POLICY only_own ON secrets", ["missing policy: only_own on public.secrets"]),
    "roles of a policy": (
        "ALTER POLICY only_own ON secrets TO reporting",
        ["roles of policy only_own on public.secrets: expected App Users, reporting, found reporting"],
    ),
    "row security": (
        "ALTER TABLE secrets DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY",
        [
            "row security of table public.secrets: expected yes, found none",
            "row security for the owner of table public.secrets: expected yes, found none",
        ],
    ),
    "statistics": ("DROP STATISTICS together", ["missing statistics: public.together"]),
    "sequence": ("DROP SEQUENCE never_called", ["missing sequence: public.never_called"]),
    "step of a sequence": (
        "ALTER SEQUENCE moved INCREMENT -3",
        ["increment of sequence public.moved: expected -2, found -3"],
    ),
    "owner of a sequence by column": (
        "ALTER SEQUENCE orders_id_seq OWNED BY NONE",
        ["owned by of sequence public.orders_id_seq: expected public.orders.id, found none"],
    ),
    "comment": (
        "COMMENT ON TABLE customers IS NULL",
        ["comment of table public.customers: expected who buys, found none"],
    ),
    "comment on a column": (
        "COMMENT ON COLUMN customers.price IS 'in dollars'",
        ["comment on column price of table public.customers: expected in euros, found in dollars"],
    ),
    "schema": (
        "CREATE SCHEMA another AUTHORIZATION reporting",
        ["unexpected schema: another"],
    ),
    "owner of a schema": (
        'REVOKE ALL ON SCHEMA "Odd Schema" FROM "App Users"; ALTER SCHEMA "Odd Schema" OWNER TO second_admin',
        [
            'owner of schema "Odd Schema": expected App Users, found second_admin',
            *(
                f'{word} grant: {privilege} on "Odd Schema" to App Users'
                for word, privilege in (("missing", "CREATE"), ("missing", "USAGE"))
            ),
        ],
    ),
    "extension": ("DROP EXTENSION pg_trgm CASCADE", ["missing extension: pg_trgm", "missing index: public.by_trigram"]),
    "label of an enum": (
        "ALTER TYPE mood ADD VALUE 'new'",
        ["the definition of enum public.mood differs"],
    ),
    "domain": (
        "ALTER DOMAIN positive DROP CONSTRAINT is_positive",
        ["missing constraint: is_positive on public.positive"],
    ),
    "attribute of a type": (
        "ALTER TYPE address RENAME ATTRIBUTE number TO nr CASCADE",
        [
            "attribute number of composite type public.address: expected integer, found none",
            "attribute nr of composite type public.address: expected none, found integer",
            "the definition of composite type public.address differs",
            "column nr of table public.of_type: expected none, found integer",
            "column number of table public.of_type: expected integer, found none",
            "column order of table public.of_type differs",
        ],
    ),
    "collation": (
        (
            'ALTER TABLE customers ALTER COLUMN nickname TYPE text COLLATE "C"; '
            "DROP COLLATION ignoring_case; CREATE COLLATION ignoring_case (provider = icu, locale = 'und-u-ks-level2')"
        ),
        [
            "the definition of collation public.ignoring_case differs",
            'column nickname of table public.customers: expected text collate public.ignoring_case, found text collate "C"',
        ],
    ),
    "operator": ("DROP OPERATOR === (integer, integer)", ["missing operator: public.===(integer,integer)"]),
    "operator class": (
        "DROP OPERATOR CLASS odd_class USING btree",
        [
            "missing operator class: public.odd_class using btree",
            "the definition of operator family public.odd_family using btree differs",
        ],
    ),
    "cast": ("DROP CAST (mood AS integer)", ["missing cast: public.mood as integer"]),
    "conversion": (
        'DROP CONVERSION "Odd Schema".my_conversion',
        ['missing conversion: "Odd Schema".my_conversion'],
    ),
    "text search configuration": (
        "ALTER TEXT SEARCH CONFIGURATION my_search DROP MAPPING FOR email",
        ["the definition of text search configuration public.my_search differs"],
    ),
    "password of a user mapping": (
        "ALTER USER MAPPING FOR reporting SERVER elsewhere OPTIONS (SET password 'another')",
        ["options of user mapping reporting on elsewhere differs"],
    ),
    "foreign server": (
        "ALTER SERVER elsewhere OPTIONS (SET host 'x')",
        ["options of foreign server elsewhere differs"],
    ),
    "foreign table": (
        "ALTER FOREIGN TABLE far_away OPTIONS (SET table_name 'z')",
        ["foreign options of foreign table public.far_away: expected table_name=y, found table_name=z"],
    ),
    "publication": (
        "ALTER PUBLICATION changes SET TABLE orders",
        [
            (
                "tables of publication changes: expected public.customers where (price > (5)::numeric) (id, name), public.orders,"
                " found public.orders"
            )
        ],
    ),
    "subscription": (
        "ALTER SUBSCRIPTION from_far SET (slot_name = NONE); DROP SUBSCRIPTION from_far",
        ["missing subscription: from_far"],
    ),
    "slot of a subscription": (
        "ALTER SUBSCRIPTION from_far SET (slot_name = NONE)",
        ["slot of subscription from_far: expected my_slot, found none"],
    ),
    "large object": ("SELECT lo_unlink(4003)", ["missing large object: 4003"]),
    "content of a large object": (
        "SELECT lo_put(4001, 3999, '\\x00')",
        ["the content of large object 4001 differs (the number of rows is the same)"],
    ),
    "owner of a large object": (
        "ALTER LARGE OBJECT 4003 OWNER TO reporting",
        [
            "owner of large object 4003: expected postgres, found reporting",
            *(
                f"{word} grant: {privilege} on 4003 to {who}"
                for privilege in ("SELECT", "UPDATE")
                for word, who in (("missing", "postgres"), ("unexpected", "reporting"))
            ),
        ],
    ),
    "comment on a large object": (
        "COMMENT ON LARGE OBJECT 4002 IS NULL",
        ["comment of large object 4002: expected empty one, found none"],
    ),
}

#: The same for what belongs to the server or to a database as a whole, with the way back.
OF_SERVER: dict[str, tuple[str, str, list[str]]] = {
    "role": (
        "DROP ROLE expired",
        "CREATE ROLE expired VALID UNTIL 'infinity'",
        ["missing role: expired"],
    ),
    "new role": ("CREATE ROLE intruder SUPERUSER", "DROP ROLE intruder", ["unexpected role: intruder"]),
    "attribute of a role": (
        "ALTER ROLE reporting SUPERUSER",
        "ALTER ROLE reporting NOSUPERUSER",
        ["superuser of role reporting: expected none, found yes"],
    ),
    "connection limit of a role": (
        "ALTER ROLE reporting CONNECTION LIMIT 8",
        "ALTER ROLE reporting CONNECTION LIMIT 7",
        ["connection limit of role reporting: expected 7, found 8"],
    ),
    "validity of a role": (
        "ALTER ROLE reporting VALID UNTIL 'infinity'",
        "ALTER ROLE reporting VALID UNTIL '2031-05-06 07:08:09+00'",
        ["valid until of role reporting: expected 2031-05-06 07:08:09+00, found infinity"],
    ),
    "setting of a role": (
        "ALTER ROLE reporting SET work_mem = '13MB'",
        "ALTER ROLE reporting SET work_mem = '12MB'",
        ["setting work_mem of role reporting: expected 12MB, found 13MB"],
    ),
    "comment on a role": (
        "COMMENT ON ROLE expired IS 'new'",
        "COMMENT ON ROLE expired IS NULL",
        ["comment of role expired: expected none, found new"],
    ),
    "membership": (
        "REVOKE pg_read_all_data FROM reporting",
        "GRANT pg_read_all_data TO reporting",
        ["missing membership: reporting in pg_read_all_data"],
    ),
    "admin option": (
        "GRANT pg_read_all_data TO reporting WITH ADMIN OPTION",
        "REVOKE ADMIN OPTION FOR pg_read_all_data FROM reporting",
        ["admin option of membership reporting in pg_read_all_data: expected none, found yes"],
    ),
    "grant on a parameter": (
        "REVOKE SET ON PARAMETER work_mem FROM reporting",
        "GRANT SET ON PARAMETER work_mem TO reporting",
        ["missing parameter: work_mem"],
    ),
    "value of a sequence": (
        "SELECT setval('orders_id_seq', 12346)",
        "SELECT setval('orders_id_seq', 12345)",
        ["last value of sequence public.orders_id_seq: expected 12345, found 12346 (database shop)"],
    ),
    "sequence called": (
        "SELECT nextval('never_called')",
        "SELECT setval('never_called', 77, false)",
        ["last value handed out of sequence public.never_called: expected no, found yes (database shop)"],
    ),
    "row": (
        "SET session_replication_role = replica; DELETE FROM right_side",
        "INSERT INTO right_side VALUES (1, 1)",
        ["rows of table public.right_side: expected 1, found 0 (database shop)"],
    ),
    "grant": (
        "REVOKE SELECT ON customers FROM reporting; TRUNCATE ddl_log",
        "GRANT SELECT ON customers TO reporting; TRUNCATE ddl_log",
        ["missing grant: SELECT on public.customers to reporting (database shop)"],
    ),
    "trigger": (
        "ALTER TABLE customers ENABLE TRIGGER disabled_one; TRUNCATE ddl_log",
        "ALTER TABLE customers DISABLE TRIGGER disabled_one; TRUNCATE ddl_log",
        ["state of trigger disabled_one on public.customers: expected disabled, found none (database shop)"],
    ),
    "owner of a database": (
        "ALTER DATABASE shop OWNER TO second_admin",
        "ALTER DATABASE shop OWNER TO owner_of_all",
        [
            "owner of database: expected owner_of_all, found second_admin (database shop)",
            *(
                f"{word} grant: {privilege} on database shop to {who} (database shop)"
                for privilege in ("CONNECT", "CREATE", "TEMPORARY")
                for word, who in (("missing", "owner_of_all"), ("unexpected", "second_admin"))
            ),
        ],
    ),
    "grant on a database": (
        "REVOKE CONNECT ON DATABASE shop FROM reporting",
        "GRANT CONNECT ON DATABASE shop TO reporting WITH GRANT OPTION",
        ["missing grant: CONNECT on database shop to reporting with grant option (database shop)"],
    ),
    "setting of a database": (
        "ALTER DATABASE shop RESET work_mem",
        "ALTER DATABASE shop SET work_mem TO '9MB'",
        ["setting work_mem of database: expected 9MB, found none (database shop)"],
    ),
    "setting of a role in a database": (
        "ALTER ROLE reporting IN DATABASE shop RESET ALL",
        "ALTER ROLE reporting IN DATABASE shop SET statement_timeout TO '17s'",
        ["setting statement_timeout of role reporting of database: expected 17s, found none (database shop)"],
    ),
    "connection limit of a database": (
        "ALTER DATABASE shop CONNECTION LIMIT -1",
        "ALTER DATABASE shop CONNECTION LIMIT 42",
        ["connection limit of database: expected 42, found -1 (database shop)"],
    ),
    "comment on a database": (
        "COMMENT ON DATABASE shop IS NULL",
        "COMMENT ON DATABASE shop IS 'it''s a \\ shop'",
        ["comment of database: expected it's a \\ shop, found none (database shop)"],
    ),
}


#: Publications refuse updates of tables without a replica identity.
UNPUBLISHED = "UPDATE pg_publication SET pubupdate = false"


def broken(server: PostgresServer, *statements: str) -> tuple[ProofObject, ...]:
    """The proof of the database shop as it would be after some statements, which are taken back."""
    access = Access(connection(server))
    with access.session("shop") as session:
        session.execute("BEGIN")
        for statement in statements:
            session.execute(statement)
        effort = Effort(True, 1, lambda: access.session("shop"), Team(1, access), lambda: None)
        objects = measure(session, take_inventory(session, session.info.server_version), effort)
        session.execute("ROLLBACK")
    return tuple(objects)


@pytest.mark.parametrize("case", IN_DATABASE)
def test_what_was_done_to_a_database_is_named(case: str, backup: Backup, rebuilt: PostgresServer) -> None:
    statement, expected = IN_DATABASE[case]
    # the event triggers of the database forbid much, and log the rest
    off = "ALTER EVENT TRIGGER {} DISABLE".format
    on = "ALTER EVENT TRIGGER {} ENABLE ALWAYS".format
    guards = [] if "event trigger" in case else ["forbid_drop", "forbid_refresh"]
    objects = broken(
        rebuilt,
        *map(off, guards),
        "SET LOCAL search_path = public",
        *([UNPUBLISHED] if " UPDATE " in f" {statement}" else []),
        statement,
        "SET LOCAL search_path = ''; SET CONSTRAINTS ALL IMMEDIATE",
        *map(on, guards),
        "TRUNCATE public.ddl_log",
    )
    recorded = {"shop": [item for item in backup.proof.databases["shop"] if item.kind != "database"]}
    expected_proof = dataclasses.replace(backup.proof, databases=recorded)
    found = compare(expected_proof, dataclasses.replace(backup.proof, databases={"shop": objects}), instance=False)
    messages = sorted(
        item.message.removesuffix(" (database shop)") for item in found.differences if item.attribute != "updates"
    )
    assert messages == sorted(expected)


@pytest.mark.parametrize("case", OF_SERVER)
def test_what_was_done_to_the_server_is_named(case: str, backup: Backup, rebuilt: PostgresServer) -> None:
    statement, back, expected = OF_SERVER[case]
    rebuilt.sql(statement, database="shop")
    try:
        found = differences(rebuilt, backup.proof)
    finally:
        rebuilt.sql(back, database="shop")
    assert sorted(found) == sorted(expected)


def test_dropped_database_is_named(backup: Backup, rebuilt: PostgresServer) -> None:
    assert differences(rebuilt, backup.proof, {"shop": "nowhere"}) == ["missing database: nowhere"]


def test_order_of_rows_does_not_matter(backup: Backup, rebuilt: PostgresServer) -> None:
    objects = broken(
        rebuilt,
        UNPUBLISHED,
        "SET LOCAL session_replication_role = replica",
        "UPDATE public.customers SET name = name; UPDATE public.orders SET placed = placed",
        "CLUSTER public.customers",
    )
    assert rebuilt.sql("SELECT 1") == [(1,)]
    contents = {item.name: item.content for item in objects if item.kind == "table"}
    recorded = {item.name: item.content for item in backup.proof.databases["shop"] if item.kind == "table"}
    del contents["public.ddl_log"], recorded["public.ddl_log"]
    assert contents == recorded


def test_nothing_else_is_allowed(backup: Backup, rebuilt: PostgresServer) -> None:
    comparison = compared(rebuilt, backup.proof)
    assert [(difference.message, rule.name) for difference, rule in comparison.allowed] == [
        ("password of role postgres differs", "postgresql-administrator")
    ]
