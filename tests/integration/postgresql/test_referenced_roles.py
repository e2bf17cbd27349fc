# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restoring only the roles that the chosen databases need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.integration.postgresql.rig import back_up, differences, plan_restore, restore
from tests.support.postgresql import PostgresServer

ROLES = """
CREATE ROLE owner_of_shop LOGIN PASSWORD 'p';
CREATE ROLE staff; CREATE ROLE company; CREATE ROLE grantee; CREATE ROLE by_default; CREATE ROLE in_a_policy;
CREATE ROLE with_settings; CREATE ROLE becomes; CREATE ROLE mapped;
CREATE ROLE colleague LOGIN; CREATE ROLE owner_of_crm LOGIN SUPERUSER; CREATE ROLE nobody_knows;
GRANT company TO staff; GRANT staff TO owner_of_shop WITH ADMIN OPTION; GRANT staff TO colleague;
GRANT pg_monitor TO owner_of_shop; GRANT nobody_knows TO colleague;
SET ROLE owner_of_shop; GRANT staff TO grantee; RESET ROLE;
ALTER ROLE grantee SET role = 'becomes'; GRANT becomes TO grantee;
"""
SHOP = """
CREATE TABLE t (i integer); ALTER TABLE t OWNER TO owner_of_shop; GRANT SELECT ON t TO grantee;
ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t TO in_a_policy USING (true);
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO by_default;
CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;
CREATE USER MAPPING FOR mapped SERVER far;
"""
NEEDED = "becomes by_default company grantee in_a_policy mapped owner_of_shop staff with_settings".split()


def names(server: PostgresServer) -> list[str]:
    return [name for (name,) in server.sql("SELECT rolname FROM pg_roles WHERE oid >= 16384 ORDER BY 1")]


def test_p02_only_what_the_chosen_databases_need_is_made_or_altered(
    work: Path, fresh_pg: Callable[..., PostgresServer]
) -> None:
    source, target = fresh_pg(lost=True), fresh_pg()
    source.sql(ROLES)
    source.sql("CREATE DATABASE shop OWNER owner_of_shop")
    source.sql(SHOP, database="shop")
    source.sql("ALTER ROLE with_settings IN DATABASE shop SET work_mem TO '5MB'")
    source.sql("CREATE DATABASE crm OWNER owner_of_crm")
    made = back_up(source, work / "referenced")
    target.sql("CREATE ROLE nobody_knows LOGIN; CREATE ROLE staff LOGIN; CREATE ROLE owner_of_crm")
    plan = plan_restore(target, made.reader, {"shop": "shop"}, roles="referenced")
    assert (list(plan.problems), names(target)) == ([], ["nobody_knows", "owner_of_crm", "staff"])
    outcome = restore(target, made.reader, {"shop": "shop"}, roles="referenced")
    assert outcome.roles == plan.roles
    assert "alter role staff" in outcome.roles
    assert names(target) == sorted([*NEEDED, "nobody_knows", "owner_of_crm"])
    assert target.sql("SELECT rolname FROM pg_roles WHERE oid >= 16384 AND rolcanlogin ORDER BY 1") == [
        ("nobody_knows",),
        ("owner_of_shop",),
    ]
    assert not target.value("SELECT rolsuper FROM pg_roles WHERE rolname = 'owner_of_crm'")
    assert differences(target, made.proof, {"shop": "shop"}, instance=False) == []
    members = """
    SELECT roleid::regrole::text, member::regrole::text, admin_option FROM pg_auth_members WHERE member >= 16384 ORDER BY 1, 2
    """
    assert target.sql(members) == [
        ("becomes", "grantee", False),
        ("company", "staff", False),
        ("pg_monitor", "owner_of_shop", False),
        ("staff", "grantee", False),
        ("staff", "owner_of_shop", True),
    ]
    assert not plan_restore(target, made.reader, {"shop": "other"}, roles="referenced").roles
    assert plan_restore(target, made.reader, {"crm": "crm"}, roles="referenced").roles == ["alter role owner_of_crm"]
    assert not plan_restore(target, made.reader, {}, roles="referenced").changes
