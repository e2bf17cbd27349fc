# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts: who they are, what they may do, and that the old passwords still log in."""

from __future__ import annotations

from typing import Any

import pymysql
import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._codec import read_bytes
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError

from tests.integration.modules.harness import call
from tests.integration.mysql.conftest import Journey, engine, script
from tests.support.mariadb import MariaDBServer
from tests.support.mysql import mysql_server

ACCOUNTS = r"""
CREATE DATABASE shop;
CREATE DATABASE shop_2;
CREATE TABLE shop.orders (id INT PRIMARY KEY, price INT, note TEXT);
CREATE TABLE shop.secret (id INT);
CREATE ROLE reporting;
CREATE ROLE `odd role's ``name```;
CREATE ROLE boss;
CREATE USER app@'%' IDENTIFIED BY 'app''s "pass\\word' REQUIRE SSL
  WITH MAX_QUERIES_PER_HOUR 100 MAX_USER_CONNECTIONS 7 PASSWORD EXPIRE INTERVAL 90 DAY;
CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'reads only';
CREATE USER locked@localhost IDENTIFIED BY 'x' ACCOUNT LOCK;
CREATE USER expired@'10.%' IDENTIFIED BY 'x' PASSWORD EXPIRE;
CREATE USER never@localhost IDENTIFIED BY 'x' PASSWORD EXPIRE NEVER;
CREATE USER `empty`@localhost;
CREATE USER `q'uo``te"\ ünï☃`@'%' IDENTIFIED BY 'x';
CREATE USER sock@localhost IDENTIFIED
  /*M! VIA unix_socket OR mysql_native_password USING PASSWORD('also') */ /*!80000 WITH auth_socket */;
CREATE USER nobody@localhost IDENTIFIED BY 'x' REQUIRE SUBJECT '/CN=a ''b''' AND ISSUER '/CN=ca' AND CIPHER 'AES';
GRANT reporting TO boss WITH ADMIN OPTION;
GRANT boss TO app@'%' WITH ADMIN OPTION;
GRANT reporting TO reader@'127.0.0.1';
SET DEFAULT ROLE reporting /*M! FOR */ /*!80000 TO */ reader@'127.0.0.1';
GRANT `odd role's ``name``` TO `q'uo``te"\ ünï☃`@'%';
GRANT SELECT ON shop.* TO reporting;
GRANT SELECT (id, price), INSERT (id), UPDATE ON shop.orders TO app@'%' WITH GRANT OPTION;
GRANT SELECT ON `shop\_%`.* TO app@'%';
GRANT PROCESS, REPLICATION CLIENT ON *.* TO app@'%';
GRANT ALL PRIVILEGES ON `shop\_2`.* TO locked@localhost WITH GRANT OPTION;
GRANT PROXY ON app@'%' TO sock@localhost WITH GRANT OPTION;
GRANT PROXY ON app@'%' TO `q'uo``te"\ ünï☃`@'%';
GRANT PROXY ON `q'uo``te"\ ünï☃`@'%' TO reader@'127.0.0.1' WITH GRANT OPTION;
DELIMITER //
CREATE DEFINER=app@'%' PROCEDURE shop.raise_prices() SQL SECURITY DEFINER BEGIN UPDATE shop.orders SET price = price + 1; END//
CREATE DEFINER=reporting FUNCTION shop.twice(n INT) RETURNS INT DETERMINISTIC RETURN 2 * n//
DELIMITER ;
GRANT EXECUTE ON PROCEDURE shop.raise_prices TO reader@'127.0.0.1';
GRANT EXECUTE, ALTER ROUTINE ON FUNCTION shop.twice TO reporting;
CREATE DEFINER=app@'%' VIEW shop.cheap AS SELECT id FROM shop.orders WHERE price < 10;
GRANT SELECT ON shop.cheap TO reader@'127.0.0.1';
/*M! GRANT SELECT ON shop.cheap TO PUBLIC */;
/*M! GRANT SHOW DATABASES ON *.* TO PUBLIC */;
"""


def login(server: MariaDBServer, user: str, password: str, **options: Any) -> pymysql.connections.Connection[Any]:
    return pymysql.connect(host="127.0.0.1", port=server.port, user=user, password=password, **options)


@pytest.fixture
def rebuilt(two_servers: tuple[MariaDBServer, MariaDBServer], journey: Journey) -> tuple[MariaDBServer, MariaDBServer]:
    """A server with many accounts, and its rebuilt twin."""
    source, target = two_servers
    script(source, ACCOUNTS)
    journey.dump(source)
    journey.restore(target)
    return source, target


