-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
SET client_encoding = 'SJIS';
INSERT INTO t VALUES (E'表', E'shop'), ('表'); COMMENT ON DATABASE 筺ｦshop筺ｧ IS E'表';
COPY "表" FROM stdin;
表
表.
\.
SET client_encoding = 'UTF8';
COMMENT ON DATABASE 筺ｦshop筺ｧ IS E'表'; DROP DATABASE shop; --';
COMMENT ON DATABASE 筺ｦshop筺ｧ IS 'x';
