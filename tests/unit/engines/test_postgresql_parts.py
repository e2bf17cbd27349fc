# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts of the engine of PostgreSQL that need no server."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._accounts import Account
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql import acl, archive, staging, tools
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.connection import Access
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.instance import select
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.pg_restore import (
    _only_transaction_timeout,
    restore_failure,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.properties import create_statement
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.quoting import (
    dollar_quoted,
    identifier,
    literal,
    setting,
    split_list,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.roles import (
    Membership,
    Role,
    Roles,
    alter_statements,
    masked,
    membership_statement,
    ordered,
    script,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.roles_restore import changes, texts
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.shadow import Shadows, is_shadow
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.workers import Task, Team
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    DamagedSet,
    MissingProgram,
    ProcessError,
    UsageError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Connection, Database, FileEntry
from ansible_collections.vya.backupdb.plugins.module_utils._sql.postgresql_sequences import sequence_values
from hypothesis import given
from hypothesis import strategies as st

PROPERTIES = {
    "owner": 'o"wner',
    "encoding": "UTF8",
    "locale_provider": "libc",
    "lc_collate": "C",
    "lc_ctype": "de_DE.UTF-8",
    "locale": None,
    "icu_rules": None,
    "tablespace": "pg_default",
}


# quoting


def test_identifiers_and_literals_are_quoted() -> None:
    assert identifier('a"b') == '"a""b"'
    assert literal("it's") == "'it''s'"
    assert literal("back\\slash'") == " E'back\\\\slash'''"
    with pytest.raises(UsageError):
        identifier("a\0b")


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_dollar_quotes_never_end_early(text: str) -> None:
    quoted = dollar_quoted(text)
    tag = quoted[: quoted.index("$", 1) + 1]
    assert quoted == tag + text + tag
    assert tag not in text


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        ('"$user", public', ["$user", "public"]),
        ('"with,comma","with ""quote"""', ["with,comma", 'with "quote"']),
        ("", []),
        ('""', [""]),
        ("Upper,  lower ", ["Upper", "lower"]),
    ],
)
def test_lists_are_split_as_the_server_does(value: str, elements: list[str]) -> None:
    assert list(split_list(value)) == elements


def test_lists_are_set_element_by_element_and_nothing_else_is() -> None:
    assert setting("search_path", '"$user", "a b"') == "\"search_path\" TO '$user', 'a b'"
    assert setting("search_path", "") == "\"search_path\" TO ''"
    assert setting("my.setting", "a, b") == '"my"."setting" TO \'a, b\''


# access lists


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("=r/postgres", [("SELECT", "PUBLIC", False, "postgres")]),
        ("app=r*w/own er", [("SELECT", "app", True, "own er"), ("UPDATE", "app", False, "own er")]),
        ('"a""b=c/d"=U/"x/y"', [("USAGE", 'a"b=c/d', False, "x/y")]),
        ("PUBLIC=U/x", [("USAGE", '"PUBLIC"', False, "x")]),
    ],
)
def test_access_lists_are_parsed(text: str, entries: list[tuple[str, str, bool, str]]) -> None:
    assert list(acl.parse_item(text)) == entries


def test_grantable_privileges_are_granted_first() -> None:
    entries = [acl.AclEntry("CONNECT", "b", False, "a"), acl.AclEntry("CONNECT", "a", True, "owner")]
    sql = acl.statements("DATABASE d", "owner", entries)
    assert sql[2:] == ['GRANT CONNECT ON DATABASE d TO "a" WITH GRANT OPTION', 'GRANT CONNECT ON DATABASE d TO "b"']


# versions and programs


@pytest.mark.parametrize(
    ("text", "version"),
    [("15.18 (Debian 15.18-0+deb12u1)", (15, 18, 0)), ("17beta2", (17, 0, 0)), ("9.6.24", (9, 6, 24)), ("", (0, 0, 0))],
)
def test_versions_are_parsed(text: str, version: tuple[int, int, int]) -> None:
    assert tools.parse_version(text) == version


def fake(*versions: str) -> list[tools.Tools]:
    return [tools.Tools(f"/usr/lib/postgresql/{version}/bin", version) for version in versions]


def test_p30_the_servers_own_version_is_preferred_then_the_nearest_newer() -> None:
    assert tools.choose(15, candidates=fake("14.3", "15.1", "15.9", "17.2")).version == "15.9"
    assert tools.choose(16, candidates=fake("15.1", "18.1", "17.2")).version == "17.2"
    assert tools.choose(15, 17, fake("15.1", "17.2")).version == "17.2"


