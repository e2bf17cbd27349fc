-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- expect: line 6: rows of the server's own tables name it
USE mysql;
INSERT INTO `db` VALUES ('%','shop','user','Y'),('%','other','user','Y');
USE ⟦shop⟧;
INSERT INTO `db` VALUES ('%','shop','user','Y');
