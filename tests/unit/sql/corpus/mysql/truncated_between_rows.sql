-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- unfinished: statement in line 6
USE ⟦shop⟧;
INSERT INTO ⟦shop⟧.t VALUES (1,'a'),(2,'b')
