-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- expect: line 15: the name stands in an address or an option
-- expect: line 17: a string is equal to the name
-- A cluster's dump: the role, the schema and the table are called as the database is.
\restrict shop
CREATE ROLE shop;
ALTER ROLE shop WITH SUPERUSER LOGIN PASSWORD 'shop';
ALTER ROLE shop SET search_path TO shop;
ALTER ROLE shop IN DATABASE ⟦shop⟧ SET work_mem TO 'shop';
ALTER ROLE ALL IN DATABASE ⟦shop⟧ RESET work_mem;
GRANT shop TO admin GRANTED BY shop;
CREATE DATABASE ⟦shop⟧ WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C' OWNER = shop TABLESPACE = shop;
CREATE SUBSCRIPTION s CONNECTION 'host=h dbname=shop' PUBLICATION shop;
CREATE DATABASE copy TEMPLATE ⟦shop⟧ OWNER shop;
UPDATE pg_catalog.pg_database SET datistemplate = true WHERE datname = 'shop';
ALTER DATABASE ⟦shop⟧ OWNER TO shop;
ALTER DATABASE "⟦shop⟧" CONNECTION LIMIT 5;
ALTER DATABASE ⟦shop⟧ SET search_path TO 'shop', public;
ALTER DATABASE other RENAME TO ⟦shop⟧;
\connect ⟦shop⟧
\⟦c shop|connect shop_2⟧
\connect -reuse-previous=on "dbname='my shop'"
COMMENT ON DATABASE ⟦shop⟧ IS 'shop';
SECURITY LABEL FOR shop ON DATABASE ⟦shop⟧ IS 'shop';
GRANT CONNECT, TEMPORARY ON DATABASE ⟦shop⟧, other, "⟦shop⟧" TO shop, "shop";
REVOKE ALL ON DATABASE ⟦shop⟧ FROM PUBLIC;
COMMENT ON ROLE shop IS 'shop'; COMMENT ON SCHEMA shop IS 'shop'; COMMENT ON TABLE shop.shop IS 'shop';
GRANT ALL ON SCHEMA shop TO shop; GRANT SELECT ON TABLE shop.shop TO shop; GRANT USAGE ON FOREIGN SERVER shop TO shop;
DROP DATABASE IF EXISTS ⟦shop⟧ WITH (FORCE); DROP ROLE shop; REINDEX DATABASE ⟦shop⟧;
CREATE TABLESPACE shop OWNER shop LOCATION '/shop';
\connect "Shop"
\unrestrict shop
