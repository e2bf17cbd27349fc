# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sets that somebody else wrote: a clear error, whatever is in them; nothing outside of them is read or written."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._codec import read_json
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, DamagedSet, RepositoryError
from ansible_collections.vya.backupdb.plugins.module_utils._files.listing import parse
from ansible_collections.vya.backupdb.plugins.module_utils._model import Manifest
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter
from ansible_collections.vya.backupdb.plugins.module_utils._proof.model import Proof
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader
from ansible_collections.vya.backupdb.plugins.module_utils._strict_json import strict_json
from ansible_collections.vya.backupdb.plugins.module_utils._verify import verify as verify_set
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.test_repository import make_set
from tests.unit.core.test_signatures import rewrite

SHA = "0" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(make_set(Repository(str(tmp_path / "repository"))))


def replace_manifest(path: Path, data: bytes) -> None:
    """As :func:`rewrite`, with any bytes."""
    (path / "manifest.json").write_text("{}")
    rewrite(path, lambda _manifest: None)
    sums = (path / "SHA256SUMS").read_text()
    old = hashlib.sha256((path / "manifest.json").read_bytes()).hexdigest()
    (path / "manifest.json").write_bytes(data)
    (path / "SHA256SUMS").write_text(sums.replace(old, hashlib.sha256(data).hexdigest()))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"3",
        b"\xff\xfe",
        b"NaN",
        b'{"schema_version": 1e999}',
        b'{"schema_version": Infinity}',
        b'{"schema_version": ' + b"9" * 100_000 + b"}",
        b'{"schema_version": true}',
        b'{"schema_version": -1}',
        b'{"schema_version": 1, "schema_version": 1}',
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"schema_version": 1, "set_id": "\\ud800"}',
        b'{"schema_version": 1, "\\u001b[2J": 1}',
    ],
    ids=range(16),
)
def test_any_manifest_that_is_none_is_damage(path: Path, data: bytes) -> None:
    replace_manifest(path, data)
    with pytest.raises(DamagedSet, match="What to do: ") as caught:
        SetReader(str(path))
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1000
    (listed,) = Repository(str(path.parent.parent.parent)).sets()
    assert listed.manifest is None and listed.problem


def nested(depth: int) -> Any:
    value: Any = 1
    for _level in range(depth):
        value = {"a": value}
    return value


def change_database(**properties: Any) -> Callable[[dict[str, Any]], None]:
    whole = {"owner": "app", "encoding": "UTF8", "lc_collate": "C", "lc_ctype": "C", **properties}

    def change(manifest: dict[str, Any]) -> None:
        manifest["databases"] = [{"name": "shop", "size": 1, "properties": whole}]

    return change


def change_mysql(**properties: Any) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        manifest.update(engine="mysql", databases=[{"name": "shop", "size": 1, "properties": properties}])

    return change


def change_artefact(**members: Any) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        manifest["artefacts"][0].update(members)

    return change


def change_table(**members: Any) -> Callable[[dict[str, Any]], None]:
    table = {"name": "t", "file": "t.tsv.zst", "rows": 1, "bytes": 1, "columns": [["a", "int"]], **members}
    return change_artefact(format="mysql_tables", details={"parts": [], "tables": [table]})


