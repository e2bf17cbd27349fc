# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""RESTORE.md: how to restore a set without this collection. Private to this collection."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._hidden import INSTRUCTIONS
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, Manifest
from ansible_collections.vya.backupdb.plugins.module_utils._modules._results import human_bytes

_MOST_NAMES = 200
_AGE_URL = "https://age-encryption.org"


def readme(manifest: Manifest, instructions: str) -> str:
    """The text for a set.

    Args:
        manifest: complete but for the artefact of this text.
        instructions: the engine's part; nothing where that is encrypted.
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
    parts = [
        *([_encrypted(manifest)] if manifest.recipients else []),
        *([instructions.strip()] if instructions else []),
    ]
    return f"{head}{rows}{more}{notes}\n" + "\n\n".join(parts) + "\n"


def _encrypted(manifest: Manifest) -> str:
    """How an encrypted set is decrypted, with age alone."""
    keys = "".join(f"- `{key}`\n" for key in manifest.recipients)
    archives = any(item.kind == "archive" for item in manifest.artefacts)
    databases = any(item.stored_as.endswith(".tar.age") for item in manifest.artefacts)
    text = f"""## This set is encrypted

It is encrypted by the program `age` ({_AGE_URL}); any one of these keys opens it:

{keys}
Needed: `age`, and the private key that belongs to one of them, in a file. Say in `AGE_IDENTITY` which file that is, and in
`PLAIN` a directory for what is decrypted, which nobody else may read and which has room for it:

```sh
umask 077
mkdir -p -- "$PLAIN"
for file in *.age; do
    age --decrypt --identity "$AGE_IDENTITY" --output "$PLAIN/${{file%.age}}" "$file"
done
```
"""
    if databases:
        text += """
Each database is a tar archive of a directory:

```sh
for file in databases/*.tar.age; do
    mkdir -p -- "$PLAIN/${file%.tar.age}"
    age --decrypt --identity "$AGE_IDENTITY" "$file" | tar --extract --file=- --directory="$PLAIN/${file%.tar.age}"
done
```
"""
    if any(item.kind == INSTRUCTIONS for item in manifest.artefacts):
        text += """
How to go on stands in `instructions.md` there. Run its commands in that directory:

```sh
cd -- "$PLAIN"
```
"""
    if archives:
        text += "\nArchives of files are decrypted while they are extracted, see below.\n"
    return text + "\nRemove that directory when you are done: everything in it is readable.\n".rstrip("\n")


def _row(artefact: Artefact) -> str:
    name = _plain(artefact.name).replace("|", "\\|")
    return f"| {artefact.kind} | {name} | `{artefact.stored_as}` | {human_bytes(artefact.size)} |\n"


def _plain(text: str) -> str:
    """A name in one line, whatever is in it."""
    return text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