def test_p30_only_older_programs_are_refused_with_both_versions_and_the_package() -> None:
    with pytest.raises(MissingProgram) as failure:
        tools.choose(17, candidates=fake("13.2", "15.18"))
    for word in ("15.18", "PostgreSQL 17", "postgresql-client-17"):
        assert word in str(failure.value)
    with pytest.raises(MissingProgram, match="written by pg_dump 17"):
        tools.choose(15, 17, fake("15.18"))
    with pytest.raises(MissingProgram, match="not installed"):
        tools.choose(15, candidates=[])


def test_p30_installed_programs_say_their_version() -> None:
    found = tools.installed()
    assert found
    assert all(item.major >= 9 and Path(item.path("pg_dump")).exists() for item in found)
    assert [item.major for item in found] == sorted(item.major for item in found)


def write_toc(folder: Path, form: tuple[int, int]) -> None:
    def text(value: str) -> bytes:
        return b"\0" + len(value).to_bytes(4, "little") + value.encode()

    compression = b"\0" if form >= (1, 15) else b"\0" * 5
    data = b"PGDMP" + bytes([*form, 0, 4, 8, 3]) + compression + b"\0" * 35 + text("db") + text("17.1") + text("17.2")
    (folder / "toc.dat").write_bytes(data)


@pytest.mark.parametrize(
    ("form", "reader"), [((1, 14), 10), ((1, 15), 16), ((1, 16), 17), ((1, 99), None), ((2, 0), None)]
)
def test_p30_archives_say_what_reads_them(tmp_path: Path, form: tuple[int, int], reader: int | None) -> None:
    write_toc(tmp_path, form)
    assert archive.read_header(str(tmp_path)) == archive.Header(form, "17.1", "17.2")
    assert archive.read_header(str(tmp_path)).oldest_reader == reader


@pytest.mark.parametrize("data", [b"", b"PGDMP", b"not an archive at all"])
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DamagedSet):
        archive.read_header(str(tmp_path))
    (tmp_path / "toc.dat").write_bytes(data)
    with pytest.raises(DamagedSet):
        archive.read_header(str(tmp_path))


def test_truncated_headers_give_no_versions(tmp_path: Path) -> None:
    write_toc(tmp_path, (1, 14))
    whole = (tmp_path / "toc.dat").read_bytes()
    for length in range(11, len(whole)):
        (tmp_path / "toc.dat").write_bytes(whole[:length])
        assert archive.read_header(str(tmp_path)).format == (1, 14)


# databases


@pytest.mark.parametrize(
    ("version", "present", "absent"),
    [
        (140000, ["LC_COLLATE", "LC_CTYPE"], ["LOCALE_PROVIDER", "ICU_LOCALE"]),
        (150000, ["LOCALE_PROVIDER = libc"], ["ICU_LOCALE", "BUILTIN_LOCALE"]),
        (170000, ["LOCALE_PROVIDER = libc"], ["ICU_LOCALE", "BUILTIN_LOCALE"]),
    ],
)
def test_p35_databases_are_created_in_the_words_of_the_target(
    version: int, present: list[str], absent: list[str]
) -> None:
    sql = create_statement('d"b', PROPERTIES, version, closed=False)
    assert sql.startswith('CREATE DATABASE "d""b" TEMPLATE = template0 OWNER = "o""wner"')
    assert all(word in sql for word in present)
    assert not any(word in sql for word in absent)


def test_p35_icu_and_builtin_locales_are_named() -> None:
    icu = create_statement(
        "d", {**PROPERTIES, "locale_provider": "icu", "locale": "de", "icu_rules": "&a < b"}, 160000, True
    )
    assert "ICU_LOCALE = 'de'" in icu
    assert "ICU_RULES = '&a < b'" in icu
    assert "CONNECTION LIMIT = 0" in icu
    builtin = create_statement("d", {**PROPERTIES, "locale_provider": "builtin", "locale": "C.UTF-8"}, 170000, False)
    assert "BUILTIN_LOCALE = 'C.UTF-8'" in builtin


def names(found: list[Database]) -> list[str]:
    return [database.name for database in found]


def test_databases_are_selected_by_pattern() -> None:
    there = [Database(name) for name in ("shop", "Shop", "shop_2", "postgres", "template1", "*")]
    initial = frozenset({"template1"})
    assert names(select(there, ["*"], [], initial)) == ["shop", "Shop", "shop_2", "postgres", "*"]
    assert names(select(there, ["shop*"], ["shop_?"], initial)) == ["shop"]
    assert names(select(there, ["template1"], [], initial)) == ["template1"]
    assert names(select(there, ["*"], ["*"], initial)) == ["shop", "Shop", "shop_2", "postgres"]
    with pytest.raises(UsageError, match="'nothing'"):
        select(there, ["shop", "nothing"], [], initial)


