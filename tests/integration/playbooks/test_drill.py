# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drills with real servers: what is rebuilt, judged, recorded, and that nothing of it is left."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._ledger import read
from ansible_collections.vya.backupdb.plugins.module_utils._scratch.processes import MARK
from ansible_collections.vya.backupdb.plugins.plugin_utils._signing import SigningKey

from tests.integration.modules.harness import MODULES, call, until
from tests.integration.playbooks.conftest import make_tree
from tests.integration.playbooks.site import Site
from tests.support.mariadb import MariaDBServer
from tests.support.paths import BUILD
from tests.support.postgresql import PostgresServer

COUNTED = {"database": "orders", "sql": "SELECT count(*) FROM t", "expect": 100}


@pytest.fixture(scope="module")
def backed_up(module_folder: Path) -> Site:
    """The host "db1" was backed up, encrypted, once for all tests; its servers are gone."""
    site = Site(module_folder)
    tree = make_tree(module_folder)
    tablespace = module_folder / "fast"
    tablespace.mkdir()
    shutil.chown(tablespace, "postgres")
    identity = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
    site.vars["backupdb_identity"] = identity
    site.vars["backupdb_recipients"] = re.findall(r"public key: (\S+)", identity)
    settings = {"sql_mode": "ANSI,STRICT_TRANS_TABLES", "lower_case_table_names": "1", "character_set_server": "latin1"}
    with (
        PostgresServer(initdb_args=["--data-checksums", "--wal-segsize=4"]) as postgresql,
        MariaDBServer(settings=settings, install_args=["--lower-case-table-names=1"]) as mariadb,
    ):
        postgresql.sql("CREATE ROLE app LOGIN PASSWORD 'of the app'")
        postgresql.sql("CREATE DATABASE orders OWNER app")
        postgresql.sql(f"CREATE TABLESPACE fast LOCATION '{tablespace}'")
        postgresql.sql("CREATE TABLE t TABLESPACE fast AS SELECT generate_series(1, 100) n", database="orders")
        mariadb.sql("CREATE DATABASE shop; CREATE TABLE shop.t (i int); INSERT INTO shop.t VALUES (1), (2)")
        mariadb.sql("CREATE USER app@localhost IDENTIFIED BY 'of the app'; GRANT SELECT ON shop.* TO app@localhost")
        site.host("db1", [
            {"name": "main", **postgresql.login()},
            {"name": "shop", **mariadb.login()},
            {"name": "tree", "engine": "files", "paths": [str(tree)]},
        ])  # fmt: skip
        site.play("backup")
    return site


@pytest.fixture
def drilled(site: Site, backed_up: Site) -> Iterator[Site]:
    """A site of this test alone; at the end no server runs on behalf of it, and no directory is left."""
    shutil.copytree(backed_up.repository, site.repository)
    scratch = site.folder / "scratch"
    scratch.mkdir(mode=0o711)
    site.vars.update(
        backed_up.vars,
        backupdb_live_progress=False,
        backupdb_drill_directory=str(scratch),
        backupdb_ledger=str(site.folder / "ledger" / "drills.jsonl"),
    )
    site.host("db1", [dict(instance) for instance in backed_up.hosts["db1"]["backupdb_instances"]])
    yield site
    assert list(scratch.iterdir()) == []
    assert servers_below(scratch) == []


