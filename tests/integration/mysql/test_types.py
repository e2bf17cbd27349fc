# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every type and every odd value makes the round trip byte by byte."""

from __future__ import annotations

import pytest

from tests.integration.mysql.conftest import Journey, numbers
from tests.support.mariadb import MariaDBServer

TYPES = r"""
CREATE DATABASE types CHARACTER SET latin1 COLLATE latin1_german1_ci /*M! COMMENT 'it''s; a "comment" \\ `x`' */;
USE types;
CREATE TABLE numbers (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, t TINYINT, s SMALLINT ZEROFILL, m MEDIUMINT, b BIGINT UNSIGNED,
  f FLOAT, f2 FLOAT(7,3), d DOUBLE, d2 DOUBLE(10,2), n DECIMAL(65,30), o BIT(1), x BIT(64), y YEAR, bo BOOLEAN
) AUTO_INCREMENT = 1000;
INSERT INTO numbers VALUES
  (1, -128, 7, -8388608, 18446744073709551615, 0.1, 1234.567, 0.1, 12.34, 12345678901234567890123456789012345.0123456789,
   b'1', b'1111111111111111111111111111111111111111111111111111111111111111', 2021, TRUE),
  (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (3, 0, 0, 0, 0, 16777217, 0, 1.7976931348623157e308, -0.0, -0.000000000000000000000000000001, b'0', b'1001', 0, FALSE),
  (4, 1, 1, 1, 1, 3.402823e38, -1, 2.2250738585072014e-308, 1, 1, b'1', b'1011100', 1901, 1),
  (5, 1, 1, 1, 1, 1.17549435e-38, -1, 2.5e-308, 1, 1, b'1', 10, 2155, 1),
  (6, 1, 1, 1, 1, 3.14159274, -1, 3.141592653589793, 1, 1, b'1', 9, 2155, 1);
CREATE TABLE texts (
  id INT PRIMARY KEY, c CHAR(20), v VARCHAR(100), l1 VARCHAR(100) CHARACTER SET latin1, u3 TEXT CHARACTER SET utf8mb3,
  u4 MEDIUMTEXT CHARACTER SET utf8mb4, u2 VARCHAR(50) CHARACTER SET ucs2, u16 VARCHAR(50) CHARACTER SET utf16,
  sj VARCHAR(50) CHARACTER SET sjis, g VARCHAR(50) CHARACTER SET gbk, b BINARY(8), vb VARBINARY(300), bl LONGBLOB,
  j JSON, e ENUM('', 'a', '2', 'x,y', 'q''uote', 'back\\slash'), e2 ENUM('a','b'), st SET('a', 'b', 'c d', '3')
) CHARACTER SET latin1;
SET NAMES utf8mb4;
INSERT INTO texts (id, c, v, l1, u3, u4, u2, u16, sj, g, b, vb, bl, j, e, e2, st) VALUES
  (1, 'trailing', 'trailing   ', 'grün', 'grün', '☃ 🐬', 'grün\tx', '🐬', '表\\ソ', '誠\\', 'ab', 'tab\there', 'new\nline',
   '{"a": [1, "\\n"]}', 'q''uote', 'b', 'a,c d'),
  (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (3, '', '', '', '', '', '', '', '', '', '', '', '', '{}', '', 'a', ''),
  (4, 'NULL', 'NULL', '\\N', '\\N', 'NULL', 'NULL', 'N', '\\', '\\', '\\N', '\\N', '\\N', '"NULL"', '2', 'a', '3'),
  (5, '\\', '\\\\', '\\t', '\t', '\r\n', '\r', '\0', 'a', 'a', '\0\0\0', '\0\r\n\t\\', 'cr\r', 'null', 'x,y', 'a', 'b');
SET sql_mode = '';
INSERT IGNORE INTO texts (id, e2) VALUES (6, 'none of them'), (7, 'neither');
INSERT INTO texts (id, vb, bl) SELECT 100 + seq, CHAR(seq - 1), CONCAT(CHAR(seq - 1), 'x', CHAR(seq - 1)) FROM NUMBERS;
-- UTF-8 bytes in a latin1 column: what applications with the wrong connection character set have stored
INSERT INTO texts (id, l1) VALUES (8, CONVERT(_binary 'gr\xC3\xBCn' USING latin1));
""".replace("NUMBERS", numbers(256))

