-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- The database, a table, a column, an alias, a user, an index, a constraint: all are called shop.
CREATE DATABASE /*!32312 IF NOT EXISTS*/ `⟦shop⟧` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;
USE `⟦shop⟧`;
use ⟦shop⟧
USE
  ⟦shop⟧;
CREATE SCHEMA IF NOT EXISTS ⟦shop⟧;
ALTER DATABASE `⟦shop⟧` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
ALTER DATABASE CHARACTER SET utf8mb4;
CREATE TABLE `shop` (
  `shop` int NOT NULL COMMENT 'shop.shop',
  `b` int DEFAULT nextval(`⟦shop⟧`.`shop`),
  KEY `shop` (`shop`),
  CONSTRAINT `shop` FOREIGN KEY (`shop`) REFERENCES `⟦shop⟧`.`shop` (`shop`) ON DELETE CASCADE,
  CONSTRAINT `c` CHECK (`shop`.`b` > 0)
) ENGINE=InnoDB COMMENT='shop';
CREATE TABLE ⟦shop⟧.a LIKE ⟦shop⟧.b;
CREATE TABLE a (LIKE ⟦shop⟧ . b);
CREATE TABLE m (a int) ENGINE=MERGE UNION=(⟦shop⟧.a,`⟦shop⟧`.`b`) INSERT_METHOD=LAST;
INSERT INTO shop (shop) VALUES (1);
INSERT INTO ⟦shop⟧.shop (shop, ⟦shop⟧.shop.a) SELECT shop.shop, ⟦shop⟧.shop.a, shop.f FROM ⟦shop⟧.shop;
INSERT ⟦shop⟧.t SET a = 1 ON DUPLICATE KEY UPDATE a = VALUES(a);
REPLACE LOW_PRIORITY ⟦shop⟧.t VALUES (REPLACE('shop.t', 'shop', 'x'));
UPDATE ⟦shop⟧.a, ⟦shop⟧.b shop SET shop.x = ⟦shop⟧.a.x, a.y = 1 WHERE shop.z = ⟦shop⟧.f(shop.z);
DELETE ⟦shop⟧.a, shop FROM ⟦shop⟧.a JOIN ⟦shop⟧.b shop ON shop.id = a.id;
DELETE FROM shop.*, a USING ⟦shop⟧.b AS shop INNER JOIN a;
SELECT shop.*, ⟦shop⟧.t.*, EXTRACT(DAY FROM shop.d), TRIM(LEADING 'shops' FROM shop.e) FROM (⟦shop⟧.t, ⟦shop⟧.u shop);
SELECT a FROM ⟦shop⟧.t FORCE INDEX FOR JOIN (shop), ⟦shop⟧.u shop LEFT JOIN (⟦shop⟧.v) ON shop.a = v.a, ⟦shop⟧.w ORDER BY shop.a, shop.b;
SELECT shop.a FROM t AS shop WHERE a IN (SELECT shop.b FROM ⟦shop⟧.b) AND type = shop.c UNION SELECT 1 FROM ⟦shop⟧.c;
LOCK TABLES `⟦shop⟧`.`a` AS shop WRITE, ⟦shop⟧.`b` READ LOCAL, shop READ;
RENAME TABLE ⟦shop⟧.a TO ⟦shop⟧.b, shop TO ⟦shop⟧.shop;
ALTER TABLE ⟦shop⟧.a RENAME TO ⟦shop⟧.b, RENAME COLUMN shop TO x, ADD FOREIGN KEY (shop) REFERENCES ⟦shop⟧.c (shop);
ALTER TABLE a EXCHANGE PARTITION p WITH TABLE ⟦shop⟧.b;
DROP TABLE IF EXISTS ⟦shop⟧.a, shop, ⟦shop⟧.b;
TRUNCATE ⟦shop⟧.t;
CREATE UNIQUE INDEX shop ON ⟦shop⟧.shop (shop);
DROP INDEX shop ON ⟦shop⟧.shop;
CALL ⟦shop⟧.shop(⟦shop⟧.f(1), shop);
SELECT NEXT VALUE FOR ⟦shop⟧.s, LASTVAL(⟦shop⟧.s);
CREATE SEQUENCE ⟦shop⟧.s START WITH 1;
ANALYZE TABLE ⟦shop⟧.a, ⟦shop⟧.b;
SET @shop.x = 1, @@shop.key_buffer_size = 1, @a = @`shop`.b;
SELECT .5, 1.5, 1e5.x, t.1shop FROM .t;
DROP DATABASE IF EXISTS `⟦shop⟧`;
