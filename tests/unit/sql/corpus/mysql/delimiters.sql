-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
DELIMITER //
SELECT 1; SELECT 2 FROM ⟦shop⟧.t; // SELECT 3 FROM ⟦shop⟧.t //
delimiter $$
SELECT 'END$$' FROM ⟦shop⟧.t; SELECT a FROM ⟦shop⟧.b$$
SELECT 1 FROM ⟦shop⟧.END$$
DELIMITER ';'
SELECT 1 FROM ⟦shop⟧.t; DELIMITER |
CREATE PROCEDURE p() BEGIN SELECT '|' FROM ⟦shop⟧.t; END |
INSERT INTO t VALUES (';'),('|') | USE ⟦shop⟧ |
DELIMITER ;
SELECT 1 FROM ⟦shop⟧.t\G
SELECT 1 FROM ⟦shop⟧.t\g
