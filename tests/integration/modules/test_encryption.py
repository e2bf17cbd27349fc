# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encrypted sets: nothing of their contents without a private key, everything with it, and no trace of the key."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.vya.backupdb.plugins.module_utils import _process
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    DamagedSet,
    MissingProgram,
    UsageError,
)

from tests.integration.modules.harness import Ansible, Workplace, call, meanwhile, message_of, result_of
from tests.integration.modules.samples import Sample
from tests.integration.modules.sets import alter, files_of, rewrite_manifest, truncate
from tests.integration.modules.test_ways import names
from tests.support.keys import Key, age_key, ssh_key
from tests.support.paths import CHECKOUT, ansible_environment
from tests.support.postgresql import PostgresServer

READABLE = {"manifest.json", "SHA256SUMS", "RESTORE.md"}


@pytest.fixture(scope="module")
def daily() -> Key:
    """The key that is used every day."""
    return age_key()


@pytest.fixture(scope="module")
def recovery() -> Key:
    """The key in the safe."""
    return age_key()


@pytest.fixture
def tree(work: Workplace) -> Path:
    """Some files."""
    root = work.root / "tree"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "secret plan.txt").write_text("the contents of the plan\n")
    (root / "link").symlink_to("sub/secret plan.txt")
    return root


def secrets_of(sample: Sample) -> list[str]:
    """What stands in a sample's databases, roles and settings."""
    if isinstance(sample.server, PostgresServer):
        hashed = sample.server.value("SELECT rolpassword FROM pg_authid WHERE rolname = %s", sample.account)
    else:
        hashed = sample.server.value("SELECT password FROM mysql.user WHERE user = %s", sample.account)
    return [str(hashed), "orders", "items", "people", "reporting", "keeper"]


def assert_opaque(path: Path, secrets: list[str]) -> None:
    """A set shows nothing of some texts, and what is not meant to be readable is encrypted by age."""
    for file in path.rglob("*"):
        assert file.stat().st_mode & 0o777 == (0o600 if file.is_file() else 0o700), file
        if file.is_file():
            if file.name not in READABLE:
                assert file.read_bytes().startswith(b"age-encryption.org/v1\n"), file
            else:
                for secret in secrets:
                    assert secret not in file.read_text(), f"{secret} is in {file.name}"


