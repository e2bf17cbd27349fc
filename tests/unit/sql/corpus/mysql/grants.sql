-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- expect: line 13: a grant covers it by a wildcard
GRANT ALL PRIVILEGES ON `⟦shop|shop\_2⟧`.* TO `shop`@`%` WITH GRANT OPTION;
GRANT SELECT (`shop`), INSERT, UPDATE (`shop`), REFERENCES ON `⟦shop⟧`.`shop` TO 'shop'@'shop';
GRANT EXECUTE ON PROCEDURE `⟦shop⟧`.`shop` TO shop@shop.x;
GRANT EXECUTE ON FUNCTION ⟦shop⟧.f TO shop;
REVOKE DELETE, UPDATE ON ⟦shop|`shop\_2`⟧.* FROM shop;
GRANT USAGE ON *.* TO `shop`@`localhost` IDENTIFIED BY PASSWORD '*shop.shop';
GRANT SELECT ON * TO shop;
GRANT `shop` TO `x`@`y`;
GRANT SELECT ON `sho%`.* TO x;
GRANT PROXY ON 'shop'@'shop' TO 'x'@'y';
CREATE USER `shop`@`shop` IDENTIFIED WITH 'x' AS 'shop.shop';
ALTER USER shop@shop.x DEFAULT ROLE shop;
SET DEFAULT ROLE shop FOR shop@shop;
