# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small cases of what PostgreSQL's own regression database has shown: tests/hosts/test_regression_database.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.integration.postgresql.rig import back_up, differences, restore
from tests.support.postgresql import PostgresServer

# Naming an operator that does not exist makes it, without a function; it stays when the one that named it goes.
NAMED_ONLY = """
CREATE FUNCTION differ(boolean, boolean) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT $1 <> $2';
CREATE OPERATOR === (LEFTARG = boolean, RIGHTARG = boolean, FUNCTION = pg_catalog.booleq, NEGATOR = !==);
CREATE OPERATOR <=> (LEFTARG = boolean, RIGHTARG = boolean, FUNCTION = differ, COMMUTATOR = <=>, NEGATOR = <!>);
DROP OPERATOR === (boolean, boolean);
"""


def test_p36_operators_that_are_only_named(work: Path, fresh_pg: Callable[..., PostgresServer]) -> None:
    source, target = fresh_pg(), fresh_pg()
    source.sql(NAMED_ONLY)
    made = back_up(source, work / "named-only", "postgres")
    restore(target, made.reader, made.databases)
    assert source.value("SELECT count(*) FROM pg_operator WHERE oprcode = 0") == 2
    assert target.value("SELECT count(*) FROM pg_operator WHERE oprcode = 0") == 1
    assert differences(target, made.proof) == []
    target.sql("DROP OPERATOR <=> (boolean, boolean)")
    assert differences(target, made.proof) == ["missing operator: public.<=>(boolean,boolean) (database postgres)"]
