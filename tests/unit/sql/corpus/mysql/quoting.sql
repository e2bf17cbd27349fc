-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- expect: line 23: a string is equal to the name
-- Strings that hide quotes, and modes that change what a quote is.
INSERT INTO t VALUES ('a\'; USE shop; -- '),("b\"; DROP DATABASE shop; "),('c''; USE shop;'),("d""`shop`.`t`"),('\\');
USE ⟦shop⟧;
SET sql_mode = 'NO_BACKSLASH_ESCAPES';
INSERT INTO t VALUES ('\'),('shop.t'),(" \"),('x');
USE ⟦shop⟧;
SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='ANSI_QUOTES';
INSERT INTO "⟦shop⟧"."shop" VALUES ('it\'s "shop"."t"');
SELECT "shop"."a" FROM "⟦shop⟧"."t" "shop", `⟦shop⟧`.t WHERE 'x"' = "⟦shop⟧"."t"."shop";
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
INSERT INTO t VALUES ('\'),("`shop`.`t`");
SET SESSION sql_mode = REPLACE(@@sql_mode, 'NO_BACKSLASH_ESCAPES', '');
INSERT INTO t VALUES ('\''),("shop.t");
SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES');
SELECT 1 FROM "⟦shop⟧".t;
SET GLOBAL sql_mode = '';
SELECT 1 FROM "⟦shop⟧".t;
SET @@session.sql_mode = DEFAULT;
SELECT "shop".t;
INSERT INTO t VALUES (_binary 'shop.t\0\'', 0x27, X'27', N'it''s', _utf8mb4'`shop`.', b'1');
SELECT `shop``x`.a, `⟦shop⟧`.`t``shop`.`b` FROM `⟦shop⟧`.`t``shop`, `a``shop`.`b`;
