-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
SET standard_conforming_strings = off;
INSERT INTO t VALUES ('it\'s; COMMENT ON DATABASE shop IS NULL;', 'x');
INSERT INTO t VALUES ('\\', E'\'');
COMMENT ON DATABASE ⟦shop⟧ IS 'it\'s; DROP DATABASE shop;';
SET SESSION standard_conforming_strings TO 'on';
COMMENT ON DATABASE ⟦shop⟧ IS '\'; DROP DATABASE ⟦shop⟧;
SELECT pg_catalog.set_config('standard_conforming_strings', 'off', false);
COMMENT ON DATABASE ⟦shop⟧ IS '\'; DROP DATABASE shop; --';
RESET standard_conforming_strings;
COMMENT ON DATABASE ⟦shop⟧ IS '\'; DROP DATABASE ⟦shop⟧;
