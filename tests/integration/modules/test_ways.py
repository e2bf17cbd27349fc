# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each module in its main ways, on real servers."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError

from tests.integration.modules.harness import Workplace, call
from tests.integration.modules.samples import HOSTILE, Sample
from tests.integration.modules.sets import alter, files_of
from tests.support.postgresql import PostgresServer


def names(server: Any) -> set[str]:
    statement = (
        "SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')"
        if isinstance(server, PostgresServer)
        else "SELECT schema_name FROM information_schema.schemata"
        " WHERE schema_name NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')"
    )
    return {row[0] for row in server.sql(statement)}


def test_instance_info(work: Workplace, sample: Sample) -> None:
    result = call("instance_info", **sample.local, repository=str(work.repository))
    assert result["changed"] is False and result["problems"] == [] and result["missing_privileges"] == []
    assert {"shop", "crm"} <= {item["name"] for item in result["databases"]}
    assert {"shop", "crm"} <= set(result["selected"])
    assert result["version"] and result["version_number"][0] >= 10
    assert result["tools"]["zstd"]
    assert 0 < result["estimated_bytes"] < result["repository_free_bytes"]
    assert sample.password not in str(result)
    work.assert_clean()


def test_instance_info_names_problems_without_failing(work: Workplace, sample: Sample) -> None:
    file = work.root / "file"
    file.write_text("")
    result = call("instance_info", **sample.local, repository=str(file / "below"))
    assert any("is not a directory" in text for text in result["problems"])
    with pytest.raises(BackupError, match="is not a directory"):
        call("instance_info", **sample.local, repository=str(file / "below"), fail_on_problems=True)


def test_dump_restore_proof(work: Workplace, sample: Sample, empty: Any) -> None:
    planned = call("dump", check=True, diff=True, **sample.local, **work.place)
    assert planned["changed"] is True and "set" not in planned and planned["diff"]["before"] == ""
    work.assert_clean()

    made = call("dump", diff=True, **sample.local, **work.place, proof="content", run_id="run 7")
    assert made["changed"] is True and made["run_id"] == "run 7"
    assert {item["name"] for item in made["databases"]} >= {"shop", "crm"}
    assert all(item["stored"] > 0 for item in made["databases"])
    assert made["diff"]["after"] == made["set"]["id"] + "\n"
    path = Path(made["set"]["path"])
    assert "sha256sum" in (path / "RESTORE.md").read_text()
    done = subprocess.run(
        ["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    modes = {item.stat().st_mode & 0o777 for item in [path, *path.rglob("*")] if item.is_dir()}
    assert modes == {0o700}
    assert {item.stat().st_mode & 0o777 for item in path.rglob("*") if item.is_file()} == {0o600}
    assert call("backup_verify", **work.place, level="deep")["ok"] is True

    (listed,) = call("backup_info", repository=str(work.repository), run_id="run 7", newest=1)["sets"]
    assert listed["id"] == made["set"]["id"] and listed["verified"]["level"] == "deep" and listed["age"] >= 0
    assert call("backup_info", repository=str(work.repository), run_id="other")["sets"] == []

    target = empty.login()
    would = call("restore", check=True, diff=True, **target, **work.place)
    assert would["changed"] is True and names(empty) == set()
    assert "database shop\n" in would["diff"]["after"] and "app" in would["diff"]["after"]
    assert "SCRAM-SHA" not in str(would) and sample.password not in str(would)

    restored = call("restore", diff=True, **target, **work.place)
    assert {item["name"] for item in restored["databases"]} >= {"shop", "crm"}
    assert names(empty) == names(sample.server)
    proof = call("proof_info", **target, **work.place)
    assert proof["differences"] == [] and proof["equal"] is True and proof["level"] == "content"
    assert {"shop", "crm"} <= set(proof["proven"])

    again = call("restore", **target, **work.place, if_exists="skip", databases=["shop", "crm"])
    assert again["changed"] is False and sorted(again["kept"]) == ["crm", "shop"] and again["roles"] == []
    work.assert_clean(sets=1)

    empty.sql("DELETE FROM items WHERE id = 7", database="shop")
    found = call("proof_info", **target, **work.place)
    assert found["total"] == 1 and "items" in found["differences"][0]["message"]
    assert found["differences"][0]["expected"] == "300" and found["differences"][0]["found"] == "299"
    assert found["proven"] == [name for name in found["proven"] if name != "shop"]
    with pytest.raises(BackupError, match="items"):
        call("proof_info", **target, **work.place, fail_on_difference=True)


def test_restore_of_chosen_databases_under_other_names(work: Workplace, sample: Sample) -> None:
    call("dump", **sample.local, **work.place, databases=["s*"], proof="content")
    before = names(sample.server)
    # Grants are in the database with PostgreSQL, and with the accounts with MySQL.
    roles = "none" if sample.local["engine"] == "postgresql" else "all"
    given = {"databases": ["shop"], "rename": {"shop": "shop 2"}, "roles": roles}
    would = call("restore", check=True, **sample.local, **work.place, **given)
    result = call("restore", **sample.local, **work.place, **given)
    try:
        assert would["databases"] == [{"recorded": "shop", "name": "shop 2", "previous": None}]
        assert [(item["recorded"], item["name"]) for item in result["databases"]] == [("shop", "shop 2")]
        assert names(sample.server) - before == {"shop 2"}
        proof = call("proof_info", **sample.local, **work.place, rename={"shop": "shop 2"}, instance_objects=False)
        assert proof["differences"] == [] and proof["proven"] == ["shop 2"]
    finally:
        quote = '"' if sample.local["engine"] == "postgresql" else "`"
        sample.server.sql(f"DROP DATABASE {quote}shop 2{quote}")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rename": {"nope": "x"}}, "rename names databases that are not selected"),
        ({"rename": {"shop": "crm"}}, "would both be restored as 'crm'"),
        ({"rename": {"shop": ""}}, "an empty name"),
    ],
)
def test_renames_that_make_no_sense(work: Workplace, sample: Sample, given: dict[str, Any], words: str) -> None:
    call("dump", **sample.local, **work.place)
    with pytest.raises(BackupError, match=words):
        call("restore", **sample.local, **work.place, **given)


