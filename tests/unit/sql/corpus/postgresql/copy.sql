-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
COPY shop.shop (shop, b) FROM stdin;
shop	\\connect shop
COMMENT ON DATABASE shop IS 'x';	\N
'"$$ /* -- $a$	E'
\.x	is a row
 \.	is a row
\\.
\.

COPY ⟦shop⟧.public.t FROM STDIN WITH (FORMAT csv, HEADER);
shop,"shop
DROP DATABASE shop;
"
\.
COPY empty FROM stdin;
\.
COPY (SELECT 1 FROM stdin) TO stdout;
COMMENT ON DATABASE ⟦shop⟧ IS 'x';
copy shop.shop from stdin with (null 'x;y') -- comment
;
shop;
\.
COMMENT ON DATABASE ⟦shop⟧ IS 'x';
