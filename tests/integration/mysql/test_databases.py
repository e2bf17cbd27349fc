# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole databases there and back: programs, names, views on each other, what was there before."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError

from tests.integration.mysql.conftest import Journey, databases_of, numbers, script
from tests.support.mariadb import MariaDBServer

SAKILA = Path(__file__).parents[4] / "shared" / "data" / "sakila-mysql"

HOSTILE = (
    'it\'s "quoted" `back`',
    "with space",
    "new\nline\ttab",
    "back\\slash\\",
    "semi;colon -- comment",
    "-leading",
    "--help",
    "ünïcödé ☃",
    "$(touch /tmp/pwned)`x`",
    "%41*?[a]_",
    "/*!50000 x */",
    "a.b",
    "DELIMITER",
)

PROGRAMS = r"""
CREATE DATABASE prog CHARACTER SET utf8mb4;
USE prog;
CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(100));
CREATE TABLE parent (id INT PRIMARY KEY, name VARCHAR(20) UNIQUE, n INT NOT NULL DEFAULT 0, KEY by_n (n));
CREATE TABLE child (id INT PRIMARY KEY, parent INT, other INT,
  CONSTRAINT to_parent FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE,
  CONSTRAINT to_self FOREIGN KEY (other) REFERENCES child (id), CONSTRAINT small CHECK (other < 1000));
INSERT INTO parent VALUES (1, 'one', 1), (2, 'two', 2);
INSERT INTO child VALUES (1, 1, NULL), (2, 2, 1);
DELIMITER //
SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_ZERO_DATE'//
CREATE FUNCTION joined(a TEXT, b TEXT) RETURNS TEXT DETERMINISTIC COMMENT 'it''s ;; a // test' RETURN a || ';;' || "b"//
CREATE TRIGGER first_trigger BEFORE INSERT ON parent FOR EACH ROW SET NEW.name = NEW.name || '!'//
SET sql_mode = 'STRICT_TRANS_TABLES'//
CREATE TRIGGER second_trigger BEFORE INSERT ON parent FOR EACH ROW BEGIN
  INSERT INTO log (what) VALUES (CONCAT('insert "', NEW.name, '"; -- not a comment')); END//
CREATE PROCEDURE `odd ;; name`(IN n INT, OUT result TEXT) MODIFIES SQL DATA SQL SECURITY INVOKER BEGIN
  -- DELIMITER ;;
  /* a comment; */ SET result = CONCAT('x', ';', "y", '\n'); INSERT INTO log (what) VALUES ('called'); END//
/*M! SET sql_mode = ORACLE */ //
/*M! CREATE PACKAGE tools AS PROCEDURE a; FUNCTION seven RETURN INT; END */ //
/*M! CREATE PACKAGE BODY tools AS PROCEDURE a AS BEGIN NULL; END; FUNCTION seven RETURN INT AS BEGIN RETURN 7; END; END */ //
SET sql_mode = 'STRICT_TRANS_TABLES'//
CREATE EVENT ticks ON SCHEDULE EVERY 1 HOUR STARTS '2030-01-01 00:00:00' ON COMPLETION PRESERVE
  COMMENT 'ENABLE' DO BEGIN INSERT INTO log (what) VALUES ('tick; DISABLE'); END//
CREATE EVENT stopped ON SCHEDULE EVERY 1 DAY DISABLE DO INSERT INTO log (what) VALUES ('never')//
DELIMITER ;
CREATE VIEW z_base AS SELECT id, name FROM parent WHERE name <> '*/';
CREATE VIEW a_on_top AS SELECT id, joined(name, name) AS both_names FROM z_base WITH CASCADED CHECK OPTION;
CREATE ALGORITHM=TEMPTABLE SQL SECURITY INVOKER VIEW `m "view"` AS SELECT COUNT(*) AS `how many; rows` FROM a_on_top;
"""


def client_arguments(server: MariaDBServer) -> list[str]:
    return [str(server.client_program), *server.client_options()]