def test_contents_cannot_be_compared_with_a_set_of_counts(work: Workplace, sample: Sample) -> None:
    call("dump", **sample.local, **work.place)
    with pytest.raises(BackupError, match="proven by counts only"):
        call("proof_info", **sample.local, **work.place, level="content")
    assert call("proof_info", **sample.local, **work.place)["equal"] is True


def test_p34_hostile_names_survive(work: Workplace, sample: Sample, empty: Any, tmp_path: Path) -> None:
    postgresql = isinstance(empty, PostgresServer)
    quote = '"' if postgresql else "`"
    # MySQL and MariaDB refuse names that end with a space, PostgreSQL takes what a server's encoding holds.
    for name in HOSTILE:
        quoted = quote + name.replace(quote, quote * 2) + quote
        empty.sql(f"CREATE DATABASE {quoted}")
        empty.sql("CREATE TABLE t (i int)", database=name)
        empty.sql("INSERT INTO t VALUES (1)", database=name)
    login = empty.login()
    made = call("dump", **login, **work.place, proof="content")
    assert {item["name"] for item in made["databases"]} >= set(HOSTILE)
    assert call("backup_verify", **work.place, level="deep")["ok"] is True
    for name in HOSTILE:
        quoted = quote + name.replace(quote, quote * 2) + quote
        empty.sql(f"DROP DATABASE {quoted}")
    restored = call("restore", **login, **work.place, databases=list(HOSTILE))
    assert {item["name"] for item in restored["databases"]} == set(HOSTILE)
    proof = call("proof_info", **login, **work.place, databases=list(HOSTILE))
    assert proof["differences"] == []
    assert not (Path.cwd() / "pwned").exists() and not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("name", ["../../escape", "a/b", ".hidden", "ümlaut", "-x"])
def test_hostile_names_of_instances_stay_in_the_repository(work: Workplace, pg_sample: Sample, name: str) -> None:
    place = {"repository": str(work.repository), "source": name, "instance": name}
    made = call("dump", **pg_sample.local, **place, databases=["crm"])
    path = Path(made["set"]["path"])
    assert path.is_relative_to(work.repository) and len(path.relative_to(work.repository).parts) == 3
    (listed,) = call("backup_info", repository=str(work.repository), source=name, instance=name)["sets"]
    assert (listed["source"], listed["instance"]) == (name, name)


