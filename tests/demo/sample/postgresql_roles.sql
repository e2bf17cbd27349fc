-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Roles of the sample. APP_PASSWORD and REPORTING_PASSWORD stand for passwords that the demo makes up.

CREATE ROLE shop_owner NOLOGIN;
CREATE ROLE readers NOLOGIN;
COMMENT ON ROLE readers IS 'May read everything, write nothing';
CREATE ROLE app LOGIN PASSWORD 'APP_PASSWORD' CONNECTION LIMIT 50;
CREATE ROLE reporting LOGIN PASSWORD 'REPORTING_PASSWORD' VALID UNTIL '2099-12-31';
CREATE ROLE "Olga O'Hara@example.com" LOGIN CREATEDB PASSWORD 'APP_PASSWORD';
CREATE ROLE "Müller & Söhne" NOLOGIN NOINHERIT;
GRANT shop_owner TO app;
GRANT readers TO reporting;
GRANT readers TO "Olga O'Hara@example.com" WITH ADMIN OPTION;
ALTER ROLE app SET statement_timeout = '30s';
ALTER ROLE reporting SET default_transaction_read_only = off;

CREATE DATABASE shop OWNER shop_owner CONNECTION LIMIT 200;
CREATE DATABASE billing OWNER "Müller & Söhne" ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0;
CREATE DATABASE "Odd ""name""; it's 50% \ größer 日本" OWNER "Olga O'Hara@example.com";
COMMENT ON DATABASE shop IS 'Orders and everything around them';
ALTER DATABASE shop SET search_path = shop, public;
ALTER DATABASE billing SET timezone = 'Europe/Vienna';
ALTER ROLE reporting IN DATABASE shop SET work_mem = '32MB';
REVOKE CONNECT, TEMPORARY ON DATABASE billing FROM PUBLIC;
GRANT CONNECT ON DATABASE billing TO reporting;
