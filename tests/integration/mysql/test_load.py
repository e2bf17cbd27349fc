# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dumps of other tools, loaded under their name and under others: nothing differs but the name."""

from __future__ import annotations

import bz2
import gzip
import lzma
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._proof.compare import compare

from tests.integration.modules.harness import call
from tests.integration.mysql.conftest import databases_of, engine, foreign_collation, script
from tests.support.mariadb import MariaDBServer

SAKILA = Path(__file__).parents[4] / "shared" / "data" / "sakila-mysql"

#: Everything is called shop, and rows are full of what looks like statements about it.
SHOP = r"""
CREATE DATABASE shop CHARACTER SET latin1 COLLATE latin1_general_ci;
USE shop;
/*M! CREATE SEQUENCE numbers START WITH 5 */;
CREATE TABLE shop (id INT AUTO_INCREMENT PRIMARY KEY, shop VARCHAR(200) CHARACTER SET utf8mb4 DEFAULT 'shop.`shop`',
  b BLOB, e ENUM('a', 'b') NOT NULL, n INT, twice INT AS (n * 2) STORED, half INT AS (n / 2) VIRTUAL,
  hidden INT INVISIBLE DEFAULT 7, d DATETIME, ts TIMESTAMP(3) NULL, j JSON, bits BIT(9), f FLOAT, KEY by_shop (shop(20)),
  CONSTRAINT positive CHECK (n >= 0 AND `shop`.`n` < 100000));
CREATE TABLE `sh``op; -- "x"` (`shop` INT, n INT /*M! DEFAULT nextval(shop.numbers) */, CONSTRAINT to_shop FOREIGN KEY (shop)
  REFERENCES shop.shop (id) ON DELETE CASCADE, UNIQUE (shop));
-- with GTIDs, as MySQL has them, a trigger must not change a table without transactions
CREATE TABLE old (a VARCHAR(20)) /*M! ENGINE=MyISAM */ DEFAULT CHARSET=latin1;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO shop (id, n, shop, b, e, hidden, d, ts, j, bits, f) VALUES
  (0, 4, 'USE `shop`; DROP TABLE `shop`.`shop`; it''s \\ "', x'60736F70600027225C1A0D0A', 'a', 1, '0000-00-00', NULL, '{}', b'101', 1.5),
  (1, 5, 'shop', '`shop`.', '', 2, '2024-02-29 12:00:00', '2024-03-31 01:30:00.123', NULL, NULL, -1e-20), (2, 6, NULL, NULL, 'b', 3, NULL, NULL, NULL, 0, 0);
INSERT INTO `sh``op; -- "x"` VALUES (0, 1), (2, 2);
INSERT INTO old VALUES ('caf\xe9'), ('shop');
SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES';
DELIMITER //
CREATE FUNCTION shop(a TEXT) RETURNS TEXT DETERMINISTIC RETURN a || '\' || (SELECT COUNT(*) FROM shop."shop")//
SET sql_mode = ''//
CREATE PROCEDURE filled(IN shop INT) BEGIN DECLARE x INT; SELECT shop.id INTO x FROM shop.shop WHERE shop.id = shop LIMIT 1;
  INSERT INTO shop.old VALUES (shop.shop('DELIMITER ;')); END//
CREATE TRIGGER shop BEFORE INSERT ON shop FOR EACH ROW BEGIN SET NEW.hidden = 9; DELETE FROM shop.old WHERE a = NEW.shop; END//
CREATE TRIGGER second BEFORE INSERT ON shop FOR EACH ROW FOLLOWS shop SET @shop = 1//
CREATE EVENT shop ON SCHEDULE EVERY 1 YEAR STARTS '2030-01-01' COMMENT 'DISABLE DO' DO INSERT INTO shop.old VALUES ('x')//
CREATE EVENT sleeping ON SCHEDULE EVERY 1 HOUR STARTS '2030-01-01' ON COMPLETION PRESERVE DISABLE DO SELECT 1//
/*M! SET sql_mode = ORACLE */ //
/*M! CREATE PACKAGE tools AS FUNCTION seven RETURN INT; END */ //
/*M! CREATE PACKAGE BODY tools AS FUNCTION seven RETURN INT AS BEGIN RETURN 7; END; END */ //
SET sql_mode = ''//
DELIMITER ;
CREATE VIEW z_base AS SELECT shop.shop.id, shop.shop AS shop_ FROM shop.shop WHERE shop.shop <> '*/';
CREATE SQL SECURITY INVOKER VIEW a_top AS SELECT z.id, shop.shop(z.shop_) AS f FROM shop.z_base AS z;
CREATE DATABASE other;
CREATE TABLE other.t (a INT);
INSERT INTO other.t VALUES (1), (2);
CREATE VIEW other.across AS SELECT shop.id FROM shop.shop, other.t;
"""
PROGRAMS = ("--routines", "--events", "--triggers")


