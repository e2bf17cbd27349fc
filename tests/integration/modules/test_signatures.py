# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""With trusted keys every module that opens sets refuses what was not signed, was altered, or was signed by somebody else."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader
from ansible_collections.vya.backupdb.plugins.module_utils._signature_file import add_signature
from ansible_collections.vya.backupdb.plugins.module_utils._signatures import Statement
from ansible_collections.vya.backupdb.plugins.plugin_utils._signing import Signer, SigningKey, sign_statement

from tests.integration.modules.harness import Ansible, Workplace, call
from tests.integration.modules.samples import Sample
from tests.integration.modules.sets import alter, rewrite_manifest
from tests.integration.modules.test_damage import names

KEY, OTHER = SigningKey.create(), SigningKey.create()
TRUST = {"trusted_keys": [KEY.public.line]}


def sign(work: Workplace, backup: Mapping[str, Any], key: SigningKey = KEY) -> None:
    """As the action plugin does it, with the module's two parts."""
    options = {"repository": str(work.repository), "public_key": key.public.line}
    (candidate,) = call("sign", **options, sets=[backup["set"]])["candidates"]
    decision = Signer(key, ()).decide(candidate, [backup["set"]])
    assert decision.message is None, decision
    entry = {**decision.place, "signature": decision.values}
    (written,) = call("sign", **options, signatures=[entry])["written"]
    assert written["problem"] is None


def move_signature(path: Path) -> None:
    """The signature of another instance, made at the same second."""
    reader = SetReader(str(path))
    statement = Statement("db1", "other", path.name, "run", reader.manifest_sha256, reader.manifest.finished)
    signed = sign_statement(KEY, statement)
    add_signature(str(path), signed)


DAMAGES: list[tuple[Callable[[Path], Any], str]] = [
    (lambda path: (path / "SIGNATURE.json").unlink(), "is not signed"),
    (lambda path: alter(path / "manifest.json"), "altered after it was signed"),
    (lambda path: rewrite_manifest(path, lambda manifest: manifest.update(run_id="x")), "altered after it was signed"),
    (lambda path: (path / "SIGNATURE.json").write_bytes(b"x" * 10_000_000), "larger than any real one"),
    (move_signature, "instance is 'main' in its manifest, 'other' in its signature"),
]
IDS = ["unsigned", "bit", "consistent", "huge", "moved"]


@pytest.mark.parametrize(("damage", "words"), DAMAGES, ids=IDS)
def test_f14_modules_of_files_refuse_what_is_not_trusted(
    work: Workplace, damage: Callable[[Path], Any], words: str
) -> None:
    tree, target = work.root / "tree", work.root / "target"
    tree.mkdir()
    (tree / "file").write_text("x")
    backup = call("files_archive", **work.place, paths=[str(tree)])
    sign(work, backup)
    path = Path(backup["set"]["path"])
    ways: list[tuple[str, dict[str, Any]]] = [
        ("files_restore", {"root": str(target)}),
        ("proof_info", {"engine": "files"}),
        ("backup_verify", {}),
    ]
    for module, options in ways:
        call(module, **work.place, **options, **TRUST)
        shutil.rmtree(target, ignore_errors=True)
    (listed,) = call("backup_info", repository=str(work.repository), **TRUST)["sets"]
    assert (listed["problem"], listed["signed"]) == (None, "yes")
    damage(path)
    before = sorted(os.listdir(path.parent / ".state"))
    for module, options in ways:
        with pytest.raises(BackupError, match=words) as caught:
            call(module, **work.place, **options, **TRUST)
        assert "What to do: " in str(caught.value)
    assert not target.exists()
    assert sorted(os.listdir(path.parent / ".state")) == before
    (listed,) = call("backup_info", repository=str(work.repository), **TRUST)["sets"]
    assert words in listed["problem"] and listed["signed"] == "no"


def test_f14_modules_of_servers_refuse_what_is_not_trusted(work: Workplace, pg_sample: Sample) -> None:
    backup = call("dump", **pg_sample.local, **work.place)
    place = {**pg_sample.local, **work.place}
    renamed = {"databases": ["shop"], "rename": {"shop": "shop_again"}}
    before = names(pg_sample.server)

    def refused(words: str, **trust: Any) -> None:
        for module, options in (("restore", renamed), ("preflight_info", renamed), ("proof_info", {})):
            with pytest.raises(BackupError, match=words):
                call(module, **place, **options, **trust)
        assert names(pg_sample.server) == before

    refused("is not signed", **TRUST)
    sign(work, backup, OTHER)
    refused("signed by another key", **TRUST)
    sign(work, backup, KEY)
    assert call("preflight_info", **place, **renamed, **TRUST)["ready"] is True
    assert call("proof_info", **place, **TRUST)["equal"] is True
    rewrite_manifest(Path(backup["set"]["path"]), lambda manifest: manifest["databases"].reverse())
    refused("altered after it was signed", **TRUST)
    refused("Entry 1 of trusted_keys is not a public key", trusted_keys=[""])