def servers_below(folder: Path) -> list[str]:
    """Command lines of all processes that work in a folder or were started for it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if str(folder) in words or os.readlink(entry / "cwd").startswith(f"{folder}/"):
                    found.append(words)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
    return found


def place_of(site: Site, instance: str) -> dict[str, Any]:
    """Options of modules that open a set."""
    found = {"repository": str(site.repository), "source": "db1", "instance": instance}
    return {**found, "identity": [site.vars["backupdb_identity"]]}


def instances(site: Site) -> dict[str, dict[str, Any]]:
    return {instance["name"]: instance for instance in site.hosts["db1"]["backupdb_instances"]}


def records(site: Site) -> dict[str, dict[str, Any]]:
    """The newest record of each instance; the ledger is whole."""
    entries, findings = read(site.vars["backupdb_ledger"])
    assert findings.problems == []
    return {str(entry.record["instance"]): dict(entry.record) for entry in entries}


def test_servers_and_files_are_rebuilt_proven_measured_and_removed(drilled: Site) -> None:
    key = SigningKey.create()
    drilled.vars.update(backupdb_signing_key=key.pem().decode(), backupdb_confirm=False)
    instances(drilled)["main"]["drill"] = {"rto": "1h", "rpo": "1d", "assertions": [COUNTED]}
    instances(drilled)["shop"]["drill"] = {
        "assertions": [{"database": "shop", "sql": "SELECT sum(i) = 3 FROM t"}],
    }
    looked = drilled.play("drill", "--check", "-e", "backupdb_instance=main")
    assert {row["Result"] for row in table(looked, "Host")} == {"possible"}
    assert not Path(drilled.vars["backupdb_ledger"]).exists()

    run = drilled.play("drill")
    assert [(row["instance"], row["result"], row["differences"]) for row in run.report] == [
        ("main", "passed", 0), ("shop", "passed", 0), ("tree", "passed", 0),
    ]  # fmt: skip
    found = records(drilled)
    assert {name: record["verdict"] for name, record in found.items()} == dict.fromkeys(found, "passed")
    assert found["main"]["assertions"] == {"total": 1, "checked": 1, "failed": []}
    assert found["main"]["versions"]["set"] == found["main"]["versions"]["server"]
    assert found["main"]["recovery_seconds"] > 0
    assert found["tree"]["compared"] > 0
    assert "PRIVATE KEY" not in run.output

    listed = drilled.play("list_backups")
    assert [row["Proven"] != "-" for row in table(listed, "Source")] == [True, True, True]
    printed = drilled.play("ledger", "-e", json.dumps({"backupdb_trusted_keys": [key.public.line]}))
    assert [(row["Instance"], row["Signed"], row["Verdict"]) for row in table(printed, "Line")] == [
        ("main", "yes", "passed"), ("shop", "yes", "passed"), ("tree", "yes", "passed"),
    ]  # fmt: skip
    ledger = Path(drilled.vars["backupdb_ledger"])
    ledger.write_text(ledger.read_text().replace('"verdict":"passed"', '"verdict":"failed"', 1))
    assert "line 1 is not what" in drilled.play("ledger", code=2).message


def table(run: Any, heading: str) -> list[dict[str, str]]:
    """Rows of the table whose first column has a heading, by the headings of all."""
    lines = run.output.splitlines()
    start = next(number for number, line in enumerate(lines) if line.lstrip().startswith(f"{heading} "))
    titles = [title for title in lines[start].split("  ") if title.strip()]
    return [dict(zip(map(str.strip, titles), row)) for row in run.table(rf"\s*{heading}")]


def test_what_fails_is_named_and_stops_nothing_else(drilled: Site) -> None:
    """A damaged set, an assertion that does not hold, an objective that is missed: each for itself, on a host for drills."""
    (dump,) = drilled.sets("db1", "main")[-1].glob("databases/orders*")
    data = bytearray(dump.read_bytes())
    data[len(data) // 2] ^= 1
    dump.write_bytes(data)
    drilled.host("vault1", [])
    drilled.vars["backupdb_drill_host"] = "vault1"
    drilled.vars["ansible_host"] = "{{ inventory_hostname }}.example.com"
    run = drilled.play("drill", "--limit", "db1", code=2)
    assert "The drill would run on db1.example.com instead of vault1 (vault1.example.com)" in run.message
    assert run.report == []
    del drilled.vars["ansible_host"]
    wrong = {"name": "three rows", "database": "shop", "sql": "SELECT count(*) FROM t", "expect": 3}
    instances(drilled)["shop"]["drill"] = {"assertions": [wrong, {"database": "shop", "sql": "SELECT * FROM absent"}]}
    instances(drilled)["tree"]["drill"] = {"rpo": "1s"}

    run = drilled.play("drill", "--limit", "db1", code=2)
    assert {row["drill_host"] for row in run.report} == {"vault1"}
    assert [(row["instance"], row["result"]) for row in run.report] == [
        ("main", "FAILED"), ("shop", "FAILED"), ("tree", "FAILED"),
    ]  # fmt: skip
    found = records(drilled)
    assert "was altered" in found["main"]["reasons"][0]
    assert (found["main"]["proven"], found["shop"]["proven"], found["tree"]["proven"]) == (False, True, True)
    assert "'three rows' does not hold: it gives '2' and should give '3'" in found["shop"]["reasons"][0]
    assert "absent" in found["shop"]["reasons"][1]
    assert "rpo is missed" in found["tree"]["reasons"][0]
    for words in ("was altered", "three rows", "rpo is missed"):
        assert words in run.message

    # what is not there is not started
    instances(drilled)["tree"]["drill"] = {"enabled": False}
    set_version(drilled, "main", "99.1")
    run = drilled.play("drill", "--limit", "db1", "-e", "backupdb_instance=main", "-e", "backupdb_verify=quick", code=2)
    assert "PostgreSQL 99" in run.message
    assert "postgresql-99" in run.message


def set_version(site: Site, instance: str, version: str) -> None:
    """Let a set say that it is of another version of its server."""
    folder = site.sets("db1", instance)[-1]
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "server_version": version}))
    sums = folder / "SHA256SUMS"
    digest = subprocess.run(["sha256sum", manifest], capture_output=True, text=True, check=True).stdout.split()[0]
    lines = [line for line in sums.read_text().splitlines() if not line.endswith("  manifest.json")]
    sums.write_text("\n".join([*lines, f"{digest}  manifest.json", ""]))


@pytest.mark.parametrize("instance", ["main", "shop"])
def test_a_throw_away_server_is_like_the_recorded_one_and_out_of_reach(instance: str, drilled: Site) -> None:
    place = place_of(drilled, instance)
    directory = drilled.vars["backupdb_drill_directory"]
    started = call("scratch_server", directory=directory, **place)
    try:
        assert sockets_of(started["path"]) == 0, "it listens on the network"
        assert os.stat(started["path"] + "/data").st_mode & 0o77 == 0
        assert os.stat(started["path"] + "/run").st_mode & 0o77 == 0
        queries = {
            "main": ("postgres", {"SHOW data_checksums": "on", "SHOW wal_segment_size": "4MB"}),
            "shop": ("mysql", {
                "SELECT @@global.lower_case_table_names": 1,
                "SELECT @@global.sql_mode LIKE '%ANSI%'": True,
                "SELECT @@global.character_set_server": "latin1",
                "SELECT @@global.event_scheduler": "OFF",
                "SELECT @@global.skip_networking": 1,
            }),
        }  # fmt: skip
        database, expected = queries[instance]
        login = started["connection"]
        checks = [{"name": None, "database": database, "sql": sql, "expect": value} for sql, value in expected.items()]
        asked = call("sql_check", **login, assertions=checks, fail_on_mismatch=False)
        assert [check["message"] for check in asked["checks"]] == [None] * len(checks)
        changes = [
            {"name": None, "database": database, "sql": sql, "expect": None}
            for sql in ("CREATE TABLE x (i int)", "COMMIT; DROP DATABASE x", "DROP ROLE app")
        ]
        refused = call("sql_check", **login, assertions=changes, fail_on_mismatch=False)
        assert [check["ok"] for check in refused["checks"]] == [False] * len(changes)
    finally:
        call("scratch_server", state="removed", path=started["path"])
    assert call("scratch_server", state="removed", path=started["path"])["changed"] is False


def sockets_of(path: str) -> int:
    """Number of listening TCP sockets of all processes of a throw-away server."""
    listening = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A":
                listening.add(f"socket:[{words[9]}]")
    found, processes = 0, 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            if not os.readlink(entry / "cwd").startswith(path):
                continue
            processes += 1
            found += sum(os.readlink(link) in listening for link in (entry / "fd").iterdir())
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    assert processes, "no server runs there"
    return found


@pytest.mark.parametrize("instance", ["main", "shop"])
def test_what_a_killed_drill_left_is_removed_by_the_next(instance: str, drilled: Site) -> None:
    """SIGKILL to the module while the server starts, and to the drill while the server runs."""
    place = place_of(drilled, instance)
    directory = Path(drilled.vars["backupdb_drill_directory"])
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {"directory": str(directory), **place}})
    with subprocess.Popen(
        [sys.executable, "-m", f"{MODULES}.scratch_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(BUILD)},
        text=True,
    ) as module:
        assert module.stdin is not None
        module.stdin.write(arguments)
        module.stdin.close()
        until(lambda: list(directory.glob("*/data/*")), "the data directory is being filled")
        module.send_signal(signal.SIGKILL)
    first = list(directory.iterdir())
    assert len(first) == 1

    second = call("scratch_server", directory=str(directory), **place)
    assert second["leftovers"] == [str(first[0])]
    assert [path.name for path in directory.iterdir()] == [os.path.basename(second["path"])]
    # nobody removes it: the drill is dead
    third = call("scratch_server", directory=str(directory), **place)
    assert third["leftovers"] == [second["path"]]
    assert call("scratch_server", state="kept", path=third["path"])["changed"] is True
    fourth = call("scratch_server", directory=str(directory), **place)
    assert fourth["leftovers"] == [], "somebody looks at it"
    for path in (third["path"], fourth["path"]):
        call("scratch_server", state="removed", path=path)
    assert not any(MARK.encode() in data for data in environments())


def environments() -> Iterator[bytes]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                yield (entry / "environ").read_bytes()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