INJECTED = "utf8mb4; DROP DATABASE shop"


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.update(source=None),
        lambda manifest: manifest.update(instance=["main"]),
        lambda manifest: manifest.update(run_id={"a": 1}),
        lambda manifest: manifest.update(tools=["pg_dump"]),
        lambda manifest: manifest.update(warnings={"a": 1}),
        lambda manifest: manifest.update(warnings=[["a"]]),
        lambda manifest: manifest.update(phases={"dump": "long"}),
        lambda manifest: manifest.update(host=nested(100)),
        lambda manifest: manifest.update(host=[1]),
        lambda manifest: manifest.update(details=[]),
        lambda manifest: manifest.update(engine="mysql", details={"facts": {"max_allowed_packet": "lots"}}),
        lambda manifest: manifest.update(databases=[{"name": "", "size": 1}]),
        lambda manifest: manifest.update(databases=[{"name": "a\0b", "size": 1}]),
        lambda manifest: manifest.update(databases=[{"name": "a", "size": 1 << 64}]),
        lambda manifest: manifest.update(databases=[{"name": "a", "size": -1}]),
        lambda manifest: manifest.update(databases=[{"name": "a", "size": 1.5}]),
        lambda manifest: manifest.update(databases=[{"name": "a", "size": True}]),
        lambda manifest: manifest.update(databases=[{"name": "a", "size": 1, "properties": {}}]),
        change_database(owner=None),
        change_database(connection_limit="1; DROP DATABASE shop"),
        change_database(locale_provider="libc; DROP DATABASE shop"),
        change_database(acl=[["CONNECT ON DATABASE shop TO evil; --", "app", False, "app"]]),
        change_database(acl=[["CONNECT", "app"]]),
        change_database(settings=[{"role": "app"}]),
        change_mysql(charset=INJECTED),
        change_mysql(collation=INJECTED),
        change_artefact(path="../../outside"),
        change_artefact(path="/etc"),
        change_artefact(files=[{"path": "../../outside", "size": 1, "sha256": SHA}]),
        change_artefact(files=[{"path": "/etc/shadow", "size": 1, "sha256": SHA}]),
        change_artefact(files=[{"path": "a", "size": 10**30, "sha256": SHA}]),
        change_artefact(files=[{"path": "a", "size": 1, "sha256": "g" * 64}]),
        change_artefact(files={"path": "a"}),
        change_artefact(details=[1]),
        change_artefact(
            format="tar", details={"above": [{"path": "/srv/../../etc", "mode": "755", "uid": 0, "gid": 0}]}
        ),
        change_artefact(format="tar", details={"above": [{"path": "/srv", "mode": "suid", "uid": 0, "gid": 0}]}),
        change_artefact(format="jsonl", details={"patterns": [{"pattern": "a", "segments": ["/../x"], "bytes": 1}]}),
        change_artefact(format="mysql_tables", details={}),
        change_table(),
        change_table(file="../../../../etc/shadow"),
        change_table(file="/etc/shadow"),
        change_table(rows="1"),
        change_table(auto_increment="1; DROP DATABASE shop"),
        change_table(columns=[["a"]]),
    ],
)
def test_f05_values_that_no_backup_writes_are_damage(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    rewrite(path, change)
    with pytest.raises(DamagedSet, match="What to do: ") as caught:
        SetReader(str(path))
    assert str(caught.value).isprintable()


def test_f05_names_with_control_characters_stay_names(path: Path) -> None:
    """They are legal names of databases; whoever shows them escapes them."""
    rewrite(path, change_database())
    rewrite(path, lambda manifest: manifest["databases"][0].update(name="a\x1b[2Jb\nc"))
    reader = SetReader(str(path))
    assert reader.manifest.databases[0].name == "a\x1b[2Jb\nc"
    problems = verify_set(reader, "quick", 1, Reporter())
    assert problems and all(text.isprintable() for text in problems)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
GOOD = {
    "schema_version": 1,
    "set_id": "20261121T080000Z",
    "run_id": "r",
    "source": "db1",
    "instance": "main",
    "engine": "postgresql",
    "flavour": "postgresql",
    "server_version": "15.1",
    "started": "2026-11-21T08:00:00Z",
    "snapshot_at": "2026-11-21T08:00:00Z",
    "finished": "2026-11-21T08:00:00Z",
    "collection_version": "0.1.0",
    "databases": [],
    "artefacts": [],
}


@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "tools", "host", "phases", "details", "warnings", "recipients"]), json_values
    )
)
def test_any_values_make_a_manifest_or_damage(values: dict[str, Any]) -> None:
    with contextlib.suppress(DamagedSet):
        manifest = Manifest.from_json(json.loads(json.dumps({**GOOD, **values})))
        assert isinstance(manifest.source, str) and isinstance(manifest.size, int)


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_a_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        strict_json(data)


# links and pipes that somebody else puts into the repository


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Where nothing may be read or written."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "toc.dat").write_bytes(b"PGDMP" * 100)
    return folder


def contents(folder: Path) -> list[str]:
    return sorted(str(item.relative_to(folder)) for item in folder.rglob("*"))