def dumped(server: MariaDBServer, *arguments: str) -> bytes:
    command = [server.dump_program, *server.client_options(), *PROGRAMS, *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


def written(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


def load(server: MariaDBServer, src: str, check: bool = False, **options: Any) -> dict[str, Any]:
    return call("restore", check=check, **server.login(), src=src, **{"roles": "none", **options})


def differences(source: MariaDBServer, target: MariaDBServer, names: Mapping[str, str]) -> list[str]:
    with engine(source) as opened:
        expected = opened.prove(list(names), "content", 1, False)
    with engine(target) as opened:
        found = opened.prove(list(names.values()), "content", 1, False)
    return [item.message for item in compare(expected, found, dict(names), False).differences]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--databases", "shop"),
        ("shop",),
        ("--databases", "shop", "--add-drop-database", "--hex-blob", "--skip-extended-insert"),
        ("--databases", "shop", "--complete-insert", "--skip-tz-utc", "--order-by-primary"),
        ("--databases", "shop", "--skip-opt", "--create-options", "--replace", "--no-autocommit"),
        ("--all-databases", "--insert-ignore", "--flush-privileges"),
    ],
    ids=" ".join,
)
def test_m08_m16_m17_m20_m29_every_kind_of_dump_loads_without_a_difference(
    source: MariaDBServer, target: MariaDBServer, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    script(source, SHOP)
    src = written(tmp_path / "dump", dumped(source, *arguments))
    if arguments[0] == "shop":
        # the dump does not say it: then an empty database does
        target.sql("CREATE DATABASE shop CHARACTER SET latin1 COLLATE latin1_general_ci")
    wanted = ["shop", "other"] if "--all-databases" in arguments else ["shop"]
    result = load(target, src)
    assert sorted(item["name"] for item in result["databases"]) == sorted(wanted)
    assert databases_of(target) == sorted(wanted)
    assert differences(source, target, {name: name for name in wanted}) == []
    system = "the databases mysql are the server's own"
    assert any(system in text for text in result["warnings"]) == ("--all-databases" in arguments)


def test_m22_a_database_goes_to_another_name_and_back_without_a_difference(
    source: MariaDBServer, target: MariaDBServer, tmp_path: Path
) -> None:
    script(source, SHOP)
    src = written(tmp_path / "dump", dumped(source, "--databases", "shop", "other"))
    names = {"shop": "copy", "other": "shop_too"}
    plan = load(target, src, rename=names, check=True)
    assert databases_of(target) == []
    result = load(target, src, rename=names)
    assert [(item["recorded"], item["name"]) for item in result["databases"]] == list(names.items())
    assert plan["databases"] == [{"recorded": old, "name": new, "previous": None} for old, new in sorted(names.items())]
    back = written(tmp_path / "back", dumped(target, "--databases", *names.values()))
    load(target, back, rename={new: old for old, new in names.items()})
    assert databases_of(target) == ["copy", "other", "shop", "shop_too"]
    assert differences(source, target, {"shop": "shop", "other": "other"}) == []


def test_m22_a_database_works_under_a_name_full_of_quotes(
    source: MariaDBServer, target: MariaDBServer, tmp_path: Path
) -> None:
    script(source, SHOP)
    src = written(tmp_path / "dump", dumped(source, "--databases", "shop", "other"))
    names = {"shop": "ne`w \"sh'op;\\", "other": "sélect_%"}
    load(target, src, rename=names)
    assert databases_of(target) == sorted(names.values())
    assert [text for text in differences(source, target, names) if "definition of" not in text] == []
    quoted = "`ne``w \"sh'op;\\`"
    for view in ("z_base", "a_top"):
        target.sql(f"SELECT * FROM {quoted}.{view}")
    target.sql(f"INSERT INTO {quoted}.shop (n, e) VALUES (1, 'a')")
    target.sql(f"CALL {quoted}.filled(1)")
    assert target.sql(f"SELECT a FROM {quoted}.old ORDER BY 1") == [("cafxe9",), ("DELIMITER ;\\4",), ("shop",)]
    assert target.value("SELECT COUNT(*) FROM `sélect_%`.across") == 8


def test_f09_every_packing_loads(source: MariaDBServer, target: MariaDBServer, tmp_path: Path) -> None:
    source.sql("CREATE DATABASE packed; CREATE TABLE packed.t (a INT); INSERT INTO packed.t VALUES (1), (2), (3)")
    dump = dumped(source, "packed")
    zstd = subprocess.run(["zstd", "-q"], input=dump, check=True, capture_output=True).stdout
    packed = {"gz": gzip.compress(dump), "bz2": bz2.compress(dump), "xz": lzma.compress(dump), "zst": zstd}
    for kind, content in packed.items():
        # names lie
        src = written(tmp_path / f"{kind}.zip", content)
        load(target, src, target=f"from_{kind}")
        assert differences(source, target, {"packed": f"from_{kind}"}) == []


def zipped(path: Path, **members: bytes) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.sql", content)
    return str(path)


def test_the_earlier_tools_zip_with_use_in_it_leaves_the_old_database_alone(
    source: MariaDBServer, tmp_path: Path
) -> None:
    script(source, SHOP.replace("shop", "dns_db"))
    member = {"20260113_155440_mysql_dns_db": dumped(source, "--databases", "dns_db", "--add-drop-database")}
    src = zipped(tmp_path / "20260113_155440_mysql_dns_db.zip", **member)
    with engine(source) as opened:
        before = opened.prove(["dns_db"], "content", 1, False)
    # what is there has gone on
    source.sql("INSERT INTO dns_db.old VALUES ('newer')")
    with engine(source) as opened:
        newer = opened.prove(["dns_db"], "content", 1, False)
    result = load(source, src, target="dns_new")
    assert databases_of(source) == ["dns_db", "dns_new", "other"]
    assert "dns_db" in str(result)
    with engine(source) as opened:
        after = opened.prove(["dns_db", "dns_new"], "content", 1, False)
    assert [item.message for item in compare(newer, after, {"dns_db": "dns_db"}, False).differences] == []
    rows = compare(before, after, {"dns_db": "dns_new"}, False).differences
    assert [item.message for item in rows if "definition of" not in item.message] == []
    source.sql("DROP DATABASE dns_db")
    source.sql("SELECT * FROM dns_new.a_top")
    back = written(tmp_path / "back", dumped(source, "--databases", "dns_new"))
    load(source, back, target="dns_db")
    with engine(source) as opened:
        after = opened.prove(["dns_db"], "content", 1, False)
    assert [item.message for item in compare(before, after, None, False).differences] == []


def test_several_dumps_in_one_archive_and_one_of_several_databases(
    source: MariaDBServer, target: MariaDBServer, tmp_path: Path
) -> None:
    for name in ("one", "two", "three"):
        source.sql(f"CREATE DATABASE {name}; CREATE TABLE {name}.t (a INT); INSERT INTO {name}.t VALUES (1)")
    # what it needs comes later, in another dump
    source.sql("CREATE VIEW one.v AS SELECT * FROM three.t; CREATE VIEW one.w AS SELECT * FROM one.v")
    both = dumped(source, "--databases", "two", "three")
    src = zipped(tmp_path / "several.zip", a=dumped(source, "--databases", "one"), b=both)
    load(target, src, databases=["one", "three"], rename={"three": "drei"})
    assert databases_of(target) == ["drei", "one"]
    assert differences(source, target, {"three": "drei"}) == []
    assert target.sql("SELECT * FROM one.w") == [(1,)]
    assert "drei" in target.sql("SHOW CREATE VIEW one.v")[0][1]


def test_m22_what_follows_the_values_of_an_insert_is_renamed_too(target: MariaDBServer, tmp_path: Path) -> None:
    insert = "INSERT INTO shop.t VALUES ({0}, 0) ON DUPLICATE KEY UPDATE b = (SELECT MAX(shop.u.b) FROM shop.u);\n"
    dump = "CREATE DATABASE shop; CREATE TABLE shop.t (a INT PRIMARY KEY, b INT); CREATE TABLE shop.u (b INT);\n"
    dump += "INSERT INTO shop.u VALUES (7);\n" + "".join(insert.format(number) for number in (1, 2, 1, 2))
    load(target, written(tmp_path / "dump", dump.encode()), target="copy")
    assert target.sql("SELECT a, b FROM copy.t ORDER BY 1") == [(1, 7), (2, 7)]


PHPMYADMIN = b"""-- phpMyAdmin SQL Dump
-- version 5.2.1
-- https://www.phpmyadmin.net/
--
-- Host: localhost:3306
-- Server version: 10.6.12-MariaDB
SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";
START TRANSACTION;
SET time_zone = "+00:00";

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8mb4 */;

--
-- Database: `blog`
--
CREATE DATABASE IF NOT EXISTS `blog` DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
USE `blog`;

DELIMITER $$
--
-- Procedures
--
CREATE DEFINER=`root`@`localhost` PROCEDURE `count_posts` ()  BEGIN
  SELECT COUNT(*) FROM `blog`.`posts`;
END$$

DELIMITER ;

CREATE TABLE `posts` (
  `id` int(11) NOT NULL,
  `title` varchar(100) NOT NULL,
  `author` int(11) DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

INSERT INTO `posts` (`id`, `title`, `author`) VALUES
(0, 'zero; it''s `blog`.`posts`', 1),
(5, 'five \xf0\x9f\x90\xac', NULL);

CREATE TABLE `authors` (`id` int(11) NOT NULL) ENGINE=InnoDB;
INSERT INTO `authors` (`id`) VALUES (1);
-- Stand-in structure for view `titles`
CREATE TABLE `titles` (
`title` varchar(100)
);
DROP TABLE IF EXISTS `titles`;

CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW `titles`  AS SELECT `posts`.`title` AS `title` FROM `posts` ;

ALTER TABLE `posts`
  ADD PRIMARY KEY (`id`),
  ADD KEY `author` (`author`);
ALTER TABLE `authors` ADD PRIMARY KEY (`id`);
ALTER TABLE `posts`
  MODIFY `id` int(11) NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=6;
ALTER TABLE `posts`
  ADD CONSTRAINT `posts_ibfk_1` FOREIGN KEY (`author`) REFERENCES `authors` (`id`);
COMMIT;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
"""


def test_an_export_of_phpmyadmin_loads(target: MariaDBServer, tmp_path: Path) -> None:
    load(target, written(tmp_path / "blog.sql", PHPMYADMIN), target="journal")
    assert target.sql("SELECT id, title FROM journal.titles JOIN journal.posts USING (title) ORDER BY id") == [
        (0, "zero; it's `blog`.`posts`"),
        (5, "five \N{DOLPHIN}"),
    ]
    target.sql("CALL journal.count_posts()")
    target.sql("INSERT INTO journal.posts (title) VALUES ('next')")
    assert target.value("SELECT MAX(id) FROM journal.posts") == 6
    charset = "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = 'journal'"
    assert target.value(charset) == "utf8mb4_unicode_ci"
    referenced = "SELECT unique_constraint_schema FROM information_schema.referential_constraints"
    assert target.sql(f"{referenced} WHERE constraint_schema = 'journal'") == [("journal",)]


ADMINER = b"""-- Adminer 4.8.1 MySQL 10.11.6-MariaDB dump

SET NAMES utf8;
SET time_zone = '+00:00';
SET foreign_key_checks = 0;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';

DELIMITER ;;

CREATE FUNCTION `twice`(a INT) RETURNS int DETERMINISTIC
RETURN a * 2;;

DELIMITER ;

SET NAMES utf8mb4;

DROP TABLE IF EXISTS `t`;
CREATE TABLE `t` (`id` int(11) NOT NULL AUTO_INCREMENT, `v` text, PRIMARY KEY (`id`)) ENGINE=InnoDB;
INSERT INTO `t` (`id`, `v`) VALUES (1, 'a'), (2, NULL);
-- 2026-01-13 15:54:40
"""


def test_an_export_that_names_no_database_loads_under_the_name_that_is_given(
    target: MariaDBServer, tmp_path: Path
) -> None:
    src = written(tmp_path / "export.sql", ADMINER)
    with pytest.raises(BackupError, match="does not say what its database is called"):
        load(target, src)
    load(target, src, target="named")
    assert target.sql("SELECT named.twice(id), v FROM named.t") == [(2, "a"), (4, None)]


HEIDISQL = """-- --------------------------------------------------------
-- HeidiSQL Version:             12.6.0.6765
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8 */;
/*!50503 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;

CREATE DATABASE IF NOT EXISTS `desk` /*!40100 DEFAULT CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci */;
USE `desk`;

CREATE TABLE IF NOT EXISTS `t` (
  `a` int(11) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;

INSERT INTO `t` (`a`) VALUES
\t(0),
\t(1);

DELIMITER //
CREATE EVENT `e` ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' ON COMPLETION NOT PRESERVE ENABLE DO DELETE FROM t//
DELIMITER ;
CREATE TABLE `v` (
\t`a` INT(11) NOT NULL
) ENGINE=MyISAM;
DROP TABLE IF EXISTS `v`;
CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS select `desk`.`t`.`a` AS `a` from `t` ;

/*!40103 SET TIME_ZONE=IFNULL(@OLD_TIME_ZONE, 'system') */;
/*!40101 SET SQL_MODE=IFNULL(@OLD_SQL_MODE, '') */;
/*!40014 SET FOREIGN_KEY_CHECKS=IFNULL(@OLD_FOREIGN_KEY_CHECKS, 1) */;
/*!40111 SET SQL_NOTES=IFNULL(@OLD_SQL_NOTES, 1) */;
"""


def test_an_export_of_heidisql_loads(target: MariaDBServer, tmp_path: Path) -> None:
    content = HEIDISQL.replace("\n", "\r\n").encode()
    load(target, written(tmp_path / "desk.sql", content), target="lap")
    assert target.sql("SELECT a FROM lap.v ORDER BY 1") == [(0,), (1,)]
    assert target.sql("SELECT event_schema, status FROM information_schema.events") == [("lap", "ENABLED")]


MYSQL_8 = """-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
/*!50503 SET NAMES utf8mb4 */;
/*!50606 SET @OLD_INNODB_STATS_AUTO_RECALC=@@INNODB_STATS_AUTO_RECALC */;
/*!50606 SET GLOBAL INNODB_STATS_AUTO_RECALC=OFF */;
/*!50717 SELECT COUNT(*) INTO @rocksdb_has_p_s_session_variables FROM INFORMATION_SCHEMA.TABLES */;
/*!50717 SET @rocksdb_get_is_supported = IF (@rocksdb_has_p_s_session_variables, 'SELECT 1', 'SELECT 0') */;
/*!50717 PREPARE s FROM @rocksdb_get_is_supported */;
/*!50717 EXECUTE s */;
/*!50717 DEALLOCATE PREPARE s */;
CREATE DATABASE /*!32312 IF NOT EXISTS*/ `eight` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin */ /*!80016 DEFAULT ENCRYPTION='N' */;
USE `eight`;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `t` (
  `a` int NOT NULL AUTO_INCREMENT,
  `b` varchar(9) COLLATE utf8mb4_bin DEFAULT NULL /*!80023 INVISIBLE */,
  PRIMARY KEY (`a`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
LOCK TABLES `t` WRITE;
INSERT INTO `t` (`a`, `b`) VALUES (1,_binary 'x\\'');
UNLOCK TABLES;
/*!50106 SET @save_time_zone= @@TIME_ZONE */ ;
-- Dump completed on 2026-01-13 15:54:40
"""


def test_m15_a_dump_of_mysql_8_loads_where_it_can(target: MariaDBServer, tmp_path: Path) -> None:
    load(target, written(tmp_path / "dump", MYSQL_8.encode()))
    assert target.sql("SELECT a, b FROM eight.t") == [(1, "x'")]
    absent = foreign_collation(target)
    wrong = MYSQL_8.replace("utf8mb4_bin DEFAULT", f"{absent} DEFAULT")
    with pytest.raises(BackupError, match=rf"{absent} \(table t in line 13\)"):
        load(target, written(tmp_path / "dump", wrong.encode()), target="nine", check=True)


def test_m22_what_may_still_mean_the_old_name_is_in_the_plan_and_said_once(
    target: MariaDBServer, tmp_path: Path
) -> None:
    path = tmp_path / "dump"
    path.write_bytes(
        b"CREATE DATABASE shop; USE shop;\nCREATE TABLE t (a INT);\nDELIMITER //\n"
        b"CREATE PROCEDURE p() BEGIN SET @q = 'SELECT 1 FROM shop.t'; END//\nDELIMITER ;\n"
        b"INSERT INTO t VALUES (1);\n"
    )
    options = {**target.login(), "src": str(path), "roles": "none"}
    planned = [text for text in call("restore", check=True, **options, target="other")["warnings"] if "'shop'" in text]
    assert len(planned) == 1
    assert "line 4: SQL in a string names it" in planned[0]
    assert [text for text in call("restore", **options, target="other")["warnings"] if "'shop'" in text] == planned
    assert not [text for text in call("restore", check=True, **options)["warnings"] if "'shop'" in text]


@pytest.mark.parametrize("charset", ["gbk", "sjis", "big5"])
def test_m29_second_bytes_that_look_like_quotes_or_backslashes(
    source: MariaDBServer, target: MariaDBServer, tmp_path: Path, charset: str
) -> None:
    letters = {"gbk": "誠\u4e02", "sjis": "表ソ", "big5": "功許"}[charset]
    source.sql(f"CREATE DATABASE far CHARACTER SET {charset}")
    source.sql("CREATE TABLE far.t (a VARCHAR(20), b BLOB)")
    source.sql("INSERT INTO far.t VALUES (%s, %s), (%s, '')", letters, (letters + "';").encode("utf-8"), letters * 3)
    command = [
        source.dump_program,
        *source.client_options(),
        f"--default-character-set={charset}",
        "--databases",
        "far",
    ]
    dump = subprocess.run(command, check=True, capture_output=True).stdout
    assert letters.encode(charset) in dump
    if charset == "big5" and source.version >= (11, 8):
        # Its bytes 0xB1 and, for the quote behind them, 0x5C are one character: the product's own client cannot load it either.
        with pytest.raises(BackupError, match="is not complete: it ends inside of the string"):
            load(target, written(tmp_path / "dump", dump), target="near")
        assert not target.sql("SHOW DATABASES LIKE 'near%'")
        return
    load(target, written(tmp_path / "dump", dump), target="near")
    assert target.sql("SELECT a, b FROM near.t ORDER BY LENGTH(a)") == source.sql(
        "SELECT a, b FROM far.t ORDER BY LENGTH(a)"
    )


def test_m19_a_server_without_capitals_in_names_keeps_its_own_database(
    fresh_mysql: Callable[..., MariaDBServer], tmp_path: Path
) -> None:
    setting = {"lower_case_table_names": "1"}
    server = fresh_mysql(settings=setting, install_args=[f"--{name}={value}" for name, value in setting.items()])
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.t (a INT); INSERT INTO shop.t VALUES (1)")
    dump = b"CREATE DATABASE Shop; USE Shop;\nCREATE TABLE T (a INT);\nINSERT INTO SHOP.T VALUES (2);\n"
    dump += b"DELETE FROM shop.t WHERE a = 1;\nCREATE VIEW v AS SELECT a FROM sHOP.t;\n"
    load(server, written(tmp_path / "dump", dump), databases=["Shop"], target="copy")
    assert server.sql("SELECT a FROM shop.t") == [(1,)]
    assert server.sql("SELECT a FROM copy.v") == [(2,)]


def test_m09_events_wake_when_the_database_has_its_name_and_not_before(
    fresh_mysql: Callable[..., MariaDBServer], tmp_path: Path
) -> None:
    server = fresh_mysql(settings={"event_scheduler": "ON"})
    dump = (
        b"CREATE TABLE log (a VARCHAR(64)); INSERT INTO log SELECT SLEEP(0);\n"
        b"CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO INSERT INTO log VALUES (DATABASE());\n"
        b"CREATE EVENT asleep ON SCHEDULE EVERY 1 SECOND DISABLE DO INSERT INTO log VALUES ('asleep');\n"
        b"CREATE TABLE rest (a INT);\nDO SLEEP(0);\nINSERT INTO rest SELECT SLEEP(2);\n"
    )
    load(server, written(tmp_path / "dump.sql", dump), target="ticking")
    statuses = "SELECT event_name, status FROM information_schema.events ORDER BY 1"
    assert server.sql(statuses) == [("asleep", "DISABLED"), ("e", "ENABLED")]
    assert {row[0] for row in server.sql("SELECT a FROM ticking.log")} <= {"0", "ticking"}


def test_m22_the_sample_database_loads_renamed(source: MariaDBServer, target: MariaDBServer, tmp_path: Path) -> None:
    if not SAKILA.is_dir():
        pytest.skip("the sample database is not here: shared/data/sakila-mysql")
    content = b"\n".join((SAKILA / name).read_bytes() for name in ("schema.sql", "data.sql"))
    # without these the client takes comments out of routines and makes other ends of lines
    source.client("--comments", "--binary-mode", input_text=content.decode())
    load(target, written(tmp_path / "sakila.sql", content), target="cinema")
    rows = [text for text in differences(source, target, {"sakila": "cinema"}) if "definition of" not in text]
    assert rows == []
    load(target, written(tmp_path / "back.sql", dumped(target, "--databases", "cinema")), target="sakila")
    assert differences(source, target, {"sakila": "sakila"}) == []
