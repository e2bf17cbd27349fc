-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- unfinished: COPY data in line 6
COMMENT ON DATABASE ⟦shop⟧ IS 'x';
COPY t FROM stdin;
shop
shop.public.t;
