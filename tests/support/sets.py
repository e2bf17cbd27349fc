# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small sealed sets without a server: for what concerns sets, whatever is in them."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from ansible_collections.vya.backupdb.plugins.module_utils import _codec
from ansible_collections.vya.backupdb.plugins.module_utils._model import Manifest, timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository
from ansible_collections.vya.backupdb.plugins.module_utils._verifications import record_verification

UTC = timezone.utc


def make_set(
    repository: Repository,
    moment: datetime,
    source: str = "db1",
    instance: str = "main",
    verified: bool = True,
    size: int = 500,
) -> Path:
    """A set of files of some moment with an artefact of so many bytes, remembered as verified."""
    at = timestamp(moment)
    with repository.begin(source, instance, moment) as writer:
        _codec.write_bytes(writer.create_file("proof", "proof", ".jsonl.zst"), b"{}\n")
        writer.finish("proof", "proof", "jsonl", "zstd")
        Path(writer.create_file("readme", "RESTORE", ".md")).write_text("read me")
        writer.finish("readme", "RESTORE", "text", "none")
        Path(writer.create_file("archive", "data", ".jsonl")).write_bytes(b"x" * size)
        writer.finish("archive", "data", "jsonl", "none")
        path = writer.seal(
            Manifest(
                set_id=writer.set_id,
                run_id="run",
                source=source,
                instance=instance,
                engine="files",
                flavour="files",
                server_version="",
                started=at,
                snapshot_at=at,
                finished=at,
                collection_version="0.1.0",
                artefacts=writer.artefacts,
            )
        )
    if verified:
        record_verification(path, "checksum", at, 0)
    return Path(path)