@pytest.mark.parametrize("level", [0, 1])
def test_f05_no_set_is_written_or_read_through_a_link(tmp_path: Path, outside: Path, level: int) -> None:
    root = tmp_path / "repository"
    repository = Repository(str(root))
    make_set(repository)
    victim = root / "db1" / "main" if level else root / "db1"
    kept = victim.rename(outside / "kept")
    victim.symlink_to(kept)
    before = contents(outside)
    for attempt in (lambda: make_set(repository), lambda: repository.open("db1", "main")):
        with pytest.raises(RepositoryError, match="is a symbolic link"):
            attempt()
    assert list(repository.sets()) == []
    assert contents(outside) == before


def test_f05_a_link_in_the_place_of_a_set_is_no_set(path: Path, outside: Path) -> None:
    repository = Repository(str(path.parent.parent.parent))
    kept = path.rename(outside / path.name)
    path.symlink_to(kept)
    assert list(repository.sets()) == []
    with pytest.raises(BackupError, match="holds no set"):
        repository.open("db1", "main")


def test_f05_leftovers_that_are_links_are_not_followed(path: Path, outside: Path) -> None:
    (path.parent / "20200101T000000Z.partial").symlink_to(outside)
    before = contents(outside)
    make_set(Repository(str(path.parent.parent.parent)))
    assert contents(outside) == before


@pytest.mark.parametrize("name", ["manifest.json", "SHA256SUMS"])
@pytest.mark.parametrize("kind", ["link", "pipe", "directory", "device"])
def test_f05_what_is_no_file_is_neither_followed_nor_waited_for(path: Path, name: str, kind: str) -> None:
    victim = path / name
    kept = victim.rename(path.parent / "kept")
    if kind == "link":
        victim.symlink_to(kept)
    elif kind == "pipe":
        os.mkfifo(victim)
    elif kind == "directory":
        victim.mkdir()
    elif os.geteuid() == 0:
        os.mknod(victim, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    else:
        pytest.skip("only root can make devices")
    with pytest.raises(DamagedSet, match="symbolic link|not a regular file"):
        SetReader(str(path))


@pytest.mark.parametrize("victim", ["databases", "databases/shop", "databases/shop/toc.dat"])
def test_f05_artefacts_behind_links_are_not_read(path: Path, outside: Path, victim: str) -> None:
    """What lies there is even equal to what was stored."""
    kept = (path / victim).rename(outside / "kept")
    (path / victim).symlink_to(kept)
    reader = SetReader(str(path))
    artefact = reader.artefact("database", "shop")
    assert reader.check_contents(artefact)
    for attempt in (lambda: reader.verify(artefact), lambda: reader.path(artefact)):
        with pytest.raises(DamagedSet, match="symbolic link|not a regular file|neither a file nor a directory"):
            attempt()
    assert verify_set(SetReader(str(path)), "checksum", 1, Reporter())


def test_f05_a_link_beside_the_files_of_an_artefact_is_refused(path: Path, outside: Path) -> None:
    (path / "databases" / "shop" / "1.dat").symlink_to(outside / "toc.dat")
    reader = SetReader(str(path))
    with pytest.raises(DamagedSet, match="neither a file nor a directory"):
        reader.path(reader.artefact("database", "shop"))


@pytest.mark.parametrize("data", [b"[" * 200_000, b'{"a": NaN}', b'{"a": 1, "a": 2}', b"\xff", b""])
def test_what_lies_in_a_set_as_json_is_read_as_strictly(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "proof.json"
    file.write_bytes(data)
    with pytest.raises(DamagedSet, match="proof.json is not valid JSON"):
        read_json(str(file))


@pytest.mark.parametrize("line", [b"[" * 200_000, b"{", b"1", b"\xff"])
def test_a_line_of_a_listing_that_is_none_is_damage(line: bytes) -> None:
    with pytest.raises(DamagedSet, match="listing"):
        parse(line)


@pytest.mark.parametrize(
    "value",
    [{"kind": ["table"], "name": "a"}, {"kind": "table"}, {"kind": "table", "name": "a", "grants": [["SELECT"]]}, 1],
)
def test_an_object_of_a_proof_that_is_none_is_damage(value: Any) -> None:
    whole = {"schema_version": 1, "engine": "mysql", "flavour": "mysql", "server_version": "8", "level": "counts"}
    with pytest.raises(DamagedSet, match="proof is malformed"):
        Proof.from_json({**whole, "instance": [value], "databases": {}})