def test_roles_export(work: Workplace, sample: Sample) -> None:
    dest = work.root / "roles.sql"
    given = {**sample.local, "dest": str(dest)}
    would = call("roles_export", check=True, diff=True, **given)
    assert would["changed"] is True and not dest.exists() and would["diff"]["before"] == ""
    assert call("roles_export", **given)["changed"] is True
    assert dest.stat().st_mode & 0o777 == 0o600
    assert call("roles_export", **given)["changed"] is False
    dest.chmod(0o644)
    assert call("roles_export", **given)["changed"] is True
    assert dest.stat().st_mode & 0o777 == 0o600

    statement = "ALTER ROLE app PASSWORD '{}'" if sample.local["engine"] == "postgresql" else (
        "ALTER USER app@'%' IDENTIFIED BY '{}'"
    )  # fmt: skip
    old = dest.read_text()
    sample.server.sql(statement.format("another one"))
    result = call("roles_export", diff=True, **given)
    assert result["changed"] is True
    assert [name for name in result["changed_roles"] if "app" in name] == result["changed_roles"] != []
    before, after = result["diff"]["before"], result["diff"]["after"]
    changed = set(after.splitlines()) - set(before.splitlines())
    assert len(changed) >= 1 and all("app" in line for line in changed)
    for text in (old, dest.read_text()):
        for secret in hashes_in(text):
            assert secret not in str(result)


def hashes_in(sql: str) -> list[str]:
    found = re.findall(r"SCRAM-SHA-256\$[^']+|\*[0-9A-F]{40}", sql)
    assert found, "the file holds no hashes at all"
    return found


def test_roles_export_to_a_place_that_is_none(work: Workplace, sample: Sample) -> None:
    for dest, words in ((work.root, "is a directory"), (work.root / "nowhere" / "roles.sql", "does not exist")):
        with pytest.raises(BackupError, match=words):
            call("roles_export", **sample.local, dest=str(dest))


def tree_of(root: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mode,
            str(path.readlink())
            if path.is_symlink()
            else hashlib.sha256(path.read_bytes()).hexdigest()
            if path.is_file()
            else "",
        )
        for path in root.rglob("*")
    }


def test_files_archive_restore_proof(work: Workplace) -> None:
    tree = work.root / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "a.conf").write_text("a")
    (tree / "sub" / "b.txt").write_text("b")
    (tree / "sub" / "b.txt").chmod(0o640)
    (tree / "link").symlink_to("a.conf")
    given = {**work.place, "paths": [str(tree)]}
    would = call("files_archive", check=True, **given)
    assert would["changed"] is True and would["files"] == 5
    work.assert_clean()
    made = call("files_archive", diff=True, **given)
    assert made["files"] == 5 and made["archives"][0]["stored"] > 0
    assert made["diff"]["after"] == made["set"]["id"] + "\n"
    assert call("backup_verify", **work.place, level="deep")["ok"] is True
    (listed,) = call("backup_info", repository=str(work.repository))["sets"]
    assert listed["engine"] == "files" and listed["databases"] == [str(tree)]

    root = work.root / "other"
    would = call("files_restore", check=True, diff=True, **work.place, root=str(root))
    assert would["changed"] is True and not root.exists() and "b.txt" in would["diff"]["after"]
    restored = call("files_restore", **work.place, root=str(root))
    assert restored["changed"] is True
    assert tree_of(root / str(tree).lstrip("/")) == tree_of(tree)
    assert call("files_restore", **work.place, root=str(root))["changed"] is False
    proof = call("proof_info", engine="files", **work.place, root=str(root))
    assert proof["differences"] == [] and proof["compared"] == 5

    (tree / "sub" / "b.txt").chmod(0o600)
    found = call("proof_info", engine="files", **work.place)
    assert found["total"] == 1 and "mode" in found["differences"][0]["message"]
    with pytest.raises(BackupError, match="b.txt"):
        call("proof_info", engine="files", **work.place, fail_on_difference=True)
    with pytest.raises(BackupError, match="b.txt"):
        call("files_restore", **work.place)
    assert call("files_restore", **work.place, if_exists="skip")["changed"] is False
    assert call("files_restore", **work.place, if_exists="replace")["replaced"] == 1
    assert call("proof_info", engine="files", **work.place)["equal"] is True
    work.assert_clean(sets=1)


def test_f14_a_damaged_archive_restores_nothing(work: Workplace) -> None:
    tree = work.root / "tree"
    tree.mkdir()
    (tree / "a").write_text("a" * 100)
    made = call("files_archive", **work.place, paths=[str(tree)])
    alter(files_of(Path(made["set"]["path"]), "archive")[0])
    root = work.root / "other"
    for check in (True, False):
        with pytest.raises(BackupError):
            call("files_restore", check=check, **work.place, root=str(root))
    assert not root.exists() or list(root.rglob("a")) == []
    with pytest.raises(BackupError, match="altered"):
        call("backup_verify", **work.place)
