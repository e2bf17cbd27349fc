# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot work is refused: one message with cause and remedy, and nothing is left behind."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from tests.integration.modules.harness import Workplace, message_of, result_of
from tests.integration.modules.samples import Sample
from tests.support.server import free_port

PREFIX = ("unshare", "--mount", "sh", "-c")
NOBODY = pwd.getpwnam("nobody")


def hiding(program: str) -> tuple[str, ...]:
    """Words before a command that make a program disappear for it: /dev/null in its place cannot be executed."""
    script = f'for file in $(which -a {program}); do mount --bind /dev/null "$file"; done; exec "$@"'
    return (*PREFIX, script, "sh")


def test_server_down(work: Workplace, sample: Sample) -> None:
    result = work.run("dump", **{**sample.tcp, "login_port": free_port()}, **work.place)
    message_of(result, "127.0.0.1", "refused|cannot|not reach", "What to do: .*(server|start|run)")
    work.assert_clean()


def test_socket_without_a_server(work: Workplace, sample: Sample) -> None:
    result = work.run("dump", **{**sample.local, "login_unix_socket": str(work.root / "nowhere")}, **work.place)
    message_of(result, "nowhere", "What to do: ")
    work.assert_clean()


def test_wrong_password(work: Workplace, sample: Sample) -> None:
    result = work.run("dump", **{**sample.tcp, "login_password": "wr0ng-secret"}, **work.place)
    message = message_of(result, sample.account, "What to do: .*password")
    assert "wr0ng-secret" not in message and "wr0ng-secret" not in str(result)
    work.assert_clean()


@pytest.mark.parametrize("module", ["dump", "restore", "proof_info", "instance_info"])
def test_unknown_database(work: Workplace, sample: Sample, module: str) -> None:
    if module in ("restore", "proof_info"):
        work.run("dump", **sample.local, **work.place)
    place = {"repository": str(work.repository)} if module == "instance_info" else work.place
    result = work.run(module, **sample.local, **place, databases=["shop", "nope"])
    message_of(result, "nope", "What to do: ")
    work.assert_clean(sets=1 if module in ("restore", "proof_info") else 0)


def test_missing_program(work: Workplace, sample: Sample) -> None:
    result = work.run("dump", hiding("zstd"), **sample.local, **work.place)
    message_of(result, "zstd", "(not installed|install)")
    work.assert_clean()


def test_missing_privilege(work: Workplace, sample: Sample) -> None:
    server = sample.server
    if sample.local["engine"] == "postgresql":
        server.sql("DROP ROLE IF EXISTS weak")
        server.sql("CREATE ROLE weak LOGIN PASSWORD 'weak password'")
    else:
        server.sql("CREATE OR REPLACE USER weak@'%' IDENTIFIED BY 'weak password'")
        server.sql("GRANT SELECT ON shop.* TO weak@'%'")
    result = work.run(
        "dump",
        **{**sample.tcp, "login_user": "weak", "login_password": "weak password"},
        **work.place,
        databases=["shop"],
    )
    server.sql("DROP ROLE weak" if sample.local["engine"] == "postgresql" else "DROP USER weak@'%'")
    message = message_of(result, "weak|privilege|permission", "grant|What to do")
    assert "weak password" not in message
    work.assert_clean()


def test_repository_not_writable(work: Workplace, sample: Sample) -> None:
    as_nobody = ("setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups")
    work.repository.chmod(0o755)
    result = work.run("dump", as_nobody, **sample.tcp, **work.place)
    message_of(result, "repository is not writable", str(work.repository), "What to do: .*become")
    work.assert_clean()


def test_repository_that_is_a_file(work: Workplace, sample: Sample) -> None:
    file = work.root / "file"
    file.write_text("")
    result = work.run("dump", **sample.local, **{**work.place, "repository": str(file / "below")})
    message_of(result, "is not a directory", "What to do: ")
    work.assert_clean()


def test_f09_a_backup_that_does_not_fit_is_refused_beforehand(work: Workplace, sample: Sample) -> None:
    small = work.repository / "small"
    small.mkdir()
    script = f'mount -t tmpfs -o size=64k none {small} && "$@"; code=$?; ls -A {small} >&2; exit $code'
    result = work.run("dump", (*PREFIX, script, "sh"), **sample.local, **{**work.place, "repository": str(small)})
    message_of(result, "has .* free; the backup may need", "What to do: free space")
    work.assert_clean()


