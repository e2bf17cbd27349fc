# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hostile input takes linear time and bounded memory. Quadratic behaviour would hit the time-out of the test run."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._sql.inventory import take_inventory
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import SqlError

from tests.support.paths import BUILD, CHECKOUT
from tests.unit.sql.support import FLAVOURS, rename, renamer_of, splitter_of

SIZE = 200_000
OPENINGS = ("'", '"', "`", "/*", "/*!50001 ", "$$", "$a$", "E'", 'U&"', "-- ", "#", "COPY t FROM stdin;\n")
BODIES = ("shop.t ", "\\", "'", '"', "`", "/*", "*/", "$", "\n\\.x", "--")
REPEATED = (
    *(
        "`",
        "'",
        '"',
        "\\",
        "\\\n",
        "/*",
        "*/",
        "/*!",
        "(",
        ")",
        ";",
        ",",
        ".",
        "a.",
        "shop.",
        "@",
        "@a",
        "-",
        "--",
        "-- \n",
    ),
    *(
        "$",
        "$a",
        "$a$",
        "E'a'\n",
        "a",
        "a ",
        "1",
        "\n",
        "\n\\.",
        "\u00e9",
        "BEGIN ",
        "CREATE FUNCTION BEGIN ",
        "\\connect a\n",
    ),
    *("INSERT INTO t VALUES (1),(", "INSERT INTO t VALUES (1);\n", "INSERT INTO t VALUES (shop.a);\n", "USE shop;"),
    *(
        "SELECT shop.a FROM shop.b,",
        "GRANT ALL ON `shop`.* TO x;",
        "SET NAMES gbk;",
        "DELIMITER a\n",
        "SELECT 'shop.t';",
    ),
    *("CREATE VIEW v AS SELECT shop.a,", "'shop', ", "COPY t FROM stdin;\n\\.\n", "SET sql_mode=ANSI_QUOTES;"),
)
VALUES = (
    '(1,"a shop. \'"),',
    "(1,shop.f(2)),",
    "(1,/* ' */2),",
    "(",
    "'",
    "1 ",
    "'a' ",
    "(1) a, ",
    "(1,'\\\\\\''),",
    "--,",
)


