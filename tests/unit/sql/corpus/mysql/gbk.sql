-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- Characters whose second byte is a backslash or a backtick.
INSERT INTO t VALUES ('shopÅ\'); USE shop; -- ');
/*!40101 SET NAMES gbk */;
INSERT INTO t VALUES ('Å\'),('shop.t');
USE ‚ü¶shop‚üß;
SELECT `Ë``.a, `‚ü¶shop‚üß`.`Ë``.b FROM `‚ü¶shop‚üß`.`Ë``;
SELECT Ë`, 1 FROM ‚ü¶shop‚üß.t;
SET NAMES utf8mb4;
INSERT INTO t VALUES ('Å\'); USE shop; -- ');
USE ‚ü¶shop‚üß;
SET character_set_client = sjis;
INSERT INTO t VALUES ('ï\'),("ï\");
USE ‚ü¶shop‚üß;
SET NAMES 'big5';
INSERT INTO t VALUES ('•\');
USE ‚ü¶shop‚üß;
