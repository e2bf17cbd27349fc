-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Roles as they should not be, but are.
CREATE ROLE owner_of_all LOGIN PASSWORD 'old password ü';
CREATE ROLE "App Users" NOLOGIN;
CREATE ROLE reporting LOGIN PASSWORD 'report' CONNECTION LIMIT 7 VALID UNTIL '2031-05-06 07:08:09+00';
CREATE ROLE "user@example.com" LOGIN CREATEDB CREATEROLE NOINHERIT;
CREATE ROLE "Ünï ""quoted"" 'role' \ $q0$ back" LOGIN BYPASSRLS REPLICATION;
CREATE ROLE second_admin SUPERUSER;
CREATE ROLE expired VALID UNTIL 'infinity';
CREATE ROLE "PUBLIC" NOLOGIN;
CREATE ROLE md5_user LOGIN PASSWORD 'md55d41402abc4b2a76b9719d911017c592';
COMMENT ON ROLE reporting IS 'reads, and nothing else; it''s \ quoted';
ALTER ROLE reporting SET search_path = "$user", public, "With Space", "with,comma";
ALTER ROLE reporting SET work_mem = '12MB';
ALTER ROLE reporting SET "my.setting" = 'it''s a \ value';
ALTER ROLE "App Users" SET default_transaction_read_only = on;
GRANT "App Users" TO reporting WITH ADMIN OPTION;
GRANT "App Users" TO "user@example.com" GRANTED BY reporting;
GRANT pg_read_all_data TO reporting;
GRANT "App Users" TO pg_monitor;
GRANT SET ON PARAMETER work_mem TO reporting;
GRANT ALTER SYSTEM ON PARAMETER log_min_duration_statement TO "App Users" WITH GRANT OPTION;
GRANT SET ON PARAMETER "my.setting" TO "App Users";
