# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""RESTORE.md: how to restore a set without this collection. Private to this collection."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Manifest
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import human_bytes

_MOST_NAMES = 200


def readme(manifest: Manifest, instructions: str) -> str:
    """The text for a set.

    Args:
        manifest: complete but for the artefact of this text.
        instructions: the engine's part.
    """
    version = f" {manifest.server_version}" if manifest.server_version else ""
    head = f"""# How to restore this backup by hand

{_plain(manifest.instance)} of {_plain(manifest.source)}: {manifest.flavour}{version}, as it was at {manifest.snapshot_at} (UTC).
Made by vya.backupdb {manifest.collection_version}. Nothing here needs it: standard programs are enough.

Run the commands in this directory, as an account that may read it (usually root). First make sure that nothing is
damaged, which prints nothing when all is well:

```sh
sha256sum --quiet -c SHA256SUMS
```

With the collection, the same is done and proven by the playbooks `vya.backupdb.restore` and
`vya.backupdb.disaster_recovery`.

## What is here

| what | name | where | size |
|---|---|---|---|
"""
    rows = "".join(_row(artefact) for artefact in manifest.artefacts[:_MOST_NAMES])
    rest = len(manifest.artefacts) - _MOST_NAMES
    more = f"\n{rest} more are in manifest.json.\n" if rest > 0 else ""
    notes = ""
    if manifest.omissions:
        notes = "\n## What is not here\n\n" + "".join(f"- {_plain(text)}\n" for text in manifest.omissions)
    return f"{head}{rows}{more}{notes}\n{instructions.strip()}\n"


def _row(artefact: Artefact) -> str:
    name = _plain(artefact.name).replace("|", "\\|")
    return f"| {artefact.kind} | {name} | `{artefact.path}` | {human_bytes(artefact.size)} |\n"


def _plain(text: str) -> str:
    """A name in one line, whatever is in it."""
    return text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