def test_two_runs_at_once(work: Workplace, sample: Sample) -> None:
    work.hold("zstd")
    with work.started("dump", **sample.local, **work.place) as first:
        work.held()
        second = work.run("dump", **sample.local, **work.place)
        message_of(second, "another backup of 'main' of 'db1' is running", f"process {first.pid}", "What to do: wait")
        assert len(work.partial()) == 1, "the living one's folder stays"
        work.release()
        assert "failed" not in result_of(first)
    work.assert_clean(sets=1)


def test_target_not_empty(work: Workplace, sample: Sample) -> None:
    work.run("dump", **sample.local, **work.place)
    before = sample.server.value("SELECT count(*) FROM orders", database="shop")
    result = work.run("restore", **sample.local, **work.place)
    message_of(result, "'?shop'? exists", "'?crm'? exists", "rename|another name|drop|if_exists")
    assert sample.server.value("SELECT count(*) FROM orders", database="shop") == before
    work.assert_clean(sets=1)


def test_engines_do_not_mix(work: Workplace, sample: Sample) -> None:
    work.run("dump", **sample.local, **work.place)
    other = "mysql" if sample.local["engine"] == "postgresql" else "postgresql"
    result = work.run("restore", engine=other, **work.place)
    message_of(result, f"holds {sample.local['engine']}, not {other}", "What to do: ")


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("dump", {"compression_level": 20}, "compression_level is 20"),
    ("dump", {"jobs": 0}, "jobs is 0"),
    ("dump", {"databases": []}, "databases is empty"),
    ("dump", {"instance": ""}, "instance is empty"),
    ("dump", {"repository": "relative"}, "relative.*absolute"),
    ("dump", {"login_port": 70000}, "login_port is 70000"),
    ("backup_verify", {"set": "20200101T000000Z"}, "no set"),
    ("backup_verify", {"set": "/nowhere"}, "no set at /nowhere"),
    ("files_archive", {"paths": ["relative"]}, "relative.*not absolute"),
    ("files_archive", {"paths": ["/nowhere/*"]}, "/nowhere/\\* matches nothing"),
    ("files_archive", {"paths": []}, "paths|pattern"),
    ("files_restore", {}, "no set"),
    ("restore", {"engine": "postgresql"}, "no set"),
    ("backup_info", {"newest": 0}, "newest is 0"),
]


@pytest.mark.parametrize(
    ("module", "wrong", "message"), WRONG, ids=[f"{item[0]}-{'-'.join(item[1])}" for item in WRONG]
)
def test_options_that_make_no_sense(work: Workplace, module: str, wrong: dict[str, Any], message: str) -> None:
    given = {**work.place, **({"engine": "postgresql"} if module == "dump" else {}), **wrong}
    if module == "backup_info":
        given = {"repository": str(work.repository), **wrong}
    message_of(work.run(module, **given), message)
    work.assert_clean()


def test_files_that_cannot_be_read_fail_the_set_and_are_named(work: Workplace) -> None:
    tree = work.root / "tree"
    tree.mkdir()
    (tree / "open").write_text("x")
    (tree / "secret").write_text("x")
    (tree / "secret").chmod(0o600)
    work.root.chmod(0o755)
    for path in (work.repository, tree):
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    as_nobody = ("setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups")
    result = work.run("files_archive", as_nobody, **work.place, paths=[str(tree)])
    message_of(result, str(tree / "secret"), "become|allow_unreadable")
    work.assert_clean()
    result = work.run("files_archive", as_nobody, **work.place, paths=[str(tree)], allow_unreadable=True)
    assert "failed" not in result, result
    assert any(str(tree / "secret") in text for text in result["omissions"]), result
    work.assert_clean(sets=1)


def test_f04_root_of_a_files_restore_is_never_left(work: Workplace, tmp_path: Path) -> None:
    tree = work.root / "tree"
    tree.mkdir()
    (tree / "file").write_text("x")
    work.run("files_archive", **work.place, paths=[str(tree)])
    target = tmp_path / "target"
    target.mkdir(mode=0o751)
    target.chmod(0o751)
    (target / tree.parts[1]).symlink_to(tmp_path)
    result = work.run("files_restore", **work.place, root=str(target))
    message_of(result, "symbolic link|link")
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
    assert target.stat().st_mode & 0o777 == 0o751
