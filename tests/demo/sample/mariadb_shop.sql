-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The database "shop": most kinds of objects, and enough rows that time can be measured.

USE shop;

CREATE TABLE customer (
    id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name varchar(200) NOT NULL,
    mail varchar(200) CHARACTER SET ascii NOT NULL UNIQUE,
    notes json,
    secret varchar(50) INVISIBLE DEFAULT 'none',
    name_length int AS (char_length(name)) VIRTUAL,
    mail_host varchar(200) AS (substring_index(mail, '@', -1)) STORED,
    since timestamp NOT NULL DEFAULT current_timestamp,
    KEY (name),
    FULLTEXT KEY (name)
) COMMENT = 'People; and companies';

CREATE TABLE orders (
    id bigint unsigned NOT NULL,
    customer bigint unsigned NOT NULL,
    placed date NOT NULL,
    state enum('new', 'paid', 'sent', 'it''s back') NOT NULL DEFAULT 'new',
    amount decimal(12, 2) NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (id),
    KEY by_customer (customer, placed),
    CONSTRAINT customer_exists FOREIGN KEY (customer) REFERENCES customer (id) ON DELETE CASCADE
);
CREATE TABLE visits (
    at datetime(6) NOT NULL,
    page varchar(100) NOT NULL,
    address varbinary(16),
    KEY (at)
) PARTITION BY RANGE (year(at)) (PARTITION p2024 VALUES LESS THAN (2025), PARTITION rest VALUES LESS THAN MAXVALUE);
CREATE TABLE audit (at timestamp(6) NOT NULL DEFAULT current_timestamp(6), who varchar(200), what text);
CREATE TABLE `weird; table` (`select` int PRIMARY KEY, `a``b` varchar(50), raw longblob, bits bit(9), place point);
CREATE SEQUENCE invoice_number START WITH 1000 INCREMENT BY 7;

INSERT INTO customer (name, mail, notes, secret, since)
SELECT concat('Customer ', seq, elt(1 + seq % 4, '', ' Ünï 😀', '\tTab', ' O''Neil\\')), concat('c', seq, '@example.com'),
       json_object('n', seq, 'tags', json_array('a', repeat(md5(seq), seq % 4))), md5(seq),
       timestamp('2021-01-01 00:00:00') + INTERVAL seq HOUR
FROM seq_1_to_20000;
INSERT INTO orders
SELECT seq, 1 + seq % 20000, date('2024-01-01') + INTERVAL seq % 700 DAY, 1 + seq % 4, (seq * 37 % 100000) / 100
FROM seq_1_to_60000;
INSERT INTO visits SELECT timestamp('2024-06-01') + INTERVAL seq * 61 MINUTE, concat('/page/', seq % 100), inet6_aton(concat('10.0.', seq % 200, '.1'))
FROM seq_1_to_20000;
INSERT INTO `weird; table` VALUES
    (1, 'line\nbreak \\ and \\N', x'00ff0a0d5c2709', b'101010101', point(1.5, -2)), (2, NULL, '', NULL, NULL), (3, '', NULL, b'0', point(0, 0));
DO nextval(invoice_number), nextval(invoice_number);

CREATE DEFINER = definer@localhost SQL SECURITY DEFINER VIEW open_orders AS
    SELECT id, customer, amount FROM orders WHERE state IN ('new', 'paid') WITH CASCADED CHECK OPTION;
CREATE VIEW customers_with_orders AS SELECT c.name, count(o.id) AS number FROM customer c JOIN open_orders o ON o.customer = c.id GROUP BY c.id;

DELIMITER ;;
CREATE DEFINER = definer@localhost TRIGGER customer_changed AFTER UPDATE ON customer FOR EACH ROW
BEGIN
    INSERT INTO audit (who, what) VALUES (user(), concat('update; ', OLD.name));
END;;
CREATE TRIGGER orders_positive BEFORE INSERT ON orders FOR EACH ROW SET NEW.amount = abs(NEW.amount);;
CREATE DEFINER = definer@localhost FUNCTION revenue(wanted int) RETURNS decimal(20, 2) READS SQL DATA
    COMMENT 'Of one year; with ''quotes'''
BEGIN
    RETURN (SELECT sum(amount) FROM orders WHERE year(placed) = wanted);
END;;
CREATE PROCEDURE pay(IN which bigint, OUT rows_changed int) SQL SECURITY INVOKER
BEGIN
    UPDATE orders SET state = 'paid' WHERE id = which;
    SET rows_changed = row_count();
END;;
CREATE EVENT clean_audit ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 03:00:00' ON COMPLETION PRESERVE COMMENT 'Nightly'
DO BEGIN
    DELETE FROM shop.audit WHERE at < now() - INTERVAL 90 DAY;
END;;
DELIMITER ;
CREATE EVENT resting ON SCHEDULE EVERY 1 HOUR DISABLE DO SET @nothing = 1;
GRANT EXECUTE ON FUNCTION shop.revenue TO readers;
GRANT SELECT (id, name), UPDATE (name) ON shop.customer TO `o'hara`@'10.0.0.0/255.255.255.0';
