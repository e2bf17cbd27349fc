# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sets of files that somebody altered, and whose checksums were made to fit again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._files.tarstream import BLOCK

from tests.integration.files.rig import Rig, unpacked


def forge(
    rig: Rig,
    pattern: object,
    header: Callable[[bytes], bytes] | None = None,
    archive: Callable[[bytes], bytes] | None = None,
    listing: Callable[[bytes], bytes] | None = None,
    owners: Mapping[bytes, bytes] | None = None,
) -> None:
    """Alter the latest set so that every checksum fits.

    Args:
        rig: with the set.
        pattern: of the archive to alter.
        header: given each block of the archive that is a header; its checksum is made anew.
        archive: given the whole uncompressed archive.
        listing: given the whole uncompressed listing.
        owners: names of owners to replace where the set notes them.
    """
    reader = rig.reader()
    changed = {}
    if header is not None or archive is not None:
        path = rig.archive(pattern)
        data = unpacked(path)
        if header is not None:
            data = _headers(data, header)
        if archive is not None:
            data = archive(data)
        changed[path] = data
    if listing is not None:
        path = Path(reader.path(reader.artefact("proof")))
        changed[path] = listing(unpacked(path))
    for path, data in changed.items():
        path.write_bytes(subprocess.run(["zstd", "-q", "-c"], input=data, check=True, capture_output=True).stdout)
    artefacts = []
    for artefact in reader.manifest.artefacts:
        files = [
            dataclasses.replace(entry, size=item.stat().st_size, sha256=hashlib.sha256(item.read_bytes()).hexdigest())
            for entry in artefact.files
            for item in [Path(reader.directory, entry.path)]
        ]
        details: dict[str, Any] = dict(artefact.details)
        for key in ("users", "groups"):
            if owners and key in details:
                details[key] = [owners.get(name.encode(), name.encode()).decode() for name in details[key]]
        artefacts.append(dataclasses.replace(artefact, files=files, details=details))
    manifest = dataclasses.replace(reader.manifest, artefacts=artefacts)
    text = json.dumps(manifest.to_json()).encode()
    Path(reader.directory, "manifest.json").write_bytes(text)
    sums = {entry.path: entry.sha256 for artefact in artefacts for entry in artefact.files}
    sums["manifest.json"] = hashlib.sha256(text).hexdigest()
    Path(reader.directory, "SHA256SUMS").write_text("".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))


def checked(block: bytes) -> bytes:
    """A header with the checksum that fits."""
    total = sum(block) - sum(block[148:156]) + 8 * 32
    return block[:148] + b"%06o\0 " % total + block[156:]


def _headers(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    pieces = []
    position = 0
    while position < len(data):
        block = data[position : position + BLOCK]
        if not block.strip(b"\0"):
            pieces.append(data[position:])
            break
        size = (int(block[124:135], 8) + BLOCK - 1) // BLOCK * BLOCK
        pieces.append(checked(change(block)))
        pieces.append(data[position + BLOCK : position + BLOCK + size])
        position += BLOCK + size
    return b"".join(pieces)
