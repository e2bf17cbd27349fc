# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys, signed backups, and what every playbook makes of a set that somebody has changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.plugin_utils._signing import SigningKey

from tests.integration.modules.sets import rewrite_manifest
from tests.integration.playbooks.site import Site


def files(tree: Path, name: str = "tree") -> dict[str, object]:
    return {"name": name, "engine": "files", "paths": [str(tree)]}


def made_key() -> tuple[str, str]:
    """A private key and its public half."""
    key = SigningKey.create()
    return key.pem().decode(), key.public.line


def test_a_key_is_made_once_and_never_overwritten(site: Site) -> None:
    site.play("create_keys", "--check")
    assert list(site.folder.glob("*.pem*")) == []
    option = ("-e", "backupdb_signing_key_file=key.pem")
    run = site.play("create_keys", *option)
    path = site.folder / "key.pem"
    private, public = path.read_text(), (site.folder / "key.pem.pub").read_text().strip()
    assert f"  - {public}\n" in run.output and f"< {path} >>" in run.output
    assert path.stat().st_mode & 0o777 == 0o600
    again = site.play("create_keys", *option)
    assert "The key is there already" in again.output and public in again.output
    assert again.counts("localhost")["changed"] == 0
    assert path.read_text() == private
    assert private.splitlines()[1] not in run.output + again.output


def test_backups_are_signed_and_what_was_changed_is_refused_everywhere(site: Site, tree: Path) -> None:
    site.vars["backupdb_live_progress"] = False
    site.host("web1", [files(tree), files(tree, "other")])
    key, public = made_key()
    secret = site.folder / "secret.json"
    secret.write_text(json.dumps({"backupdb_signing_key": key}))
    site.vars["backupdb_trusted_keys"] = [public]
    run = site.play("backup", "-e", f"@{secret}")
    assert all(item["ok"] and item["verified"]["ok"] for item in run.report)
    path = site.sets("web1", "tree")[0]
    target = site.folder / "target"
    rewrite_manifest(path, lambda manifest: manifest.update(run_id="x"))

    words = "manifest was altered after it was signed"
    place = f"backupdb_files_root={target}"
    assert words in site.play("restore", "-e", "backupdb_instance=tree", "-e", place, code=2).message
    run = site.play("verify", code=2)
    assert words in run.message and (run.row("tree")["ok"], run.row("other")["ok"]) == (False, True)
    assert words in site.play("disaster_recovery", "-e", place, code=2).message
    assert not target.exists()
    listed = site.play("list_backups")
    assert words in listed.output
    signed = listed.table("Source")
    assert {cells[1]: cells[-2] for cells in signed} == {"tree": "no", "other": "yes"}
    # and nobody signs it again
    run = site.play("sign", "-e", f"@{secret}", "-e", "backupdb_sign_unsigned=true", code=2)
    assert words in run.message and "1 of 2 instances of web1: not signed" in run.message


def test_keys_are_rotated(site: Site, tree: Path) -> None:
    site.vars["backupdb_live_progress"] = False
    site.host("web1", [files(tree)])
    old, old_public = made_key()
    new, new_public = made_key()
    site.play("backup", "-e", "backupdb_verify=none")
    (unsigned,) = site.sets("web1")
    site.vars.update(backupdb_trusted_keys=[old_public], backupdb_signing_key=old)
    site.play("backup")
    signed = site.sets("web1")[1]
    # the new key, before it is trusted
    site.vars["backupdb_signing_key"] = new
    assert "not among trusted_keys" in site.play("backup", code=2).message
    assert len(site.sets("web1")) == 2, "no backup is made that nobody would trust"
    assert "it must hold both" in site.play("rotate_keys", code=2).message
    site.vars["backupdb_trusted_keys"] = [old_public, new_public]
    run = site.play("rotate_keys", code=2)
    assert "backupdb_sign_unsigned=true" in run.message
    assert {cells[2]: cells[-2:] for cells in run.table("Source")} == {
        unsigned.name: ["no", "FAILED"],
        signed.name: ["yes", "ok"],
    }
    site.play("sign", "-e", "backupdb_sign_unsigned=true")
    site.vars["backupdb_trusted_keys"] = [new_public]
    site.play("verify", "-e", "backupdb_newest=5")


@pytest.mark.parametrize("secret", ["nonsense", "c2VjcmV0IG9mIG1pbmU="])
def test_a_key_that_is_none_stops_the_backup_before_it_begins_and_is_not_shown(
    site: Site, tree: Path, secret: str
) -> None:
    site.host("web1", [files(tree)])
    site.vars["backupdb_signing_key"] = f"-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n"
    run = site.play("backup", "-vvv", code=2)
    assert "signing key is not a private key in PEM" in run.message
    assert secret not in run.output
    assert site.sets() == []
