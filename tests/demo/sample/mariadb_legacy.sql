-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The database "legacy": old character sets, another storage engine, another SQL mode, dates that no calendar has.

USE legacy;
SET sql_mode = '';
CREATE TABLE member (id int NOT NULL PRIMARY KEY, name varchar(100), joined date NOT NULL DEFAULT '0000-00-00') ENGINE = Aria;
INSERT INTO member SELECT seq, concat('Größe ', seq), if(seq % 10 = 0, '0000-00-00', '2001-02-03') FROM seq_1_to_2000;
CREATE TABLE utf8_in_latin1 (id int PRIMARY KEY, text varchar(100) CHARACTER SET latin1);
INSERT INTO utf8_in_latin1 VALUES (1, _latin1 x'C3BC6265726672616E7A');
CREATE TABLE old_utf8 (id int PRIMARY KEY, text varchar(100) CHARACTER SET utf8mb3);
INSERT INTO old_utf8 VALUES (1, 'žluťoučký kůň');

USE `odd ``name``; it's 50% größer`;
CREATE TABLE `täble` (`colümn` int PRIMARY KEY, `na"me` varchar(20));
INSERT INTO `täble` VALUES (1, 'eins'), (2, 'zw"ei');
