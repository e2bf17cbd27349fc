# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signatures of sets: whoever changes, moves or makes one without the key is found, and told apart."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils import _signatures
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    DamagedSet,
    MissingProgram,
    UntrustedSet,
    UsageError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._keys import Keys
from ansible_collections.vya.backupdb.plugins.module_utils._layout import SIGNATURE
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader
from ansible_collections.vya.backupdb.plugins.module_utils._signature_file import add_signature
from ansible_collections.vya.backupdb.plugins.module_utils._signatures import (
    Signature,
    Statement,
    format_signatures,
    parse_public_key,
    parse_signatures,
    parse_trusted,
)
from ansible_collections.vya.backupdb.plugins.plugin_utils._signing import (
    Signer,
    SigningKey,
    key_in_file,
    sign_statement,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.test_repository import make_set

KEY, OTHER = SigningKey.create(), SigningKey.create()
MOMENT = datetime(2026, 11, 21, 8, tzinfo=timezone.utc)
STATEMENT = Statement("db1", "main", "20261121T080000Z", "run", "0" * 64, "2026-11-21T08:00:00Z")


def statement_of(path: str | Path) -> Statement:
    reader = SetReader(str(path))
    manifest = reader.manifest
    return Statement(
        manifest.source,
        manifest.instance,
        manifest.set_id,
        manifest.run_id,
        reader.manifest_sha256,
        "2026-11-21T08:00:00Z",
    )


def sign(path: str | Path, *keys: SigningKey) -> None:
    for key in keys:
        add_signature(str(path), sign_statement(key, statement_of(path)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "repository"


def trusting(root: Path, *keys: SigningKey) -> Repository:
    return Repository(str(root), Keys(trusted=[key.public.line + " a comment" for key in keys or (KEY,)]))


def made(root: Path, source: str = "db1") -> Path:
    return Path(make_set(Repository(str(root)), MOMENT, source))


def rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest as whoever can write there would: the checksums follow."""
    file, sums = path / "manifest.json", path / "SHA256SUMS"
    manifest = json.loads(file.read_text())
    change(manifest)
    file.write_text(json.dumps(manifest))
    lines = [line for line in sums.read_text().splitlines() if not line.endswith("  manifest.json")]
    digest = subprocess.run(["sha256sum", file], capture_output=True, text=True, check=True).stdout.split()[0]
    sums.write_text("\n".join([*lines, f"{digest}  manifest.json"]) + "\n")


def test_a_signed_set_is_opened_and_signing_it_changes_nothing_else(root: Path) -> None:
    path = made(root)
    before = {name: (path / name).read_bytes() for name in ("manifest.json", "SHA256SUMS")}
    sign(path, KEY)
    assert (path / SIGNATURE).stat().st_mode & 0o777 == 0o600
    assert {name: (path / name).read_bytes() for name in before} == before
    reader = trusting(root).open("db1", "main")
    assert reader.signature is not None and reader.signature.key == KEY.public
    assert reader.unexpected() == [] == SetReader(str(path)).unexpected()
    assert [item.problem for item in trusting(root).sets()] == [None]
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=path, check=True)


def flip_manifest(path: Path) -> None:
    data = bytearray((path / "manifest.json").read_bytes())
    data[len(data) // 2] ^= 1
    (path / "manifest.json").write_bytes(bytes(data))


def write_signature(data: bytes) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        (path / SIGNATURE).write_bytes(data)

    return damage


def link_signature(path: Path) -> None:
    (path / SIGNATURE).rename(path.parent / "elsewhere.json")
    (path / SIGNATURE).symlink_to(path.parent / "elsewhere.json")


def pipe_signature(path: Path) -> None:
    (path / SIGNATURE).unlink()
    os.mkfifo(path / SIGNATURE)


def flip_signature(path: Path) -> None:
    values = json.loads((path / SIGNATURE).read_text())
    signature = bytearray(base64.b64decode(values["signatures"][0]["signature"]))
    signature[5] ^= 1
    values["signatures"][0]["signature"] = base64.b64encode(bytes(signature)).decode()
    (path / SIGNATURE).write_text(json.dumps(values))


def respell_statement(path: Path) -> None:
    """The same values, written otherwise than they were signed."""
    values = json.loads((path / SIGNATURE).read_text())
    values["signatures"][0]["statement"] = values["signatures"][0]["statement"].replace(",", ", ")
    (path / SIGNATURE).write_text(json.dumps(values))


def claim_the_key(path: Path) -> None:
    """A signature of another key under the name of the trusted one."""
    forged = dataclasses.replace(sign_statement(OTHER, statement_of(path)), key=KEY.public)
    (path / SIGNATURE).write_bytes(format_signatures([forged]))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: (path / SIGNATURE).unlink(), "is not signed"),
        (flip_manifest, "manifest was altered"),
        (lambda path: rewrite(path, lambda manifest: manifest.update(run_id="x")), "manifest was altered"),
        (flip_signature, "signature of SHA256:.* is not valid"),
        (claim_the_key, "signature of SHA256:.* is not valid"),
        (respell_statement, "malformed: a statement is not written as it was signed"),
        (write_signature(b"garbage"), "malformed"),
        (write_signature(b""), "malformed"),
        (write_signature(b'{"signatures": []}'), "malformed: it holds no signatures"),
        (write_signature(b'{"signatures": [1]}'), "malformed"),
        (write_signature(b'{"signatures": NaN}'), "malformed"),
        (write_signature(b"[" * 60_000), "malformed: values are nested too deeply"),
        (write_signature(b"x" * 10_000_000), "larger than any real one"),
        (link_signature, "symbolic link"),
        (pipe_signature, "not a regular file"),
    ],
)
def test_whatever_was_altered_is_refused_with_its_reason(root: Path, damage: Callable[[Path], Any], words: str) -> None:
    path = made(root)
    sign(path, KEY)
    damage(path)
    with pytest.raises(UntrustedSet, match=words) as caught:
        trusting(root).open("db1", "main")
    assert "What to do: " in str(caught.value) and str(path) in str(caught.value)
    (listed,) = trusting(root).sets()
    assert listed.manifest is None and listed.problem is not None


def test_an_unknown_key_is_named_and_trusted_when_it_is_added(root: Path) -> None:
    path = made(root)
    sign(path, OTHER)
    with pytest.raises(UntrustedSet, match="signed by another key") as caught:
        trusting(root, KEY).open("db1", "main")
    assert OTHER.public.fingerprint in str(caught.value)
    trusting(root, KEY, OTHER).open("db1", "main")


def test_two_signatures_are_as_good_as_the_one_that_is_trusted(root: Path) -> None:
    path = made(root)
    sign(path, OTHER, KEY, OTHER)
    assert [item.key for item in parse_signatures((path / SIGNATURE).read_bytes())] == [KEY.public, OTHER.public]
    for key in (KEY, OTHER):
        trusting(root, key).open("db1", "main")
    first, second = parse_signatures((path / SIGNATURE).read_bytes())
    broken = dataclasses.replace(first, value=bytes(64))
    (path / SIGNATURE).write_bytes(format_signatures([broken, second]))
    trusting(root, OTHER).open("db1", "main")
    trusting(root, KEY, OTHER).open("db1", "main")
    with pytest.raises(UntrustedSet, match="is not valid"):
        trusting(root, KEY).open("db1", "main")


def test_the_signature_of_another_set_makes_nothing_trusted(root: Path) -> None:
    older, newer = made(root), Path(make_set(Repository(str(root)), MOMENT.replace(hour=9)))
    sign(older, KEY)
    shutil.copy(older / SIGNATURE, newer / SIGNATURE)
    with pytest.raises(UntrustedSet, match="its signature is of the set 20261121T080000Z of 'main' of 'db1'"):
        trusting(root).open("db1", "main")


def test_an_older_set_under_a_newer_name_is_refused(root: Path) -> None:
    path = made(root)
    sign(path, KEY)
    path.rename(path.with_name("20270101T000000Z"))
    with pytest.raises(UntrustedSet, match="its signature is of the set 20261121T080000Z"):
        trusting(root).open("db1", "main")


def test_the_set_of_another_source_is_refused(root: Path) -> None:
    """It is whole, signed by the right key, and of the right moment; but it is not of this server."""
    path = made(root, "db2")
    rewrite(path, lambda manifest: manifest.update(source="db2"))
    sign(path, KEY)
    here = root / "db1" / "main"
    here.mkdir(parents=True)
    shutil.copytree(path, here / path.name)
    with pytest.raises(UntrustedSet, match="'main' of 'db2', and it was asked for as one of 'main' of 'db1'"):
        trusting(root).open("db1", "main")
    with pytest.raises(UntrustedSet, match="asked for as one of 'main' of 'db1'"):
        trusting(root).open("db1", "main", str(path))
    problems = {item.source: item.problem for item in trusting(root).sets()}
    assert problems["db2"] is None and "signature is of the set" in str(problems["db1"])


def test_a_manifest_that_says_otherwise_than_its_signature_is_refused(root: Path) -> None:
    path = made(root)
    statement = dataclasses.replace(statement_of(path), run_id="another")
    add_signature(str(path), sign_statement(KEY, statement))
    with pytest.raises(UntrustedSet, match="run_id is 'run' in its manifest, 'another' in its signature"):
        trusting(root).open("db1", "main")


def test_nothing_of_a_manifest_is_parsed_before_it_is_trusted(root: Path) -> None:
    path = made(root)
    sign(path, KEY)
    (path / "manifest.json").write_text("[" * 1_000_000)
    with pytest.raises(UntrustedSet, match="altered"):
        trusting(root).open("db1", "main")


def test_without_trusted_keys_signatures_are_not_asked_for(root: Path) -> None:
    path = made(root)
    Repository(str(root)).open("db1", "main")
    write_signature(b"garbage")(path)
    Repository(str(root)).open("db1", "main")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ==",
        "ssh-ed25519 !!!!",
        KEY.public.line[:-8],
        KEY.public.line.replace("ssh-ed25519", "ssh-ed448"),
        "ssh-ed25519 " + base64.b64encode(b"x" * 51).decode(),
        KEY.pem().decode(),
    ],
    ids=range(8),
)
def test_what_is_no_public_key_is_refused_by_its_number(root: Path, line: str) -> None:
    """An empty text too: it must not mean that everybody is trusted."""
    with pytest.raises(UsageError, match="Entry 2 of trusted_keys is not a public key") as caught:
        parse_trusted([KEY.public.line, line])
    assert KEY.pem().decode().splitlines()[1] not in str(caught.value)


def test_a_host_without_the_library_says_what_to_install(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(root)
    sign(path, KEY)
    monkeypatch.setattr(_signatures, "HAS_CRYPTOGRAPHY", False)
    with pytest.raises(MissingProgram, match="install python3-cryptography"):
        trusting(root).open("db1", "main")


@given(st.binary(max_size=400))
def test_any_bytes_are_signatures_or_malformed(data: bytes) -> None:
    try:
        parse_signatures(data)
    except ValueError:
        return
    raise AssertionError(data)


@given(st.text(max_size=50), st.text(max_size=50))
def test_a_statement_is_read_as_it_was_written(source: str, instance: str) -> None:
    try:
        statement = dataclasses.replace(STATEMENT, source=source, instance=instance)
        source.encode("utf-8", "surrogateescape"), instance.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return
    assert statement.text.isascii() and "\n" not in statement.text
    assert Statement.parse(statement.text) == statement
    signature = sign_statement(KEY, statement)
    assert signature.valid()
    assert parse_signatures(format_signatures([signature])) == (signature,)
    assert not dataclasses.replace(signature, statement=dataclasses.replace(statement, run_id="x")).valid()


@pytest.mark.parametrize(
    "change",
    [{"set_id": "now"}, {"manifest_sha256": "0"}, {"signed_at": "today"}, {"source": "x" * 5000}],
)
def test_a_statement_that_makes_no_sense_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="."):
        Statement.parse(dataclasses.replace(STATEMENT, **change).text)


def test_statements_of_another_kind_or_version_are_refused() -> None:
    for old, new in (("vya.backupdb set", "vya.backupdb ledger"), ('"version":1', '"version":2')):
        with pytest.raises(ValueError, match="not about a set|format version 2"):
            Statement.parse(STATEMENT.text.replace(old, new))


def test_a_signature_is_checked_by_openssl_alone(root: Path, tmp_path: Path) -> None:
    """As docs/security.md tells a stranger to."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    (item,) = json.loads(format_signatures([sign_statement(KEY, STATEMENT)]))["signatures"]
    (tmp_path / "statement").write_text(item["statement"])
    (tmp_path / "signature").write_bytes(base64.b64decode(item["signature"]))
    prefix = bytes.fromhex("302a300506032b6570032100")
    (tmp_path / "key.der").write_bytes(prefix + base64.b64decode(item["key"].split()[1])[-32:])
    command = "openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in statement -sigfile signature"
    assert subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "statement").write_text(item["statement"].replace("db1", "db2"))
    assert subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=False).returncode != 0


# on the controller


def said(path: str | Path) -> dict[str, Any]:
    reader = SetReader(str(path))
    data = reader.signatures()
    return {
        "source": reader.manifest.source,
        "instance": reader.manifest.instance,
        "id": reader.manifest.set_id,
        "run_id": reader.manifest.run_id,
        "manifest_sha256": reader.manifest_sha256,
        "signatures": None if data is None else data.decode(),
    }


def test_what_the_backup_returned_is_signed_and_anything_else_is_not(root: Path) -> None:
    path = made(root)
    signer = Signer(KEY, [KEY.public])
    facts = said(path)
    decision = signer.decide(facts, [facts])
    assert decision.message is None and decision.signature is not None and decision.signature.valid()
    for change, words in (
        ({"manifest_sha256": "1" * 64}, "manifest_sha256"),
        ({"run_id": "another"}, "run_id"),
        ({"id": "20200101T000000Z"}, "none of the sets"),
        ({"source": "db9"}, "none of the sets"),
        ({"manifest_sha256": "x"}, "makes no sense"),
        ({"id": "../../etc"}, "makes no sense"),
        ({"problem": "it is damaged"}, "it is damaged"),
    ):
        decision = signer.decide({**facts, **change}, [facts])
        assert decision.signature is None and words in str(decision.message), change


def test_a_new_key_signs_what_an_old_one_has_signed_and_nothing_else(root: Path) -> None:
    path = made(root)
    both = [KEY.public, OTHER.public]
    unsigned = Signer(OTHER, both).decide(said(path))
    assert unsigned.signature is None and "unsigned: true" in str(unsigned.message)
    assert Signer(OTHER, both, unsigned=True).decide(said(path)).signature is not None
    sign(path, KEY)
    decision = Signer(OTHER, both).decide(said(path))
    assert decision.signature is not None and decision.keys == [KEY.public.fingerprint]
    add_signature(str(path), decision.signature)
    again = Signer(OTHER, both).decide(said(path))
    assert again.signature is None and again.message is None
    # the old key can go
    trusting(root, OTHER).open("db1", "main")


def test_what_was_altered_after_it_was_signed_is_never_signed_again(root: Path) -> None:
    path = made(root)
    sign(path, KEY)
    rewrite(path, lambda manifest: manifest.update(server_version="6.6.6"))
    for unsigned in (False, True):
        decision = Signer(OTHER, [KEY.public, OTHER.public], unsigned).decide(said(path))
        assert decision.signature is None and "altered" in str(decision.message)


def test_a_key_that_nobody_trusts_signs_nothing() -> None:
    with pytest.raises(UsageError, match="not among trusted_keys") as caught:
        Signer(OTHER, [KEY.public])
    assert OTHER.public.line in str(caught.value)


def test_the_file_of_a_key_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    assert key_in_file(str(path), check=True)[1] is True and not path.exists()
    public, created = key_in_file(str(path))
    assert created and path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "key.pem.pub").read_text() == public.line + "\n"
    text = path.read_bytes()
    assert key_in_file(str(path)) == (public, False)
    assert path.read_bytes() == text
    assert SigningKey.load(text.decode()).public == public
    path.write_text("$ANSIBLE_VAULT;1.1;AES256\n61\n")
    with pytest.raises(UsageError, match="never overwritten"):
        key_in_file(str(path))
    assert path.read_text().startswith("$ANSIBLE_VAULT")


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_what_is_no_private_key_is_not_shown(text: str) -> None:
    with pytest.raises(UsageError, match="signing key") as caught:
        SigningKey.load(text)
    assert "AAAA" not in str(caught.value)