def test_m08_programs_survive(source: MariaDBServer, target: MariaDBServer, journey: Journey) -> None:
    # the view with a check option needs an updatable base, which the function does not change
    script(source, PROGRAMS.replace(" WITH CASCADED CHECK OPTION", ""))
    journey.dump(source, "prog")
    target.sql("SET GLOBAL event_scheduler = ON")
    try:
        journey.restore(target)
    finally:
        target.sql("SET GLOBAL event_scheduler = OFF")
    assert journey.differences(target) == []
    for query in (
        "SELECT * FROM prog.log",
        "SELECT * FROM prog.parent",
        'SELECT * FROM prog.`m "view"`',
        "SELECT prog.joined('a', 'c') /*M!, prog.tools.seven() */",
        "SELECT event_name, status, event_comment, sql_mode, definer FROM information_schema.events ORDER BY 1",
        "SELECT trigger_name, action_order, sql_mode, action_statement FROM information_schema.triggers ORDER BY 1",
        (
            "SELECT routine_name, routine_definition, sql_mode, security_type, routine_comment "
            "FROM information_schema.routines WHERE routine_schema = 'prog' ORDER BY 1"
        ),
    ):
        assert target.sql(query) == source.sql(query), query
    target.sql("INSERT INTO prog.parent VALUES (3, 'three', 3)")
    assert target.value("SELECT name FROM prog.parent WHERE id = 3") == "three!"
    assert target.value("SELECT what FROM prog.log") == 'insert "three!"; -- not a comment'


def test_sakila(source: MariaDBServer, target: MariaDBServer, journey: Journey) -> None:
    if not SAKILA.is_dir():
        pytest.skip("the sample database is not here: shared/data/sakila-mysql")
    for name in ("schema.sql", "data.sql"):
        source.client(input_text=(SAKILA / name).read_text())
    journey.dump(source, "sakila")
    journey.restore(target)
    assert journey.differences(target) == []
    journey.compare(target)
    for table in ("film", "payment", "film_text", "address"):
        query = f"CHECKSUM TABLE sakila.{table} EXTENDED"
        assert target.sql(query) == source.sql(query)