def test_shadows_are_recognised() -> None:
    shadows = Shadows()
    assert is_shadow(shadows.name(3))
    assert shadows.token in shadows.application
    assert not is_shadow("backupdb_shadow_x_1")
    assert len(shadows.name(10**9)) < 63


# roles


ALICE = Role("alice", login=True, password="SCRAM-SHA-256$secret", settings=("work_mem=8MB",), comment="c")
BOSS = Role("boss", superuser=True, bootstrap=True, connected=True, password="SCRAM-SHA-256$boss")


def test_equal_roles_need_nothing() -> None:
    roles = Roles(150000, (ALICE, BOSS), (Membership("boss", "alice", "boss"),))
    assert changes(roles, roles) == []


def test_only_what_differs_is_altered() -> None:
    other = dataclasses.replace(ALICE, connection_limit=5, settings=("work_mem=8MB", "jit=off"))
    assert alter_statements(ALICE, other) == [
        'ALTER ROLE "alice" WITH CONNECTION LIMIT -1',
        'ALTER ROLE "alice" RESET "jit"',
    ]


def test_p02_administrators_of_the_target_stay() -> None:
    recorded = Roles(150000, (dataclasses.replace(BOSS, bootstrap=False, connected=False, password="other"), ALICE))
    existing = Roles(150000, (BOSS, dataclasses.replace(ALICE, connected=True, password="mine")))
    assert changes(recorded, existing) == []


def test_p05_unknown_passwords_are_not_set() -> None:
    hidden = dataclasses.replace(ALICE, password=None, password_readable=False)
    assert not any("PASSWORD" in sql for sql in alter_statements(hidden, None))
    assert any("PASSWORD NULL" in sql for sql in alter_statements(dataclasses.replace(ALICE, password=None), ALICE))


def test_p04_membership_options_follow_the_target() -> None:
    new = Roles(160000, (BOSS,))
    old = Roles(150000, (BOSS,))
    options = Membership("g", "m", "alice", admin=True, inherit=False, set_role=True)
    assert membership_statement(options, new, 160000) == (
        'GRANT "g" TO "m" WITH ADMIN TRUE, INHERIT FALSE, SET TRUE GRANTED BY "alice"'
    )
    plain = Membership("g", "m", "alice", admin=True)
    assert membership_statement(plain, old, 150000) == 'GRANT "g" TO "m" WITH ADMIN OPTION GRANTED BY "alice"'
    assert membership_statement(plain, old, 170000) == 'GRANT "g" TO "m" WITH ADMIN OPTION'
    by_boss = dataclasses.replace(options, grantor="boss")
    assert "GRANTED BY" not in membership_statement(by_boss, new, 170000)


def test_p04_memberships_come_in_the_order_of_their_grantors() -> None:
    chain = [
        Membership("g", "c", "b"),
        Membership("g", "b", "a", admin=True),
        Membership("g", "a", "boss", admin=True),
    ]
    assert [item.member for item in ordered(chain, frozenset({"boss"}))] == ["a", "b", "c"]
    circle = [Membership("g", "a", "b", admin=True), Membership("g", "b", "a", admin=True)]
    assert ordered(circle, frozenset()) == circle


def test_roles_survive_json_and_masks_hide_their_hashes() -> None:
    roles = Roles(
        150000,
        (ALICE, BOSS),
        (Membership("boss", "alice"),),
        {"work_mem": (acl.AclEntry("SET", "alice", False, "boss"),)},
    )
    assert Roles.from_json(roles.to_json()) == roles
    text = "".join(masked(roles).values())
    assert "SCRAM" not in text
    assert "********" in text
    assert b"SCRAM-SHA-256$secret" in script(roles)
    assert "SCRAM" not in repr(roles)
    assert texts(changes(roles, Roles(150000, (BOSS,)))) == [
        "create role alice",
        "grant boss to alice",
        "grant privileges on parameters",
    ]


# archives, errors, temporary files


def test_values_of_sequences_are_read_from_a_dump() -> None:
    text = """
SELECT pg_catalog.setval('"public"."it''s"', 42, true);
SELECT pg_catalog.setval(E'"a\\\\b"."c"', -3, false);
SELECT pg_catalog.set_config('search_path', '', false);
"""
    assert sequence_values(text) == {"'\"public\".\"it''s\"'": (42, True), 'E\'"a\\\\b"."c"\'': (-3, False)}


def test_messages_of_pg_restore_lose_what_may_be_secret() -> None:
    said = (
        'pg_restore: error: could not execute query: ERROR:  role "x" does not exist\n'
        "Command was: CREATE USER MAPPING FOR x SERVER s OPTIONS (password 'hidden');\n"
    )
    error = restore_failure(ProcessError("failed", "pg_restore", 1, said), "d", "e")
    assert "hidden" not in str(error)
    assert "CREATE USER MAPPING FOR x SERVER s" in str(error)
    assert 'role "x" does not exist' in str(error)


