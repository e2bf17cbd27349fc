-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- Databases, accounts and roles of the sample. APP_PASSWORD and REPORTING_PASSWORD stand for passwords that the demo makes up.

CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE DATABASE legacy CHARACTER SET latin1 COLLATE latin1_german1_ci;
CREATE DATABASE `odd ``name``; it's 50% größer`;

CREATE ROLE readers;
CREATE ROLE writers WITH ADMIN CURRENT_USER;
CREATE USER app@'%' IDENTIFIED BY 'APP_PASSWORD' WITH MAX_USER_CONNECTIONS 50 MAX_QUERIES_PER_HOUR 100000;
CREATE USER reporting@'%' IDENTIFIED BY 'REPORTING_PASSWORD' PASSWORD EXPIRE NEVER;
CREATE USER `o'hara`@'10.0.0.0/255.255.255.0' IDENTIFIED BY 'APP_PASSWORD' ACCOUNT LOCK;
CREATE USER definer@localhost IDENTIFIED BY 'APP_PASSWORD';

GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE, SHOW VIEW ON shop.* TO writers;
GRANT SELECT, SHOW VIEW ON shop.* TO readers;
GRANT SELECT ON `odd ``name``; it's 50% größer`.* TO readers;
GRANT writers TO app@'%';
GRANT readers TO reporting@'%';
GRANT readers TO app@'%' WITH ADMIN OPTION;
SET DEFAULT ROLE writers FOR app@'%';
SET DEFAULT ROLE readers FOR reporting@'%';
GRANT ALL PRIVILEGES ON legacy.* TO app@'%' WITH GRANT OPTION;
GRANT ALL PRIVILEGES ON shop.* TO definer@localhost;
GRANT PROXY ON app@'%' TO `o'hara`@'10.0.0.0/255.255.255.0';
