-- Copyright (c) 2026, vya.backupdb contributors
-- GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- refused: Line 6: psql and the server do not agree on where a string ends
SELECT E'a'
  'b\'; \! id
';