def test_m01_m06_m07_accounts_survive(rebuilt: tuple[MariaDBServer, MariaDBServer], journey: Journey) -> None:
    source, target = rebuilt
    assert journey.differences(target, instance=True) == []
    is_mysql = source.flavour == "mysql"
    # a role of MySQL is a user
    query = f"SELECT user, host, {'NULL' if is_mysql else 'is_role'} FROM mysql.user ORDER BY 1, 2"
    accounts = source.sql(query)
    assert target.sql(query) == accounts
    assert len(accounts) > 12
    for user, host, is_role in accounts:
        name = "%s" if is_role == "Y" else "%s@%s"
        given = (user,) if is_role == "Y" else (user, host)
        # the server lists the columns of a grant in no order
        shown = [
            sorted(
                text.replace("(`id`, `price`)", "(`price`, `id`)")
                for (text,) in server.sql(f"SHOW GRANTS FOR {name}", *given)
            )
            for server in rebuilt
        ]
        assert shown[0] == shown[1], user
        if is_role != "Y":
            show = ("SET print_identified_with_as_hex = ON; " if is_mysql else "") + f"SHOW CREATE USER {name}"
            assert target.sql(show, *given) == source.sql(show, *given)
    tables = ("role_edges", "default_roles") if is_mysql else ("roles_mapping",)
    for query in (
        *(f"SELECT * FROM mysql.{table} ORDER BY 1, 2, 3, 4" for table in tables),
        "SELECT user, host, proxied_user, proxied_host, with_grant FROM mysql.proxies_priv ORDER BY 1, 2, 3, 4",
    ):
        assert target.sql(query) == source.sql(query)


def test_old_passwords_log_in_and_readers_only_read(rebuilt: tuple[MariaDBServer, MariaDBServer]) -> None:
    _source, target = rebuilt
    with login(target, "reader", "reads only") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM shop.orders")
        with pytest.raises(pymysql.MySQLError, match="denied"):
            cursor.execute("INSERT INTO shop.orders VALUES (1, 1, '')")
    with pytest.raises(pymysql.MySQLError, match="denied"):
        login(target, "reader", "reads onl")
    login(target, "q'uo`te\"\\ ünï☃", "x").close()
    with pytest.raises(pymysql.MySQLError):
        # the password is right, but TLS is required
        login(target, "app", "app's \"pass\\word", ssl_disabled=True)


def test_second_restore_of_accounts_changes_nothing(
    rebuilt: tuple[MariaDBServer, MariaDBServer], journey: Journey
) -> None:
    _source, target = rebuilt
    result = journey.restore(target, if_exists="skip")
    assert (result["changed"], result["roles"]) == (False, [])


def test_accounts_that_differ_are_altered_and_others_stay(
    rebuilt: tuple[MariaDBServer, MariaDBServer], journey: Journey
) -> None:
    _source, target = rebuilt
    target.sql(
        "ALTER USER locked@localhost IDENTIFIED BY 'other' REQUIRE SSL WITH MAX_USER_CONNECTIONS 5 "
        "/*!80000 FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2 */ ACCOUNT UNLOCK; "
        "ALTER USER never@localhost ACCOUNT LOCK PASSWORD EXPIRE DEFAULT; REVOKE reporting FROM reader@'127.0.0.1'; "
        "CREATE USER another@localhost IDENTIFIED BY 'stays'"
    )
    checked = journey.restore(target, if_exists="skip", check=True)
    assert checked["roles"] == [
        "alter user 'locked'@'localhost'",
        "alter user 'never'@'localhost'",
        "alter user 'reader'@'127.0.0.1'",
    ]
    assert journey.restore(target, if_exists="skip")["roles"] == checked["roles"]
    assert journey.differences(target, instance=True) == ["unexpected user: 'another'@'localhost'"]


def test_m04_the_account_in_use_keeps_its_password(
    two_servers: tuple[MariaDBServer, MariaDBServer], journey: Journey
) -> None:
    source, target = two_servers
    source.create_account("keeper", "the old one")
    target.create_account("keeper", "the new one")
    journey.dump(source)
    login_options = target.login(user="keeper", password="the new one")
    journey.restore(target, login=login_options)
    login(target, "keeper", "the new one").close()
    with engine(
        target, unix_socket=None, host="127.0.0.1", port=target.port, user="keeper", password="the new one"
    ) as opened:
        proof = opened.prove([], "counts")
    (user,) = [item for item in proof.instance if item.name == "'keeper'@'%'"]
    assert "password digest" not in user.attributes
    # the administrator's own login stays as its installation made it, too
    plugin = "unix_socket" if target.flavour == "mariadb" else "auth_socket"
    assert plugin in target.value("SHOW CREATE USER root@localhost")


def test_m05_grants_on_what_does_not_exist_are_left_out_and_named(
    two_servers: tuple[MariaDBServer, MariaDBServer], journey: Journey
) -> None:
    source, target = two_servers
    source.sql("CREATE DATABASE shop; CREATE TABLE shop.gone (id INT); CREATE TABLE shop.there (id INT)")
    source.sql("CREATE USER app@localhost; GRANT SELECT ON shop.gone TO app@localhost")
    source.sql("GRANT SELECT ON shop.there TO app@localhost; DROP TABLE shop.gone")
    result = journey.dump(source)
    assert any("table shop.gone" in text for text in result["omissions"])
    journey.restore(target)
    assert journey.differences(target, instance=True) == []