def reseal(path: Path, file: Path) -> None:
    """Let the sums and the manifest of a set fit a file that was changed."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    name = str(file.relative_to(path))
    sums = path / "SHA256SUMS"
    sums.write_text(re.sub(rf"^[0-9a-f]{{64}}(?=  {re.escape(name)}$)", digest, sums.read_text(), flags=re.MULTILINE))

    def change(manifest: dict[str, Any]) -> None:
        for artefact in manifest["artefacts"]:
            for entry in artefact["files"]:
                if entry["path"] == name:
                    entry.update(size=file.stat().st_size, sha256=digest)

    rewrite_manifest(path, change)


def test_databases_are_read_with_a_key_only(
    work: Workplace, sample: Sample, empty: Any, daily: Key, recovery: Key
) -> None:
    recipients = [daily.public, recovery.public]
    made = call("dump", **sample.local, **work.place, recipients=recipients, proof="content")
    assert not [text for text in made["warnings"] if "key" in text]
    assert all(item["stored"] > 0 for item in made["databases"])
    path = Path(made["set"]["path"])
    manifest = json.loads((path / "manifest.json").read_text())
    assert (manifest["schema_version"], manifest["recipients"]) == (2, recipients)
    assert {item["name"] for item in manifest["databases"]} >= {"shop", "crm"}
    schema = json.loads((CHECKOUT / "docs" / "manifest.schema.json").read_text())
    jsonschema.validate(manifest, schema)
    assert set(manifest) == set(schema["properties"])
    assert_opaque(path, secrets_of(sample))

    assert call("backup_verify", **work.place)["ok"] is True
    (listed,) = call("backup_info", repository=str(work.repository))["sets"]
    assert listed["problem"] is None and "shop" in listed["databases"]
    with pytest.raises(UsageError, match="is encrypted, and no private key was given"):
        call("backup_verify", **work.place, level="deep")

    opened = {"identity": [recovery.private], "staging": str(work.tmp)}
    assert call("backup_verify", **work.place, level="deep", **opened)["ok"] is True
    target = empty.login()
    assert call("preflight_info", **target, **work.place, **opened)["ready"] is True
    restored = call("restore", **target, **work.place, **opened)
    assert {item["name"] for item in restored["databases"]} >= {"shop", "crm"}
    assert names(empty) == names(sample.server)
    proof = call("proof_info", **target, **work.place, **opened)
    assert proof["differences"] == [] and proof["level"] == "content"
    work.assert_clean(sets=1)


@pytest.mark.parametrize("kind", ["age", "ed25519", "rsa"])
def test_files_are_read_with_a_key_of_every_kind(work: Workplace, tree: Path, recovery: Key, kind: str) -> None:
    key = age_key() if kind == "age" else ssh_key(kind)
    made = call("files_archive", **work.place, paths=[str(tree)], recipients=[recovery.public, key.public])
    path = Path(made["set"]["path"])
    assert_opaque(path, ["secret plan", "contents of the plan", "someone@somewhere"])
    opened = {"identity": [age_key().private, key.private], "staging": str(work.tmp)}
    assert call("backup_verify", **work.place, level="deep", **opened)["ok"] is True
    root = work.root / "restored"
    restored = call("files_restore", **work.place, root=str(root), **opened)
    assert restored["created"] >= 3
    assert (root / str(tree)[1:] / "link").read_text() == "the contents of the plan\n"
    assert call("proof_info", engine="files", **work.place, root=str(root), **opened)["equal"] is True
    with pytest.raises(UsageError, match="no private key was given"):
        call("files_restore", **work.place, root=str(root / "other"))
    work.assert_clean(sets=1)


WRONG_IDENTITIES = {
    "none": ([], "is encrypted, and no private key was given.*give with identity"),
    "of another": ([""], "None of the private keys that were given opens.*give with identity"),
    "text": (["a password"], "none of age or SSH"),
    "public": ([""], "is a public one"),
    "cut": (["AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQ"], "cannot read a private key that was given"),
    "passphrase": ([""], "needs a passphrase"),
}


@pytest.mark.parametrize("case", WRONG_IDENTITIES)
def test_without_a_key_that_fits_nothing_changes(
    work: Workplace, pg_sample: Sample, daily: Key, recovery: Key, case: str
) -> None:
    identity, words = WRONG_IDENTITIES[case]
    if case == "of another":
        identity = [age_key().private, ssh_key("ed25519").private]
    elif case == "public":
        identity = [daily.public]
    elif case == "passphrase":
        identity = [ssh_key("ed25519", "a passphrase").private]
    call("dump", **pg_sample.local, **work.place, databases=["crm"], recipients=[daily.public, recovery.public])
    before = names(pg_sample.server)
    for module, given in (
        ("restore", {**pg_sample.local, "target": "other", "roles": "none"}),
        ("preflight_info", {**pg_sample.local, "target": "other"}),
        ("proof_info", pg_sample.local),
        ("backup_verify", {"level": "deep"}),
    ):
        with pytest.raises(UsageError, match=words) as caught:
            call(module, **work.place, identity=identity, staging=str(work.tmp), **given)
        for text in identity:
            for line in text.splitlines():
                assert len(line) < 20 or case == "public" or line not in str(caught.value)
    assert names(pg_sample.server) == before
    work.assert_clean(sets=1)


@pytest.mark.parametrize(
    "recipients",
    [
        ["me@example.org"],
        ["age1qqqqqqqq"],
        ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA"],
        ["ssh-dss AAAAB3NzaC1kc3M="],
        [""],
    ],
)
def test_recipients_are_tried_before_anything_is_done(
    work: Workplace, pg_sample: Sample, tree: Path, daily: Key, recipients: list[str]
) -> None:
    for module, given in (("dump", pg_sample.local), ("files_archive", {"paths": [str(tree)]})):
        for check in (True, False):
            with pytest.raises(UsageError, match="is not a public key that age encrypts to"):
                call(module, check=check, **given, **work.place, recipients=[daily.public, *recipients])
    work.assert_clean()
    assert list(work.repository.iterdir()) == []


def test_f07_a_private_key_among_the_recipients_is_refused(work: Workplace, tree: Path, daily: Key) -> None:
    for key in (daily, ssh_key("ed25519")):
        with pytest.raises(UsageError, match="A private key is among the recipients") as caught:
            call("files_archive", **work.place, paths=[str(tree)], recipients=[key.private])
        assert key.private.strip().splitlines()[-2] not in str(caught.value)
    work.assert_clean()


def test_f07_a_single_recipient_is_warned_about(work: Workplace, tree: Path, daily: Key, recovery: Key) -> None:
    for check in (True, False):
        warned = call(
            "files_archive", check=check, **work.place, paths=[str(tree)], recipients=[daily.public, daily.public]
        )
        (text,) = [text for text in warned["warnings"] if "one key only" in text]
        assert "recovery key" in text and "backupdb_recipients" in text
    quiet = call("files_archive", **work.place, paths=[str(tree)], recipients=[daily.public, recovery.public])
    assert quiet["warnings"] == []


def test_age_missing_is_said_with_its_package(
    work: Workplace, tree: Path, daily: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = call("files_archive", **work.place, paths=[str(tree)], recipients=[daily.public])
    folder = work.root / "programs"
    folder.mkdir()
    for program in ("setpriv", "tar", "zstd"):
        (folder / program).symlink_to(str(shutil.which(program)))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(_process, "_SYSTEM_PATH", str(folder))
    with pytest.raises(MissingProgram, match="apt-get install age"):
        call("files_archive", **work.place, paths=[str(tree)], recipients=[daily.public])
    with pytest.raises(MissingProgram, match="apt-get install age"):
        call("files_restore", **work.place, root=str(work.root / "other"), identity=[daily.private])
    assert call("backup_verify", **work.place)["set"]["id"] == made["set"]["id"]
    work.assert_clean(sets=1)


@pytest.mark.parametrize(
    ("kind", "damage"), [("database", alter), ("database", truncate), ("roles", alter), ("details", truncate)]
)
def test_f14_what_age_alone_can_know(work: Workplace, sample: Sample, daily: Key, kind: str, damage: Any) -> None:
    """Sums that were made to fit do not help: every piece is authenticated."""
    path = Path(call("dump", **sample.local, **work.place, recipients=[daily.public])["set"]["path"])
    file = files_of(path, kind)[0]
    damage(file)
    with pytest.raises(BackupError, match="was altered: its SHA-256 differs|bytes instead of"):
        call("backup_verify", **work.place)
    opened = {"identity": [daily.private], "staging": str(work.tmp)}
    target = {"databases": ["shop", "crm"], "rename": {"shop": "shop_again", "crm": "crm_again"}}
    before = names(sample.server)
    with pytest.raises(DamagedSet, match="altered|damaged"):
        call("restore", **sample.local, **work.place, **opened, **target)
    reseal(path, file)
    assert call("backup_verify", **work.place)["ok"] is True
    with pytest.raises(BackupError, match="truncated or was altered"):
        call("backup_verify", **work.place, level="deep", **opened)
    for check in (True, False):
        with pytest.raises(BackupError, match="truncated or was altered"):
            call("restore", check=check, **sample.local, **work.place, **opened, **target)
    assert names(sample.server) == before
    work.assert_clean(sets=1)


def test_a_hostile_archive_of_a_database_leads_nowhere(work: Workplace, pg_sample: Sample, daily: Key) -> None:
    """Whoever has the public key can make what decrypts; links out and names above stay without effect."""
    path = Path(
        call("dump", **pg_sample.local, **work.place, databases=["crm"], recipients=[daily.public])["set"]["path"]
    )
    (file,) = files_of(path, "database")
    forged = work.root / "forged"
    forged.mkdir()
    (forged / "toc.dat").symlink_to("/etc/passwd")
    packed = subprocess.run(["tar", "-C", forged, "-cf", "-", "."], capture_output=True, check=True).stdout
    made = subprocess.run(["age", "-r", daily.public], input=packed, capture_output=True, check=True).stdout
    file.write_bytes(made)
    reseal(path, file)
    with pytest.raises(DamagedSet, match="neither a file nor a directory"):
        call(
            "restore", **pg_sample.local, **work.place, target="other", roles="none", identity=[daily.private],
            staging=str(work.tmp),
        )  # fmt: skip
    work.assert_clean(sets=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_is_decrypted_goes_with_the_run(
    work: Workplace, pg_sample: Sample, daily: Key, number: signal.Signals
) -> None:
    call("dump", **pg_sample.local, **work.place, recipients=[daily.public])
    given = {**pg_sample.local, **work.place, "identity": [daily.private], "target": "again", "databases": ["shop"]}
    given["roles"] = "none"
    work.hold("tar")
    with work.started("restore", **given) as process:
        work.held()
        (opened,) = work.tmp.glob("backupdb-opened-*")
        assert opened.stat().st_mode & 0o777 == 0o700
        assert {item.stat().st_mode & 0o077 for item in opened.rglob("*")} == {0}
        process.send_signal(number)
        if number == signal.SIGTERM:
            message_of(result_of(process), "stopped by SIGTERM")
            work.assert_clean(sets=1)
        else:
            process.wait()
            assert opened.is_dir()
            os.utime(opened, (time.time() - 3600, time.time() - 3600))
    work.release()
    result = work.run("restore", **given)
    try:
        assert result["changed"] is True, result
        work.assert_clean(sets=1)
    finally:
        pg_sample.server.sql("DROP DATABASE IF EXISTS again")


def test_p22_passwords_of_user_mappings_are_kept_and_hidden(work: Workplace, pg_sample: Sample, daily: Key) -> None:
    server, password = pg_sample.server, "pw-of-the-mapping"
    server.sql("CREATE DATABASE foreign_data")
    server.sql(
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER elsewhere FOREIGN DATA WRAPPER w;"
        f"CREATE USER MAPPING FOR app SERVER elsewhere OPTIONS (user 'u', password '{password}')",
        database="foreign_data",
    )
    given = {"databases": ["foreign_data"], "target": "foreign_again", "roles": "none"}
    opened = {"identity": [daily.private], "staging": str(work.tmp)}
    results = []
    try:
        results.append(
            call("dump", **pg_sample.local, **work.place, databases=["foreign_data"], recipients=[daily.public])
        )
        assert_opaque(Path(results[0]["set"]["path"]), [password, "elsewhere"])
        results.append(call("restore", check=True, diff=True, **pg_sample.local, **work.place, **given, **opened))
        results.append(call("restore", diff=True, **pg_sample.local, **work.place, **given, **opened))
        assert password in server.value("SELECT umoptions::text FROM pg_user_mappings", database="foreign_again")
        server.sql(
            "ALTER USER MAPPING FOR app SERVER elsewhere OPTIONS (SET password 'another')", database="foreign_again"
        )
        compared = {
            "databases": ["foreign_data"],
            "rename": {"foreign_data": "foreign_again"},
            "instance_objects": False,
        }
        results.append(call("proof_info", **pg_sample.local, **work.place, **compared, **opened))
        assert [item["message"] for item in results[-1]["differences"]] != []
        server.sql(
            f"ALTER USER MAPPING FOR app SERVER elsewhere OPTIONS (SET password '{password}')", database="foreign_again"
        )
        assert call("proof_info", **pg_sample.local, **work.place, **compared, **opened)["equal"] is True
        assert password not in str(results) and "another" not in str(results)
    finally:
        server.sql("DROP DATABASE IF EXISTS foreign_again")
        server.sql("DROP DATABASE foreign_data")


def test_f09_no_room_to_decrypt_is_said_first(work: Workplace, pg_sample: Sample, daily: Key) -> None:
    call("dump", **pg_sample.local, **work.place, recipients=[daily.public])
    small = work.root / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", small], check=True)
    try:
        with pytest.raises(BackupError, match=r"KiB|MiB free.*backupdb_staging"):
            call(
                "restore", **pg_sample.local, **work.place, target="again", databases=["shop"], roles="none",
                identity=[daily.private], staging=str(small),
            )  # fmt: skip
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)
    with pytest.raises(UsageError, match="does not exist"):
        call("backup_verify", **work.place, level="deep", identity=[daily.private], staging=str(small / "no"))


# where the private key is while it is used


class Search:
    """Looks for a secret in the command lines and environments of all processes, and in the files of some folders.

    Who has put a file into the folder `waiting` waits to be looked at once from beginning to end: the file is gone then.
    """

    def __init__(self, secret: str, folders: list[Path], waiting: Path) -> None:
        self.needle = secret.encode()
        self.folders = folders
        self.waiting = waiting
        self.found: set[str] = set()
        self.decrypting = 0

    def look(self) -> None:
        waited = list(self.waiting.iterdir())
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                for part in ("cmdline", "environ"):
                    try:
                        data = (entry / part).read_bytes()
                    except (FileNotFoundError, ProcessLookupError, PermissionError):
                        continue
                    self.decrypting += part == "cmdline" and b"age\0--decrypt\0" in data
                    if self.needle in data:
                        self.found.add(f"{part} of a process: {data[:80]!r}")
        for folder in self.folders:
            for parent, _folders, files in os.walk(folder):
                for name in files:
                    path = Path(parent, name)
                    try:
                        if path.is_file() and not path.is_symlink() and self.needle in path.read_bytes():
                            self.found.add(f"file {path}")
                    except FileNotFoundError:
                        continue
        for file in waited:
            file.unlink()


def task(module: str, name: str, **given: Any) -> dict[str, Any]:
    return {"name": name, f"vya.backupdb.{module}": given}


def test_f17_a_private_key_is_in_no_argument_environment_file_or_log(
    work: Workplace, mariadb_sample_server: Sample, daily: Key, tmp_path: Path
) -> None:
    """In the foreground, with live progress, and in the background by async: searched while it runs, at -vvv."""
    sample = mariadb_sample_server
    call("dump", **sample.local, **work.place, recipients=[daily.public])
    file = tmp_path / "backup.key"
    file.touch(mode=0o600)
    file.write_text(daily.private)
    # age is done before anybody can look, so its input ends only after a look
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    slow = work.bin / "age"
    slow.write_text(
        f'#!/bin/sh\nmark={waiting}/$$\n: > "$mark"\n'
        f'(cat; while [ -e "$mark" ]; do sleep 0.05; done) | exec {shutil.which("age")} "$@"\n'
    )
    slow.chmod(0o755)
    path = f"{work.bin}{os.pathsep}{ansible_environment()['PATH']}"
    ansible = Ansible(work.root / "ansible", {"TMPDIR": str(work.tmp), "PATH": path})
    secret = daily.private.split()[-1]
    assert secret.startswith("AGE-SECRET-KEY-")
    target = {**sample.local, **work.place}
    again = {"databases": ["crm"], "target": "crm_again", "roles": "none"}
    defaults = {"group/vya.backupdb.keys": {"identity": [f"{{{{ lookup('ansible.builtin.file', '{file}') }}}}"]}}
    # everything that Ansible writes lies in its folder, see there
    search = Search(secret, [ansible.folder, work.tmp], waiting)
    tasks = [
        task("preflight_info", "asked", **target, **again),
        task("restore", "restored", **target, **again),
        {**task("proof_info", "proven", **target, databases=["crm"]), "async": 100, "poll": 1},
    ]
    with meanwhile(search.look):
        results = ansible.run([{**item, "module_defaults": defaults} for item in tasks], "-vvv", "--diff")
    sample.server.sql("DROP DATABASE IF EXISTS crm_again")
    failed = {name: result["msg"] for name, result in results.items() if result.get("failed")}
    assert failed == {}, ansible.output
    assert results["asked"]["ready"] is True and results["proven"]["equal"] is True
    # restore and proof decrypt
    assert search.decrypting > 1
    assert search.found == set()
    for text in (ansible.output, (ansible.folder / "ansible.log").read_text(), str(results)):
        assert secret not in text
    assert list((ansible.folder / "async").glob("*")) == []
    work.assert_clean(sets=1)


def test_f17_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    (waiting / "mark").touch()
    search = Search("needle-of-the-search", [tmp_path], waiting)
    search.look()
    assert search.found == set() and not (waiting / "mark").exists()
    (tmp_path / "file").write_text("a needle-of-the-search here")
    with subprocess.Popen(["sleep", "60"], env={"KEY": "needle-of-the-search"}) as process:
        time.sleep(0.2)
        search.look()
        process.kill()
    assert len(search.found) == 2, search.found


# a stranger, with age and the private key, without this collection

PROGRAMS = (
    "age", "bash", "cat", "cp", "find", "grep", "mkdir", "mktemp", "rm", "sh", "sha256sum", "tar", "zstd",
)  # fmt: skip


class Stranger:
    """Runs the commands of RESTORE.md with standard programs and nothing else."""

    def __init__(self, folder: Path, taken: Path, key: Key) -> None:
        self.set = folder / "set"
        shutil.copytree(taken, self.set)
        self.plain = folder / "plain"
        self.bin = folder / "stranger"
        self.bin.mkdir()
        for program in PROGRAMS:
            self.add(program, str(shutil.which(program)))
        (folder / "key").touch(mode=0o600)
        (folder / "key").write_text(key.private)
        self.environment = {
            "PATH": str(self.bin),
            "HOME": str(folder),
            "AGE_IDENTITY": str(folder / "key"),
            "PLAIN": str(self.plain),
        }

    def add(self, name: str, *command: str) -> None:
        """Give the stranger a program."""
        script = self.bin / name
        script.write_text("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in command) + ' "$@"\n')
        script.chmod(0o755)

    def commands(self, file: Path) -> list[str]:
        """The blocks of commands in a document."""
        return re.findall(r"```sh\n(.*?)```", file.read_text(), re.DOTALL)

    def run(self, blocks: list[str], folder: Path) -> None:
        """Run blocks as they stand there, each in a shell of its own."""
        for block in blocks:
            done = subprocess.run(
                [self.bin / "bash", "-euo", "pipefail", "-c", block],
                cwd=folder, env=self.environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{block}\n{done.stderr}"


@pytest.fixture
def stranger(work: Workplace, sample: Sample, daily: Key) -> Stranger:
    """Somebody who has found an encrypted set of a server."""
    made = call("dump", **sample.local, **work.place, recipients=[age_key().public, daily.public], proof="content")
    return Stranger(work.root, Path(made["set"]["path"]), daily)


def test_a_stranger_restores_databases(work: Workplace, sample: Sample, empty: Any, stranger: Stranger) -> None:
    if isinstance(empty, PostgresServer):
        stranger.environment.update(empty.client_environment())
        for program in ("psql", "pg_restore"):
            stranger.add(program, str(empty.bin_dir / program))
    else:
        stranger.add("mariadb", str(empty.client_program), *empty.client_options())
    stranger.run(stranger.commands(stranger.set / "RESTORE.md"), stranger.set)
    existing = 'psql -X -d template1 -c \'CREATE DATABASE "postgres"'
    blocks = [
        "\n".join(line for line in block.splitlines() if not line.startswith(existing))
        for block in stranger.commands(stranger.plain / "instructions.md")
    ]
    assert len(blocks) >= 3
    stranger.run(blocks, stranger.plain)
    assert names(empty) == names(sample.server)
    # the collection only compares
    opened = {"identity": [(work.root / "key").read_text()], "staging": str(work.tmp)}
    proof = call("proof_info", **empty.login(), **work.place, **opened)
    assert proof["differences"] == [] and proof["level"] == "content"


def test_a_stranger_restores_files(work: Workplace, tree: Path, daily: Key) -> None:
    made = call("files_archive", **work.place, paths=[str(tree)], recipients=[daily.public])
    stranger = Stranger(work.root, Path(made["set"]["path"]), daily)
    *first, last = stranger.commands(stranger.set / "RESTORE.md")
    target = work.root / "restored"
    target.mkdir()
    # all but the one that extracts to the original place
    lines = [
        line.replace("/somewhere", str(target)) for line in last.splitlines() if not line.endswith("--directory=/")
    ]
    assert len(lines) == 2
    shutil.rmtree(tree)
    stranger.run([*first, "\n".join(lines)], stranger.set)
    assert (target / str(tree)[1:] / "link").read_text() == "the contents of the plan\n"