def survives(flavour: str, dump: str) -> None:
    """Comes to an end, with the dump or with a refusal."""
    try:
        renamed = rename(flavour, dump.encode(), {"elsewhere": "nowhere", "shop": "shop"})
    except SqlError:
        return
    assert renamed.output == dump.encode()


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("opening", OPENINGS)
def test_what_is_never_closed_takes_linear_time(flavour: str, opening: str, body: str) -> None:
    survives(flavour, opening + body * (SIZE // len(body) // 4))


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("piece", REPEATED)
def test_repetitions_take_linear_time(flavour: str, piece: str) -> None:
    survives(flavour, piece * (SIZE // len(piece) // 4))
    survives(flavour, "CREATE VIEW v AS SELECT shop.a FROM " + piece * (SIZE // len(piece) // 4))


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("piece", VALUES)
def test_odd_values_take_linear_time(flavour: str, piece: str) -> None:
    survives(flavour, "INSERT INTO t VALUES " + piece * (SIZE // len(piece)))


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_renaming_in_every_statement_takes_linear_time(flavour: str) -> None:
    statement = b"DROP DATABASE shop;\nSELECT 1 FROM shop.public.t;\n"
    renamed = rename(flavour, statement * 2000, {"shop": "other"})
    assert renamed.output.count(b"other") == 4000


BIG = "x" * 70_000
BEHIND = [
    ("mysql", "INSERT INTO t VALUES (1) \\! id\n"),
    ("mysql", f"SELECT '{BIG}' \\! id\n;"),
    ("mysql", "USE a \\! id\n"),
    ("postgresql", "INSERT INTO t VALUES (1) \\! id\n;"),
    ("postgresql", "INSERT INTO t VALUES (1) \\connect shop\n;"),
    ("postgresql", f"SELECT '{BIG}' \\echo a\n;"),
    ("postgresql", f"\\! {BIG}\n"),
]


@pytest.mark.parametrize(("flavour", "dump"), BEHIND)
def test_p29_no_command_to_the_client_hides_behind_data(flavour: str, dump: str) -> None:
    with pytest.raises(SqlError) as caught:
        rename(flavour, dump.encode(), {"elsewhere": "nowhere"})
    assert caught.value.line == 1
    if BIG + "\n" not in dump:
        assert len(take_inventory([dump.encode()], flavour).refused) == 1


@pytest.mark.parametrize(
    ("flavour", "dump"),
    [
        ("mysql", f"USE /*{BIG}*/ ⟦shop⟧;"),
        ("mysql", f"USE ⟦shop⟧ {BIG.replace('x', chr(10))}DROP DATABASE ⟦shop⟧;"),
        ("mysql", f"DROP /*{BIG}*/ DATABASE ⟦shop⟧;"),
        ("mysql", f"SELECT a FROM ⟦shop⟧/*{BIG}*/.t;"),
        ("mysql", f'SET /*{BIG}*/ sql_mode=ansi_quotes; USE ⟦shop⟧; SELECT a FROM "⟦shop⟧".t;'),
        ("postgresql", f"COMMENT ON DATABASE /*{BIG}*/ ⟦shop⟧ IS '{BIG}';"),
        ("postgresql", f"COPY t /*{BIG}*/ FROM stdin;\nDROP DATABASE shop;\n\\.\nDROP DATABASE ⟦shop⟧;"),
        (
            "postgresql",
            f"SET /*{BIG}*/ standard_conforming_strings=off;\nSELECT '\\'; -- shop '; DROP DATABASE ⟦shop⟧;",
        ),
    ],
)
def test_m22_long_comments_hide_no_name(flavour: str, dump: str) -> None:
    renamed = rename(flavour, dump.replace("⟦", "").replace("⟧", "").encode(), {"shop": "other"})
    assert renamed.output == dump.replace("⟦shop⟧", "other").encode()


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    ("statement", "blank"),
    [
        ("USE {} shop;", " "),
        ("USE {} shop;", "/**/"),
        ("DROP {} DATABASE shop;", " "),
        ("DROP {} DATABASE shop;", "\n/**/"),
        ("DROP {},;", "/*" + "x" * 70_000 + "*/"),
        ("SELECT {} 1;", "+1"),
    ],
)
def test_what_could_only_be_misread_in_parts_is_refused(flavour: str, statement: str, blank: str) -> None:
    """Such a statement would have to be held whole, whatever its size."""
    dump = [b"\n", statement.replace("{}", blank * (5_000_000 // len(blank))).encode()]
    with pytest.raises(SqlError, match=r"longer than any program writes it") as caught:
        list(renamer_of(flavour, {"shop": "new"}).run(splitter_of(flavour, dump)))
    assert caught.value.line >= 2
    assert caught.value.remedy


MEMORY = """
import itertools, re, sys
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_rename import MySQLRenamer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_splitter import MySQLSplitter
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_rename import PostgresRenamer
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_splitter import PostgresSplitter

flavour, opening, body, closing = sys.argv[1:]
body = body.encode() * ((1 << 18) // len(body))
chunks = itertools.chain([opening.encode()], itertools.repeat(body, 640), [closing.encode()])
if flavour == "mysql":
    splitter, renamer = MySQLSplitter(chunks), MySQLRenamer({"shop": "new"})
else:
    splitter, renamer = PostgresSplitter(chunks), PostgresRenamer({"shop": "new"})
size, last = 0, b""
for piece in renamer.run(splitter):
    size += len(piece)
    last = (last + piece)[-100:]
assert size > 639 * len(body), size
assert last.endswith(closing.encode().replace(b"shop", b"new")), last
assert splitter.unfinished is None, splitter.unfinished
print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read()).group(1))
"""


@pytest.mark.parametrize(
    ("flavour", "opening", "body", "closing"),
    [
        ("mysql", "INSERT INTO t VALUES (1,'", "shop.t; \\'", "');\nUSE shop;"),
        ("mysql", "INSERT INTO t VALUES (1,'x')", ",(1,'shop.t',NULL,\"x\")", ";\nUSE shop;"),
        ("mysql", "INSERT INTO t VALUES (1,0x", "00", ");\nUSE shop;"),
        ("mysql", "/* ", "shop.t ", "*/ USE shop;"),
        ("mysql", "CREATE PROCEDURE p() SELECT '", "shop.t ", "';\nUSE shop;"),
        ("postgresql", "COPY t FROM stdin;\n", "1\tshop.t;\\\\.\n", "\\.\nDROP DATABASE shop;"),
        ("postgresql", "COPY t FROM stdin;\n", "1\tshop.t;\\\\.", "\n\\.\nDROP DATABASE shop;"),
        ("postgresql", "INSERT INTO t VALUES (1,'", "shop.t; ''", "');\nDROP DATABASE shop;"),
        ("postgresql", "SELECT lo_put(1, E'", "\\\\000\\'", "'); DROP DATABASE shop;"),
        ("postgresql", "DO $$ ", "shop.t $ ", "$$; DROP DATABASE shop;"),
        ("postgresql", "/* /* */ ", "shop.t ", "*/ DROP DATABASE shop;"),
    ],
)
def test_dumps_of_any_size_pass_in_bounded_memory(flavour: str, opening: str, body: str, closing: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, flavour, opening, body, closing],
        env={"PYTHONPATH": str(BUILD)},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * 1024 < 100 << 20
