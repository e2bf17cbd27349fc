-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- unfinished: string or comment in line 6
COMMENT ON DATABASE ⟦shop⟧ IS 'x';
CREATE FUNCTION f() AS $$ begin end; COMMENT ON DATABASE shop IS 'x';
