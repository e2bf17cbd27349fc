# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores under another name: everything follows, data never changes, what cannot be decided is said."""

from __future__ import annotations

import re

import pytest

from tests.integration.mysql.conftest import Journey, databases_of, script
from tests.integration.mysql.standing import ACCOUNTS, build
from tests.integration.mysql.test_databases import SAKILA
from tests.support.mariadb import MariaDBServer


def test_m07_m17_m20_m22_everything_follows_the_name(
    source: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    build(source, "shop", "new")
    source.sql("CREATE DATABASE far; CREATE TABLE far.t (id INT PRIMARY KEY); INSERT INTO far.t VALUES (1)")
    source.sql("CREATE TABLE shop.out (id INT, CONSTRAINT f FOREIGN KEY (id) REFERENCES far.t (id))")
    source.sql("CREATE VIEW far.over AS SELECT id FROM shop.parent")
    journey.dump(source)
    build(target, "shop", "old")
    standing = target.sql("CHECKSUM TABLE shop.parent, shop.SHOP")
    result = journey.restore(target, rename={"shop": "copy `of` shop"})
    # strings of programs that could be SQL; rows are never looked at
    assert len(result["warnings"]) == 2
    assert all("SQL in a string names it ('shop')" in text for text in result["warnings"])
    assert databases_of(target) == ["copy `of` shop", "far", "shop"]
    # the view of the other database follows as well, which makes it another one
    assert journey.differences(target, {"shop": "copy `of` shop", "far": "far"}) == [
        "the definition of view over differs (database far)"
    ]
    assert "from `copy ``of`` shop`.`parent`" in target.sql("SHOW CREATE VIEW far.over")[0][1]
    assert target.sql("CHECKSUM TABLE shop.parent, shop.SHOP") == standing
    copy = "`copy ``of`` shop`"
    assert target.sql(f"SELECT text FROM {copy}.shop ORDER BY id") == [("shop.shop",), ("new",)]
    target.sql(f"INSERT INTO {copy}.child VALUES (3, 2)")
    assert target.sql(f"SELECT what FROM {copy}.log ORDER BY 1") == [("shop.log 3 new",), ("shop.parent",)]
    assert target.sql("SELECT * FROM shop.log") == []
    if target.flavour == "mariadb":
        target.sql(f"INSERT INTO {copy}.parent (name) VALUES ('next')")
        assert target.value(f"SELECT MAX(id) FROM {copy}.parent") > 100
    else:
        target.sql(f"INSERT INTO {copy}.parent (id, name) VALUES (101, 'next')")
    assert "DEFINER=`app`@`%`" in target.sql(f"SHOW CREATE VIEW {copy}.z_base")[0][1]
    assert target.value(f"SELECT COUNT(*) FROM {copy}.a_top") == 9


def test_m22_two_databases_exchange_their_names(source: MariaDBServer, target: MariaDBServer, journey: Journey) -> None:
    for name in ("a", "b"):
        source.sql(
            f"CREATE DATABASE {name}; CREATE TABLE {name}.t (v VARCHAR(9)); INSERT INTO {name}.t VALUES ('{name}')"
        )
    for name, other in (("a", "b"), ("b", "a")):
        source.sql(f"CREATE VIEW {name}.v AS SELECT t.v AS own, o.v AS others FROM {name}.t, {other}.t AS o")
    journey.dump(source)
    journey.restore(target, rename={"a": "b", "b": "a"})
    assert target.sql("SELECT * FROM b.v") == [("a", "b")]
    assert target.sql("SELECT * FROM a.v") == [("b", "a")]


def test_m22_what_cannot_be_decided_is_said(source: MariaDBServer, target: MariaDBServer, journey: Journey) -> None:
    source.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT)")
    script(
        source,
        "USE shop;\nDELIMITER //\nCREATE PROCEDURE dynamic() BEGIN\n  PREPARE s FROM 'DELETE FROM shop.t';\n"
        "  EXECUTE s;\nEND//\n",
    )
    journey.dump(source)
    result = journey.restore(target, rename={"shop": "other"})
    (warning,) = result["warnings"]
    assert warning.startswith("other: routines.sql, line ")
    assert "SQL in a string names it ('shop')" in warning
    assert "left as it is" in warning
    assert "DELETE FROM shop.t" in target.sql("SHOW CREATE PROCEDURE other.dynamic")[0][2]
    # under its own name there is nothing to say
    assert journey.restore(target)["warnings"] == []


def test_m05_grants_follow_the_name(source: MariaDBServer, target: MariaDBServer, journey: Journey) -> None:
    build(source, "shop", "new")
    source.sql("CREATE USER IF NOT EXISTS reader@'%'; GRANT EXECUTE ON FUNCTION shop.named TO reader@'%'")
    source.sql("GRANT SELECT (name) ON shop.parent TO reader@'%'")
    journey.dump(source)
    journey.restore(target, rename={"shop": "other"})
    grants = [row[0] for row in target.sql("SHOW GRANTS FOR reader@'%'")]
    assert "GRANT EXECUTE ON FUNCTION `other`.`named` TO `reader`@`%`" in grants
    assert any("`other`.`parent`" in text for text in grants)
    assert not any("`shop`" in text for text in grants)
    for server in (source, target):
        server.sql("DROP USER reader@'%'")


def test_referenced_accounts_only(source: MariaDBServer, target: MariaDBServer, journey: Journey) -> None:
    build(source, "shop", "new")
    accounts = ("member@'%'", "stranger@'%'", "boss", "readers", "alien")
    source.sql("CREATE DATABASE elsewhere; CREATE ROLE boss; CREATE ROLE readers; CREATE ROLE alien")
    source.sql("CREATE USER member@'%'; CREATE USER stranger@'%'; GRANT SELECT ON shop.* TO readers")
    source.sql(
        "GRANT readers TO member@'%'; GRANT boss TO member@'%'; GRANT SELECT ON elsewhere.* TO boss, stranger@'%'"
    )
    # whoever makes a role becomes a member
    source.sql("REVOKE boss FROM root@localhost; REVOKE readers FROM root@localhost; REVOKE alien FROM root@localhost")
    target.sql("DROP USER IF EXISTS app@'%'")
    journey.dump(source)
    try:
        result = journey.restore(target, "shop", roles="referenced")
        # a role of MySQL has a host
        assert [re.sub(r"'(boss|readers)'@'%'", r"\1", text) for text in result["roles"]] == [
            "create role boss",
            "create role readers",
            "create user 'app'@'%'",
            "create user 'member'@'%'",
        ]
        assert journey.differences(target, {"shop": "shop"}) == []
        (grants,) = target.sql("SHOW GRANTS FOR boss")
        assert grants[0].replace("`boss`@`%`", "`boss`") == "GRANT USAGE ON *.* TO `boss`"
    finally:
        for server in (source, target):
            for account in accounts:
                server.sql(f"DROP {'USER' if '@' in account else 'ROLE'} IF EXISTS {account}")
            server.sql(ACCOUNTS)


def test_m22_sakila_under_another_name_over_itself(
    source: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    if not SAKILA.is_dir():
        pytest.skip("the sample database is not here: shared/data/sakila-mysql")
    for name in ("schema.sql", "data.sql"):
        source.client(input_text=(SAKILA / name).read_text())
    journey.dump(source, "sakila")
    for _time in ("filled", "replaced"):
        result = journey.restore(target, rename={"sakila": "kino"}, if_exists="replace")
        assert journey.differences(target, {"sakila": "kino"}) == []
    previous = result["databases"][0]["previous"]
    assert databases_of(target) == ["kino", previous]
    assert journey.differences(target, {"sakila": previous}) == []
