-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- expect: line 11: it is not clear whether a table or the database is meant
-- expect: line 12: the name stands in an address or an option
-- expect: line 13: a connection string names it
-- expect: line 14: SQL in a string names it
-- expect: line 15: a name differs from it in case only
-- expect: line 17: it is not clear whether a package or the database is meant
-- What no lexer can decide is listed and left.
SELECT shop.a FROM t;
CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'h', DATABASE 'shop');
CREATE TABLE f (a int) ENGINE=FEDERATED CONNECTION='mysql://u@h:3306/shop/t';
PREPARE s FROM 'SELECT * FROM `shop`.`t`';
SELECT 1 FROM Shop.t;
SET sql_mode=ORACLE;
SELECT shop.f(1) FROM dual;
SELECT 'shopping', 'a shop', 'workshop.t' FROM t;