TIMES = r"""
USE types;
SET time_zone = '+05:30', sql_mode = 'ALLOW_INVALID_DATES';
CREATE TABLE times (
  id INT PRIMARY KEY, d DATE, t TIME, t6 TIME(6), dt DATETIME, dt6 DATETIME(6),
  ts TIMESTAMP NULL DEFAULT '2020-01-01 05:30:00', ts3 TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
  zero DATE NOT NULL DEFAULT '0000-00-00', zts TIMESTAMP NOT NULL DEFAULT '0000-00-00 00:00:00'
);
INSERT INTO times VALUES
  (1, '2021-02-28', '-838:59:59', '838:59:59.999999', '9999-12-31 23:59:59', '1000-01-01 00:00:00.000001',
   '2021-03-28 02:30:00', '2021-10-31 02:30:00.123', '0000-00-00', '0000-00-00 00:00:00'),
  (2, '2021-02-31', NULL, NULL, '2021-00-00 00:00:00', NULL, NULL, '1970-01-01 05:30:01', '2020-00-10', '2038-01-19 08:44:07');
"""

GENERATED = r"""
USE types;
CREATE TABLE computed (
  a INT NOT NULL, hidden VARCHAR(10) INVISIBLE DEFAULT 'h', v INT AS (a * 2) VIRTUAL, s VARCHAR(40) AS (CONCAT(a, '-x')) STORED,
  z INT DEFAULT (a + 1), PRIMARY KEY (a), KEY (v), UNIQUE KEY (s), CONSTRAINT positive CHECK (a > 0)
);
INSERT INTO computed (a, hidden) VALUES (1, 'one'), (2, NULL), (3, DEFAULT);
CREATE TABLE only_computed (v INT AS (1 + 1) VIRTUAL);
INSERT INTO only_computed VALUES (), (), ();
/*M! SET check_constraint_checks = 0 */;
/*M! INSERT INTO computed (a) VALUES (-1) */;
CREATE TABLE shapes (id INT PRIMARY KEY, g GEOMETRY NOT NULL, p POINT, SPATIAL KEY (g)) ENGINE=InnoDB;
INSERT INTO shapes VALUES (1, ST_GeomFromText('POLYGON((0 0,0 9,9 9,9 0,0 0))', 4326), ST_GeomFromText('POINT(9.1 92)')),
  (2, ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))'), NULL);
CREATE TABLE parted (id INT NOT NULL, y INT NOT NULL, PRIMARY KEY (id, y)) PARTITION BY RANGE (y)
  (PARTITION p0 VALUES LESS THAN (2000), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO parted VALUES (1, 1990), (2, 2020);
CREATE TABLE zero_counter (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY);
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO zero_counter VALUES (0), (7);
DELETE FROM zero_counter WHERE id = 7;
"""

ONLY_MARIADB = r"""
USE types;
CREATE TABLE addresses (id INT PRIMARY KEY, i6 INET6, i4 INET4, u UUID NOT NULL, UNIQUE KEY (u));
INSERT INTO addresses VALUES (1, '2001:db8::ff00:42:8329', '192.0.2.33', '123e4567-e89b-12d3-a456-426614174000'),
  (2, '::ffff:192.0.2.128', NULL, 'ffffffff-ffff-1fff-bfff-ffffffffffff');
CREATE SEQUENCE counter START WITH 100 INCREMENT BY 5 MINVALUE -7 MAXVALUE 100000 CACHE 3 CYCLE;
SELECT NEXTVAL(counter);
CREATE TABLE numbered (id BIGINT NOT NULL DEFAULT NEXTVAL(counter), later INT DEFAULT (NEXTVAL(counter) + 1), name TEXT, PRIMARY KEY (id));
INSERT INTO numbered (name) VALUES ('a'), ('b');
CREATE TABLE history (id INT PRIMARY KEY, price INT) WITH SYSTEM VERSIONING;
INSERT INTO history VALUES (1, 10), (2, 20), (3, 30);
UPDATE history SET price = price + 1;
DELETE FROM history WHERE id = 3;
CREATE TABLE history_too (
  id INT, x INT, since TIMESTAMP(6) GENERATED ALWAYS AS ROW START, till TIMESTAMP(6) GENERATED ALWAYS AS ROW END,
  PERIOD FOR SYSTEM_TIME (since, till), PRIMARY KEY (id, till)
) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME (PARTITION old HISTORY, PARTITION now CURRENT);
INSERT INTO history_too (id, x) VALUES (1, 1);
DELETE FROM history_too;
"""
QUERIES_OF_MARIADB = (
    "SELECT NEXTVAL(types.counter)",
    "SELECT *, row_start, row_end FROM types.history FOR SYSTEM_TIME ALL ORDER BY 1, 2",
    "SELECT id, x, since, till FROM types.history_too FOR SYSTEM_TIME ALL",
    "SHOW CREATE TABLE types.numbered",
)


