-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The database "billing": another locale, its schema "public" closed to everybody but its owner.

ALTER SCHEMA public OWNER TO "Müller & Söhne";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO reporting;
SET ROLE "Müller & Söhne";
CREATE TABLE invoice (number int PRIMARY KEY, text text COLLATE "C", period daterange, paid boolean[] NOT NULL DEFAULT '{}');
INSERT INTO invoice
SELECT n, repeat('Zeile ' || n || E'\r\n', n % 20), daterange(date '2024-01-01' + n, date '2024-02-01' + n), ARRAY[n % 2 = 0, NULL]
FROM generate_series(1, 5000) AS n;
GRANT SELECT ON invoice TO reporting;