@pytest.mark.parametrize(
    ("said", "fine"),
    [
        (
            'ERROR:  unrecognized configuration parameter "transaction_timeout"\nwarning: errors ignored on restore: 1',
            True,
        ),
        (
            'ERROR:  unrecognized configuration parameter "transaction_timeout"\nwarning: errors ignored on restore: 2',
            False,
        ),
        ('ERROR:  relation "x" does not exist\nwarning: errors ignored on restore: 1', False),
        ("", False),
    ],
)
def test_newer_pg_restore_may_only_miss_one_parameter(said: str, fine: bool) -> None:
    assert _only_transaction_timeout(ProcessError("failed", "pg_restore", 1, said)) is fine
    assert not _only_transaction_timeout(ProcessError("killed", "pg_restore", -9, said))


def test_temporary_directories_are_swept_when_nobody_holds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    old = time.time() - 3600
    with staging.temporary_directory(0) as held:
        abandoned = tmp_path / "backupdb-restore-abandoned"
        abandoned.mkdir()
        (tmp_path / "backupdb-restore-young").mkdir()
        (tmp_path / "backupdb-restore-link").symlink_to(tmp_path)
        for path in (held, abandoned):
            os.utime(path, (old, old))
        assert staging.sweep() == [str(abandoned)]
        assert Path(held).is_dir()
    assert not Path(held).exists()


# work in threads


def team(places: int) -> Team:
    return Team(places, Access(Connection(host="nowhere.invalid")))


def test_work_is_shared_by_size_and_results_keep_their_order() -> None:
    shares = {}

    def work(name: str, share: int) -> str:
        shares[name] = share
        return name

    tasks = [
        Task(size, lambda share, name=name: work(name, share)) for name, size in (("s", 1), ("xl", 100), ("m", 10))
    ]
    assert team(4).run(tasks) == ["s", "xl", "m"]
    assert shares == {"xl": 4, "m": 1, "s": 1}
    assert team(4).run([]) == []


def test_first_failure_is_raised_and_stops_the_rest() -> None:
    begun = []

    def work(number: int, _share: int) -> None:
        begun.append(number)
        if number == 1:
            raise BackupError("number one")

    tasks = [Task(100 - number, lambda share, number=number: work(number, share)) for number in range(50)]
    with pytest.raises(BackupError, match="number one"):
        team(1).run(tasks)
    assert begun == [0, 1]


def test_spread_work_is_done_once_each() -> None:
    done: list[int] = []
    team(3).spread(list(range(100)), 3, done.extend)
    assert sorted(done) == list(range(100))

    def fail(items: object) -> None:
        raise BackupError("helper")

    with pytest.raises(BackupError, match="helper"):
        team(3).spread([1, 2, 3], 3, fail)


def test_programs_of_another_account_get_a_directory_that_they_can_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    other = Account("other", os.geteuid() + 1, os.getegid() + 1, "/")
    same = Account("same", os.geteuid(), os.getegid(), "/")
    old, new = tools.Tools("/x", "15.1"), tools.Tools("/y", "17.1", zstd=True)
    artefact = Artefact("database", "d", "d", "pg_directory", "zstd", (FileEntry("d/1.dat.zst", 10, "0" * 64),))
    (tmp_path / "toc.dat").write_bytes(b"toc")
    assert staging.way_to(str(tmp_path), old, other) == staging.DIRECT
    (tmp_path / "1.dat.zst").write_bytes(b"data")
    assert staging.way_to(str(tmp_path), new, None) == staging.DIRECT
    assert staging.way_to(str(tmp_path), new, same) == staging.DIRECT
    assert staging.way_to(str(tmp_path), old, None) == staging.PLAIN
    assert staging.way_to(str(tmp_path), new, other) == staging.SHOWN
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr("tempfile.tempdir", str(closed))
    assert staging.way_to(str(tmp_path), new, other) == staging.PLAIN
    rooms = [
        staging.room_for(way, artefact, Database("d", 77)) for way in (staging.DIRECT, staging.SHOWN, staging.PLAIN)
    ]
    assert rooms == [0, 10, 77]


def test_archives_are_shown_in_another_directory(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "view").mkdir()
    (tmp_path / "archive" / "1.dat.zst").write_bytes(b"data")
    staging.show(str(tmp_path / "archive"), str(tmp_path / "view"))
    assert (tmp_path / "view" / "1.dat.zst").read_bytes() == b"data"