def test_m11_m17_m20_m25_m29_every_type_survives(
    source: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    is_mariadb = source.flavour == "mariadb"
    for text in (TYPES, TIMES, GENERATED, *([ONLY_MARIADB] if is_mariadb else [])):
        source.client(input_text=text)
    journey.dump(source, "types")
    target.sql("SET GLOBAL time_zone = '-08:00', GLOBAL sql_mode = 'TRADITIONAL,ANSI,NO_BACKSLASH_ESCAPES'")
    try:
        journey.restore(target)
        assert journey.differences(target) == []
    finally:
        target.sql("SET GLOBAL time_zone = SYSTEM, GLOBAL sql_mode = DEFAULT")
    # The digest is the server's; these are the bytes themselves, read by another way.
    for table in ("texts", "numbers", "times", "shapes", *(["addresses"] if is_mariadb else [])):
        columns = [name for (name, *_rest) in source.sql(f"SHOW COLUMNS FROM types.{table}")]
        shown = ", ".join(f"HEX({name})" for name in columns)
        query = f"SET time_zone = '+00:00'; SELECT {shown} FROM types.{table} ORDER BY id"
        assert target.sql(query) == source.sql(query), table
    assert target.sql("SELECT f + 0E0, d FROM types.numbers") == source.sql("SELECT f + 0E0, d FROM types.numbers")
    for query in (
        # versions spell the same table in other ways
        (
            "SELECT column_name, column_type, column_default, is_nullable, extra, generation_expression, collation_name "
            "FROM information_schema.columns WHERE table_schema = 'types' AND table_name = 'computed' ORDER BY ordinal_position"
        ),
        "SELECT auto_increment FROM information_schema.tables WHERE table_schema = 'types' AND table_name LIKE '%ero_%'",
        *(QUERIES_OF_MARIADB if is_mariadb else ()),
    ):
        assert target.sql(query) == source.sql(query)
    if is_mariadb:
        target.sql("INSERT INTO types.numbered (name) VALUES ('c')")


def test_m18_rows_that_do_not_fit_into_a_packet_when_escaped(
    source: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    """A value of nearly max_allowed_packet that doubles when it is escaped, and rows above it."""
    source.sql("CREATE DATABASE big; CREATE TABLE big.t (id INT PRIMARY KEY, a LONGBLOB, b LONGTEXT NOT NULL)")
    source.sql("INSERT INTO big.t VALUES (1, REPEAT('\\\\', 16000000), REPEAT('\\n\\t', 6000000)), (2, NULL, '')")
    source.sql("UPDATE big.t SET b = CONCAT(b, 'x') WHERE id = 1")
    journey.dump(source, "big")
    journey.restore(target)
    assert journey.differences(target) == []
    assert target.sql("SELECT LENGTH(a), SHA2(a, 256), LENGTH(b), SHA2(b, 256) FROM big.t") == source.sql(
        "SELECT LENGTH(a), SHA2(a, 256), LENGTH(b), SHA2(b, 256) FROM big.t"
    )


def test_m29_content_of_any_bytes_never_ends_a_table(
    source: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    """Random bytes larger than every buffer on the way, many of them special to the client."""
    source.sql("CREATE DATABASE noise; CREATE TABLE noise.t (id INT PRIMARY KEY AUTO_INCREMENT, v LONGBLOB, w INT)")
    source.sql(
        "INSERT INTO noise.t (v) SELECT REPEAT(CONCAT(CHAR(MOD(seq, 256)), RANDOM_BYTES(512), '\\n\\\\N\\t'), 8) "
        f"FROM {numbers(3000)}",
        database="noise",
    )
    journey.dump(source, "noise")
    journey.restore(target)
    assert journey.differences(target) == []


def test_collations_that_the_server_lists_under_a_shorter_name_are_known(
    source: MariaDBServer, target: MariaDBServer, journey: Journey
) -> None:
    if source.version < (10, 10):
        pytest.skip("no uca1400 before MariaDB 10.10")
    source.sql("CREATE DATABASE modern COLLATE utf8mb4_uca1400_ai_ci")
    source.sql("CREATE TABLE modern.t (a VARCHAR(9) COLLATE utf8mb4_uca1400_as_cs)")
    journey.dump(source)
    journey.restore(target)
    assert journey.differences(target) == []
