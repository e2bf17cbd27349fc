-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- A database whose name needs every kind of quoting.

SET ROLE "Olga O'Hara@example.com";
CREATE SCHEMA "schema with.dots";
CREATE TABLE "schema with.dots"."table ""x""" ("col'umn" text PRIMARY KEY, value float8, at timetz);
INSERT INTO "schema with.dots"."table ""x""" VALUES ('a', 0.1 + 0.2, '12:00+02'), ('NaN', 'NaN', NULL), ('-0', '-0', NULL);
