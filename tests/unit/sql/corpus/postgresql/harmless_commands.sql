-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
\restrict x
\set ON_ERROR_STOP on
\echo shop 'it''s' "x y"
\encoding UTF8
\connect - shop
\connect ⟦shop⟧
SELECT 1 \; SELECT 2 FROM ⟦shop⟧.public.t;
\unrestrict x