def test_p34_hostile_names_survive(source: MariaDBServer, target: MariaDBServer, journey: Journey) -> None:
    def quoted(name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    # MariaDB 11 prints this one kind of names without doubling what quotes them, so that its own dumps cannot be loaded
    unprintable = "`" if source.version >= (11,) else "\0"
    for name in HOSTILE:
        q = quoted(name)
        source.sql(f"CREATE DATABASE {q} CHARACTER SET utf8mb4 /*M! COMMENT 'c' */")
        with source.connect(name) as connection, connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TABLE {q} (id INT AUTO_INCREMENT, {q} VARCHAR(50) DEFAULT 'd', PRIMARY KEY (id), KEY {q} ({q}), "
                f"CONSTRAINT {q} CHECK ({q} <> 'x'))"
            )
            cursor.execute(f"INSERT INTO {q} ({q}) VALUES ({connection.escape(name)}), (NULL)")
            cursor.execute(f"CREATE TABLE child (id INT, CONSTRAINT {quoted(name.replace(unprintable, '') + 'fk')} FOREIGN KEY (id) "
                           f"REFERENCES {q} (id))")  # fmt: skip
            cursor.execute(f"CREATE VIEW {quoted('v' + name)} AS SELECT {q} FROM {q}")
            cursor.execute(f"CREATE PROCEDURE {q}() SELECT 1")
            cursor.execute(f"CREATE TRIGGER {q} BEFORE INSERT ON {q} FOR EACH ROW SET @x = 1")
            cursor.execute(f"CREATE EVENT {q} ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1")
    result = journey.dump(source)
    assert sorted(item["name"] for item in result["databases"]) == sorted(HOSTILE)
    journey.restore(target)
    assert journey.differences(target) == []
    assert databases_of(target) == sorted(HOSTILE)
    for name in HOSTILE:
        q = quoted(name)
        assert target.sql(f"SELECT * FROM {q}.{q}") == source.sql(f"SELECT * FROM {q}.{q}")
    assert not Path("/tmp/pwned").exists()


def test_views_over_several_databases(source: MariaDBServer, target: MariaDBServer, journey: Journey) -> None:
    source.sql("CREATE DATABASE a; CREATE DATABASE b; CREATE DATABASE c")
    source.sql("CREATE TABLE c.t (id INT PRIMARY KEY); INSERT INTO c.t VALUES (1), (2)")
    source.sql("CREATE TABLE a.t (id INT, FOREIGN KEY (id) REFERENCES c.t (id)); INSERT INTO a.t VALUES (2)")
    source.sql(
        "CREATE VIEW b.v AS SELECT id FROM c.t; CREATE VIEW a.v AS SELECT id FROM b.v; CREATE VIEW c.v AS SELECT 1 AS x"
    )
    journey.dump(source)
    journey.restore(target)
    assert journey.differences(target) == []
    assert target.sql("SELECT * FROM a.v ORDER BY 1") == [(1,), (2,)]


def test_one_database_under_another_name(source: MariaDBServer, target: MariaDBServer, journey: Journey) -> None:
    source.sql("CREATE DATABASE shop CHARACTER SET latin2; CREATE TABLE shop.t (id INT PRIMARY KEY)")
    source.sql("CREATE TABLE shop.c (id INT, FOREIGN KEY (id) REFERENCES shop.t (id)); INSERT INTO shop.t VALUES (1)")
    journey.dump(source)
    target.sql("CREATE DATABASE shop; CREATE TABLE shop.mine (id INT)")
    journey.restore(target, rename={"shop": "copy of shop"})
    assert journey.differences(target, {"shop": "copy of shop"}) == []
    assert target.sql("SHOW TABLES FROM shop") == [("mine",)]
    script(source, PROGRAMS.replace(" WITH CASCADED CHECK OPTION", ""))
    journey.dump(source)
    journey.restore(target, "prog", rename={"prog": "other"})
    assert journey.differences(target, {"prog": "other"}) == []


def test_what_is_there_already(source: MariaDBServer, target: MariaDBServer, journey: Journey) -> None:
    source.sql("CREATE DATABASE a; CREATE TABLE a.t (id INT); CREATE DATABASE b; CREATE TABLE b.t (id INT)")
    source.sql("CREATE DATABASE nothing")
    journey.dump(source)
    target.sql("CREATE DATABASE a; CREATE TABLE a.precious (id INT); CREATE DATABASE b CHARACTER SET ucs2")
    with pytest.raises(BackupError, match="Database a exists on this server and is not empty"):
        journey.restore(target)
    assert databases_of(target) == ["a", "b"]
    # an empty database is filled; one with something in it is left alone
    result = journey.restore(target, if_exists="skip")
    assert result["kept"] == ["a"]
    assert target.sql("SHOW TABLES FROM a") == [("precious",)]
    assert journey.differences(target, {"b": "b", "nothing": "nothing"}) == []
    assert journey.restore(target, if_exists="skip")["changed"] is False


def test_restore_instructions_are_exact(
    two_servers: tuple[MariaDBServer, MariaDBServer], journey: Journey, tmp_path: Path
) -> None:
    """The commands of RESTORE.md, run as they stand there, rebuild everything."""
    source, target = two_servers
    script(source, PROGRAMS.replace(" WITH CASCADED CHECK OPTION", ""))
    source.sql("CREATE DATABASE `odd 'name'`; CREATE TABLE `odd 'name'`.t (i INT PRIMARY KEY, b BLOB, e ENUM('a'))")
    source.sql("INSERT INTO `odd 'name'`.t VALUES (1, '\\0\\n\\t\\\\', 'a'), (2, NULL, NULL)")
    source.sql(
        "CREATE USER app@'%' IDENTIFIED BY 'x'; CREATE ROLE r; GRANT SELECT ON prog.log TO r; GRANT r TO app@'%'"
    )
    journey.dump(source)
    # as the instructions ask for
    target.sql("SET GLOBAL local_infile = ON")
    folder = tmp_path / "copy"
    subprocess.run(["cp", "-r", journey.latest.directory, folder], check=True)
    text = (folder / "RESTORE.md").read_text()
    blocks = text.split("```sh\n")[1:]
    program = source.client_program.name
    wrapper = tmp_path / "bin" / program
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {" ".join(client_arguments(target))} "$@"\n')
    wrapper.chmod(0o755)
    commands = "".join(block.split("```")[0] for block in blocks if program in block)
    done = subprocess.run(
        ["bash", "-c", f"set -e\n{commands}"],
        cwd=folder,
        env={"PATH": f"{wrapper.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert journey.differences(target, instance=True) == []


def test_hundreds_of_small_tables(source: MariaDBServer, target: MariaDBServer, journey: Journey) -> None:
    source.sql("CREATE DATABASE many")
    statements = "".join(
        f"CREATE TABLE t{n:03} (id INT PRIMARY KEY, a VARCHAR(20), KEY (a)); INSERT INTO t{n:03} VALUES ({n}, 'x'), (-1, NULL);"
        for n in range(300)
    )
    source.client(database="many", input_text=statements)
    journey.dump(source)
    assert len(list(Path(journey.latest.directory).glob("databases/many/data/*.tsv.zst"))) == 300
    journey.restore(target)
    assert journey.differences(target) == []


def test_large_tables_get_their_keys_and_foreign_keys_back(
    source: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    """Above the size from which keys wait for the rows: every kind of key, in the order in which it was."""
    source.sql("CREATE DATABASE large")
    statements = (
        "CREATE TABLE one (id INT NOT NULL AUTO_INCREMENT, sub INT NOT NULL, u1 INT, u2 VARCHAR(40), f TEXT, g POINT NOT NULL, "
        "v INT AS (sub + 1) VIRTUAL, h TEXT, KEY z (sub), KEY counter (id), PRIMARY KEY (sub, id), UNIQUE KEY y (u1), "
        "FULLTEXT KEY words (f), KEY b (u2, sub), UNIQUE KEY x (u2), SPATIAL KEY place (g), KEY computed (v), KEY a (u1 DESC), "
        "KEY `w (10)` (f(10)) COMMENT 'a, (b)', /*M! UNIQUE KEY hashed (h) USING HASH, */ KEY last (u2));"
        "CREATE TABLE two (id INT PRIMARY KEY, one INT, self INT, pad CHAR(200), KEY (self), "
        "CONSTRAINT a FOREIGN KEY (one) REFERENCES one (u1) ON UPDATE CASCADE, "
        "CONSTRAINT b FOREIGN KEY (self) REFERENCES two (id));"
        "CREATE TABLE bare (a INT NOT NULL, b INT NOT NULL, pad CHAR(200), KEY (b), UNIQUE KEY (a));"
        "INSERT INTO one (sub, u1, u2, f, g, h) SELECT seq % 7, seq, CONCAT('u', seq), REPEAT(CONCAT('word', seq, ' '), 20), "
        "POINT(seq, seq), CONCAT('h', seq) FROM NUMBERS;"
        "INSERT INTO two SELECT seq, seq, NULL, REPEAT('x', 200) FROM NUMBERS;"
        "UPDATE two SET self = id - 1 WHERE id > 1;"
        "INSERT INTO bare SELECT seq, seq % 9, REPEAT('x', 200) FROM NUMBERS;"
    )
    source.sql(statements.replace("NUMBERS", numbers(30000)), database="large")
    journey.dump(source)
    sizes = {table["name"]: table["bytes"] for table in journey.latest.artefact("database", "large").details["tables"]}
    assert min(sizes.values()) > 4 << 20
    journey.restore(target)
    assert journey.differences(target) == []
    for table in ("one", "two", "bare"):
        assert target.sql(f"SHOW CREATE TABLE large.{table}") == source.sql(f"SHOW CREATE TABLE large.{table}")
        assert target.sql(f"CHECK TABLE large.{table}")[-1][-1] == "OK"
