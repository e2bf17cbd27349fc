# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database with one of everything that names its database, as it stands on a server before another takes its place."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._proof.compare import compare
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Proof

from tests.integration.mysql.conftest import databases_of, engine, script
from tests.support.mariadb import MariaDBServer

#: May do something in ``shop`` only.
ACCOUNTS = "CREATE USER IF NOT EXISTS app@'%'; GRANT ALL ON shop.* TO app@'%'"

#: SHOP stands for the name; everything says it that may.
EVERYTHING = r"""
CREATE DATABASE SHOP CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci /*M! COMMENT 'MARK' */;
USE SHOP;
/*M! CREATE SEQUENCE SHOP.numbers START WITH 100 */;
/*M! SELECT NEXTVAL(numbers) */;
CREATE TABLE SHOP.parent (id INT NOT NULL /*M! DEFAULT NEXTVAL(SHOP.numbers) */, other INT /*M! DEFAULT (NEXTVAL(SHOP.numbers) + 1) */,
  name VARCHAR(40), twice INT AS (SHOP.parent.other * 2) STORED, SHOP INT,
  PRIMARY KEY (id), UNIQUE (name), CHECK (SHOP.parent.id > 0)) COMMENT 'SHOP.parent';
CREATE TABLE SHOP.child (id INT PRIMARY KEY, p INT, KEY (p),
  CONSTRAINT to_parent FOREIGN KEY (p) REFERENCES SHOP.parent (id) ON DELETE CASCADE);
CREATE TABLE SHOP.aaa (p INT, CONSTRAINT to_child FOREIGN KEY (p) REFERENCES SHOP.child (id));
CREATE TABLE SHOP.SHOP (id INT PRIMARY KEY, text VARCHAR(100)) ENGINE=MyISAM;
CREATE TABLE SHOP.log (what VARCHAR(200));
INSERT INTO parent (id, other, name) VALUES (1, 2, 'MARK'), (2, 3, 'SHOP.parent');
INSERT INTO child VALUES (1, 1), (2, 2);
INSERT INTO aaa VALUES (1);
INSERT INTO SHOP.SHOP VALUES (1, 'SHOP.SHOP'), (2, 'MARK');
DELIMITER //
CREATE DEFINER=app@'%' FUNCTION SHOP.named(i INT) RETURNS VARCHAR(100) READS SQL DATA
  RETURN (SELECT SHOP.parent.name FROM SHOP.parent WHERE SHOP.parent.id = i)//
SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT'//
CREATE PROCEDURE "SHOP"."note"(what TEXT) BEGIN INSERT INTO "SHOP"."log" VALUES ('SHOP.log ' || what || ' MARK'); END//
SET sql_mode = 'STRICT_TRANS_TABLES'//
CREATE TRIGGER SHOP.first BEFORE INSERT ON SHOP.child FOR EACH ROW CALL SHOP.note(NEW.id)//
CREATE TRIGGER SHOP.second BEFORE INSERT ON SHOP.child FOR EACH ROW INSERT INTO SHOP.log SELECT SHOP.named(NEW.p)//
CREATE EVENT SHOP.ticks ON SCHEDULE EVERY 1 HOUR STARTS '2031-01-01 00:00:00' ON COMPLETION PRESERVE ENABLE
  COMMENT 'MARK' DO INSERT INTO SHOP.log VALUES ('tick')//
CREATE EVENT SHOP.stopped ON SCHEDULE EVERY 1 DAY STARTS '2031-01-01 00:00:00' DISABLE DO DELETE FROM SHOP.log//
/*M! SET sql_mode = ORACLE */ //
/*M! CREATE PACKAGE tools AS FUNCTION seven RETURN INT; END */ //
/*M! CREATE PACKAGE BODY tools AS FUNCTION seven RETURN INT AS BEGIN RETURN 7; END; END */ //
SET sql_mode = 'STRICT_TRANS_TABLES'//
DELIMITER ;
CREATE DEFINER=app@'%' VIEW SHOP.z_base AS SELECT id, name, 'SHOP.z' AS text FROM SHOP.parent;
CREATE DEFINER=app@'%' VIEW SHOP.a_top AS SELECT SHOP.z_base.id, s.name FROM SHOP.z_base, SHOP.z_base AS s;
CREATE DEFINER=app@'%' SQL SECURITY INVOKER VIEW SHOP.m_view AS SELECT COUNT(*) AS n FROM SHOP.a_top;
"""

#: A view that cannot even be made where its definer has no rights.
WITH_RIGHTS = "CREATE DEFINER=app@'%' VIEW SHOP.rights AS SELECT SHOP.named(1) AS name;"


def build(server: MariaDBServer, name: str, mark: str, more: str = "") -> None:
    """Make a database with everything."""
    server.sql(ACCOUNTS)
    server.sql(f"GRANT ALL ON {name}.* TO app@'%'")
    script(server, (EVERYTHING + more).replace("SHOP", name).replace("MARK", mark))
    if name != "shop":
        # As in a shadow: the definers have no rights there.
        server.sql(f"REVOKE ALL ON {name}.* FROM app@'%'")


def proof_of(server: MariaDBServer, *names: str) -> Proof:
    """The proof of some databases as they are now."""
    with engine(server) as opened:
        return opened.prove(list(names), "content", 1, False)


def differences(before: Proof, server: MariaDBServer, **names: str) -> list[str]:
    """What differs from a proof, in words; every database that it knows has the same name unless another is given."""
    expected = {name: names.get(name, name) for name in before.databases}
    found = proof_of(server, *expected.values())
    there = [f"there is {name}" for name in databases_of(server) if name not in expected.values()]
    return there + [item.message for item in compare(before, found, expected, False).differences]