def test_keys_of_openssh_are_taken_without_a_passphrase_only(tmp_path: Path) -> None:
    for name, passphrase in (("plain", ""), ("protected", "secret")):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(tmp_path / name)]
        subprocess.run(command, check=True)
    key = SigningKey.load((tmp_path / "plain").read_text())
    assert key.public == parse_public_key((tmp_path / "plain.pub").read_text())
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", tmp_path / "plain.pub"], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split()[1] == key.public.fingerprint
    with pytest.raises(UsageError, match="passphrase"):
        SigningKey.load((tmp_path / "protected").read_text())


def test_signing_leaves_no_trace_when_it_is_refused(root: Path, tmp_path: Path) -> None:
    path = made(root)
    outside = tmp_path / "outside"
    outside.mkdir()
    (path.parent / ".state").symlink_to(outside)
    with pytest.raises(Exception, match="symbolic link"):
        sign(path, KEY)
    assert list(outside.iterdir()) == [] and not (path / SIGNATURE).exists()


def test_what_a_killed_run_left_does_not_stop_the_next(root: Path) -> None:
    path = made(root)
    state = path.parent / ".state"
    state.mkdir(exist_ok=True)
    (state / f"{path.name}.signature.new").write_text("half")
    sign(path, KEY)
    trusting(root).open("db1", "main")
    assert sorted(item.name for item in state.iterdir()) == ["signing.lock"]


def test_a_damaged_set_error_is_what_others_catch() -> None:
    assert issubclass(UntrustedSet, DamagedSet)
    assert isinstance(Signature.from_json(sign_statement(KEY, STATEMENT).to_json()), Signature)