def test_f14_a_file_that_was_replaced_in_a_signed_set_is_found(work: Workplace, pg_sample: Sample) -> None:
    """The signature is of the manifest; its digests are of the files."""
    backup = call("dump", **pg_sample.local, **work.place)
    sign(work, backup)
    path = Path(backup["set"]["path"])
    for name in ("roles.sql.zst", "proof.json.zst"):
        shutil.copy(path / name, path.parent / "kept")
        alter(path / name)
        module = "restore" if name.startswith("roles") else "proof_info"
        with pytest.raises(BackupError, match=f"{name} was altered"):
            call(module, **pg_sample.local, **work.place, **TRUST)
        shutil.copy(path.parent / "kept", path / name)


def test_the_key_never_comes_to_a_host(work: Workplace) -> None:
    with pytest.raises(BackupError, match="private key was sent to the host"):
        call("sign", repository=str(work.repository), signing_key=KEY.pem().decode())


def test_a_set_that_changes_while_it_is_signed_is_not_signed(work: Workplace) -> None:
    tree = work.root / "tree"
    tree.mkdir()
    backup = call("files_archive", **work.place, paths=[str(tree)])
    options = {"repository": str(work.repository), "public_key": KEY.public.line}
    (candidate,) = call("sign", **options, sets=[backup["set"]])["candidates"]
    decision = Signer(KEY, ()).decide(candidate, [backup["set"]])
    path = Path(backup["set"]["path"])
    rewrite_manifest(path, lambda manifest: manifest.update(run_id="x"))
    (written,) = call("sign", **options, signatures=[{**decision.place, "signature": decision.values}])["written"]
    assert "was changed while it was signed" in written["problem"]
    assert not (path / "SIGNATURE.json").exists()


def test_f17_a_private_key_shows_nowhere(work: Workplace) -> None:
    """Not in what -vvvv prints, the log, what is sent to the host and kept there, or in facts that are cached."""
    tree = work.root / "tree"
    tree.mkdir()
    ansible = Ansible(
        work.root / "ansible",
        {"ANSIBLE_KEEP_REMOTE_FILES": "1", "ANSIBLE_CACHE_PLUGIN": "jsonfile",
         "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(work.root / "facts"), "ANSIBLE_DEBUG": "1"},
    )  # fmt: skip
    text = KEY.pem().decode()
    variables = work.root / "secret.json"
    variables.write_text(json.dumps({"key": text}))
    sign_task = {"repository": str(work.repository), "signing_key": "{{ key }}", **TRUST}
    results = ansible.run(
        [
            {"name": "backup", "vya.backupdb.files_archive": {**work.place, "paths": [str(tree)]}},
            {"name": "would", "vya.backupdb.sign": {**sign_task, "sets": ["{{ result_0.set }}"]}, "check_mode": True},
            {"name": "sign", "vya.backupdb.sign": {**sign_task, "sets": ["{{ result_0.set }}"]}},
            {"name": "again", "vya.backupdb.sign": sign_task},
            {"name": "broken", "vya.backupdb.sign": {**sign_task, "signing_key": "{{ key[:-40] }}"}},
            {"name": "other", "vya.backupdb.sign": {**sign_task, "trusted_keys": [OTHER.public.line]}},
            {"name": "keys", "vya.backupdb.sign": {**sign_task, "sets": []}},
            {"name": "verify", "vya.backupdb.backup_verify": {**work.place, **TRUST}},
        ],
        "-vvvv",
        "-e",
        f"@{variables}",
    )
    failed = {name for name, result in results.items() if result.get("failed")}
    assert failed == {"broken", "other"}, ansible.output
    assert [results[name]["changed"] for name in ("would", "sign", "again", "keys")] == [True, True, False, False]
    (signed,) = results["again"]["sets"]
    assert signed["ok"] and not signed["signed"] and signed["keys"] == [KEY.public.fingerprint]
    variables.unlink()
    secret = text.splitlines()[1][20:]
    assert len(secret) > 20
    assert secret not in ansible.output
    searched = 0
    for folder in (work.root, work.repository):
        for path in folder.rglob("*"):
            if path.is_file():
                searched += 1
                assert secret.encode() not in path.read_bytes(), path
    assert searched > 10
