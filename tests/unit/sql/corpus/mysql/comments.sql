-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- shop.t `shop`.`t` ' " `
# USE shop; ' " `
/* USE `shop`; ' " ` /* not nested */
USE ⟦shop⟧;
SELECT 1 --1 FROM ⟦shop⟧.t -- shop.t
;
SELECT 1--
FROM ⟦shop⟧.t;
SELECT 1/**/FROM/**/⟦shop⟧/* shop */./* shop */t/*+ shop.t */;
/*!50001 SELECT '*/' , ⟦shop⟧.t.a /* plain ' */ FROM /*!50100 ⟦shop⟧.t */ */;
/*M!100301 SELECT 1 FROM ⟦shop⟧.t */;
/*! USE ⟦shop⟧ */;
/*!999999\- enable the sandbox mode ' */
/*M!999999\- enable the sandbox mode ' */
SELECT a */ b FROM ⟦shop⟧.t;
SELECT '/*', 1 FROM ⟦shop⟧.t; -- '
SELECT '-- ', 1 FROM ⟦shop⟧.t; # "