def test_m05_statements_that_are_refused_are_all_named(
    two_servers: tuple[MariaDBServer, MariaDBServer], journey: Journey
) -> None:
    source, target = two_servers
    script(source, ACCOUNTS)
    journey.dump(source)
    privileges = (
        "SELECT, INSERT, CREATE, DROP, ALTER, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, "
        "TRIGGER, EVENT, CREATE USER, /*M! SET USER, */ /*!80000 SET_ANY_DEFINER, SESSION_VARIABLES_ADMIN, */ UPDATE, EXECUTE ON *.*"
    )
    target.create_account("limited", "x", grants=privileges)
    target.sql("SET GLOBAL local_infile = ON, GLOBAL log_bin_trust_function_creators = ON")
    with pytest.raises(BackupError, match="about accounts were refused") as caught:
        journey.restore(target, login=target.login(user="limited", password="x"))
    assert "REPLICATION" in str(caught.value) or "BINLOG MONITOR" in str(caught.value)
    assert target.sql("SHOW DATABASES LIKE 'shop%'") == []


def test_m07_missing_definers_are_named_before_anything_changes(
    two_servers: tuple[MariaDBServer, MariaDBServer], journey: Journey
) -> None:
    source, target = two_servers
    script(source, ACCOUNTS)
    journey.dump(source)
    with pytest.raises(BackupError, match="definer app@%.*view cheap"):
        journey.restore(target, roles="none")
    assert target.sql("SHOW DATABASES LIKE 'shop%'") == []
    source.sql("DROP USER app@'%'")
    result = journey.dump(source)
    assert any("View shop.cheap has the definer app@%" in text for text in result["warnings"])
    result = journey.restore(target)
    assert any("app@%" in text and "does not exist" in text for text in result["warnings"])
    assert journey.differences(target, instance=True) == []


def test_grants_follow_a_database_to_its_new_name(
    two_servers: tuple[MariaDBServer, MariaDBServer], journey: Journey
) -> None:
    source, target = two_servers
    source.sql("CREATE DATABASE shop_1; CREATE TABLE shop_1.t (a INT, b INT); CREATE USER app@localhost")
    source.sql("GRANT SELECT ON `shop\\_1`.* TO app@localhost; GRANT UPDATE (b) ON shop_1.t TO app@localhost")
    journey.dump(source)
    journey.restore(target, rename={"shop_1": "new_shop"})
    assert journey.differences(target, {"shop_1": "new_shop"}, instance=True) == []
    grants = [text for (text,) in target.sql("SHOW GRANTS FOR app@localhost")]
    assert any("`new\\_shop`.*" in text for text in grants)
    assert any("(`b`) ON `new_shop`.`t`" in text for text in grants)


def test_roles_export_is_idempotent_and_masks_hashes(
    two_servers: tuple[MariaDBServer, MariaDBServer], journey: Journey
) -> None:
    source, target = two_servers
    script(source, ACCOUNTS)
    with engine(source) as opened:
        export = opened.export_roles()
    shown = "".join(export.masked.values())
    for (value,) in source.sql(
        "SELECT authentication_string FROM mysql.user WHERE authentication_string <> '' AND user NOT LIKE 'mysql.%'"
    ):
        assert value == "invalid" or value not in shown
        # MySQL's may hold any byte
        assert (value.encode() if source.flavour == "mariadb" else value.encode().hex().upper().encode()) in export.sql
    # the plain client takes it, again and again, once the objects are there
    journey.dump(source)
    assert read_bytes(journey.latest.path(journey.latest.artefact("roles"))) == export.sql
    journey.restore(target)
    target.client(input_text=export.sql.decode())
    assert journey.differences(target, instance=True) == []


def test_check_mode_changes_nothing(two_servers: tuple[MariaDBServer, MariaDBServer], journey: Journey) -> None:
    source, target = two_servers
    script(source, ACCOUNTS)
    journey.dump(source)
    before = target.sql("SELECT user, host FROM mysql.user ORDER BY 1, 2"), target.sql("SHOW DATABASES")
    result = call("restore", check=True, **target.login(), **journey.place)
    assert result["changed"] is True
    assert "create user 'app'@'%'" in result["roles"]
    assert (target.sql("SELECT user, host FROM mysql.user ORDER BY 1, 2"), target.sql("SHOW DATABASES")) == before


def test_accounts_are_read_where_the_server_was_initialised_with_another_collation() -> None:
    collation = ("--character-set-server=utf8mb4", "--collation-server=utf8mb4_german2_ci")
    with mysql_server(install_args=collation) as server:
        server.sql("CREATE ROLE reporting; CREATE USER app@localhost")
        with engine(server) as opened:
            export = opened.export_roles()
    assert b"CREATE ROLE" in export.sql
    assert b"CREATE USER" in export.sql
