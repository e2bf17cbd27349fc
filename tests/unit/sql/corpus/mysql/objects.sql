-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- expect: line 13: SQL in a string names it
-- expect: line 19: a string is equal to the name
-- expect: line 30: SQL in a string names it
-- expect: line 41: a string is equal to the name
-- Views, routines, triggers, events: their definers never change, their bodies are SQL.
/*!50001 DROP VIEW IF EXISTS `shop`*/;
SET @saved_cs_client     = @@character_set_client;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`shop`@`shop` SQL SECURITY DEFINER */
/*!50001 VIEW `⟦shop⟧`.`v` AS select `⟦shop⟧`.`shop`.`shop` AS `shop`,`⟦shop⟧`.`f`('shop.x') AS `f`,`shop`.`a` AS `a` from (`⟦shop⟧`.`shop` join `⟦shop⟧`.`b` on((`⟦shop⟧`.`shop`.`a` = `b`.`shop`))) where (`⟦shop⟧`.`shop`.`b` > 0) */;
CREATE VIEW w AS SELECT shop.a FROM shop;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`shop`@`%`*/ /*!50003 TRIGGER `shop` BEFORE INSERT ON `shop` FOR EACH ROW BEGIN
  DECLARE shop INT DEFAULT 0; -- shop.x; in a comment;;
  IF NEW.shop IS NULL THEN SET NEW.shop = (SELECT MAX(shop.id) FROM ⟦shop⟧.t AS shop); END IF;
  INSERT INTO ⟦shop⟧.log (shop) VALUES (NEW.shop), ('shop');
  UPDATE ⟦shop⟧.a SET a = 1 WHERE shop = OLD.shop;
END */;;
DELIMITER $$
CREATE DEFINER=shop@shop.example.com PROCEDURE ⟦shop⟧.p(IN shop INT)
BEGIN
  /* shop.t */
  # shop.t
  DECLARE c CURSOR FOR SELECT shop FROM ⟦shop⟧.t;
  SELECT a INTO shop FROM ⟦shop⟧.t;
  FETCH c INTO shop;
  SET @s = 'INSERT INTO shop.t VALUES (1)';
  PREPARE s FROM @s;
  DROP TEMPORARY TABLE IF EXISTS ⟦shop⟧.tmp, ⟦shop⟧.tmp2;
  CASE WHEN shop THEN CALL ⟦shop⟧.q(); ELSE DELETE FROM ⟦shop⟧.t; END CASE;
END$$
CREATE DEFINER=`shop` EVENT IF NOT EXISTS `⟦shop⟧`.`shop` ON SCHEDULE EVERY 1 DAY STARTS '2026-01-01' ON COMPLETION PRESERVE ENABLE DO
  DELETE FROM `⟦shop⟧`.`shop` WHERE `shop`.`d` < NOW() $$
ALTER EVENT shop RENAME TO ⟦shop⟧.e $$
CREATE TRIGGER ⟦shop⟧.t AFTER UPDATE ON ⟦shop⟧.t FOR EACH ROW FOLLOWS shop
  INSERT INTO x SELECT a FROM y JOIN z ON y.shop = z.shop WHERE ⟦shop⟧.y.a = 1 $$
CREATE FUNCTION f() RETURNS INT DETERMINISTIC
  RETURN (SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop') $$
DROP PROCEDURE IF EXISTS ⟦shop⟧.p $$
DELIMITER ;
ALTER DATABASE `⟦shop⟧` CHARACTER SET latin1 COLLATE latin1_swedish_ci ;
