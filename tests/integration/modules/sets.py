# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changing sealed sets, as an accident or an attacker would, or as another version would have written them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def files_of(path: Path, kind: str) -> list[Path]:
    """Files of the artefacts of a kind, the largest first."""
    manifest = json.loads((path / "manifest.json").read_text())
    names = [file["path"] for item in manifest["artefacts"] if item["kind"] == kind for file in item["files"]]
    return sorted((path / name for name in names), key=lambda file: file.stat().st_size, reverse=True)


def alter(file: Path) -> None:
    """Change one byte in the middle; size and time stay."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x55
    file.write_bytes(data)


def truncate(file: Path) -> None:
    """Cut the last byte off."""
    file.write_bytes(file.read_bytes()[:-1])


def rewrite_manifest(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest as if it had been written so: the sums follow."""
    file = path / "manifest.json"
    manifest = json.loads(file.read_text())
    change(manifest)
    data = json.dumps(manifest).encode()
    file.write_bytes(data)
    sums = path / "SHA256SUMS"
    lines = [line for line in sums.read_text().splitlines() if not line.endswith("  manifest.json")]
    lines.append(f"{hashlib.sha256(data).hexdigest()}  manifest.json")
    sums.write_text("\n".join(sorted(lines, key=lambda line: line.split("  ", 1)[1])) + "\n")
