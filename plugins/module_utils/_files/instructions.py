# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to restore files without this collection. Private to this collection."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._files.entries import shown
from ansible_collections.vya.backupdb.plugins.module_utils._model import Manifest

_TEXT = """## Files

Each archive is one of GNU tar, compressed by zstd{and_age}. Names in it have no leading slash; directories above the files are in
it, with the mode and the owner that they had. Check first that nothing was altered, in the directory of this set:

```sh
sha256sum --check SHA256SUMS
```

Look at an archive, extract it as root under another directory, or to the original place:

```sh
{unpack} | tar --list --verbose
{unpack} | tar --extract {options} --directory=/somewhere
{unpack} | tar --extract {options} --no-overwrite-dir --directory=/
```

`--no-overwrite-dir` leaves modes and owners of directories that exist as they are. Leave out `--keep-old-files` to replace files
that exist. Add `--numeric-owner` for the recorded numbers of owners instead of their names, and `--selinux` on a host with
SELinux. To extract a part, name it behind the command, without its leading slash.

{archives}
`proof.jsonl.zst{age}` lists every entry with mode, owner, time, size and SHA-256, a JSON object a line: `{show}`.
"""
_OPTIONS = (
    "--same-permissions --same-owner --acls --xattrs '--xattrs-include=*' '--xattrs-exclude=system.*' --keep-old-files"
)


def restore_instructions(manifest: Manifest) -> str:
    """The part of RESTORE.md about files: exact commands of standard programs, as Markdown."""
    archives = [item for item in manifest.artefacts if item.kind == "archive"]
    if not archives:
        return "## Files\n\nNo file matched; the set holds no archive.\n"
    rows = [f"| {shown(item.name).replace('|', '&#124;')} | `{item.stored_as}` |\n" for item in archives]
    encrypted = archives[0].encrypted
    return _TEXT.format(
        and_age=" and encrypted by age" if encrypted else "",
        age=".age" if encrypted else "",
        unpack=_unpack(archives[0].stored_as, encrypted),
        show=_unpack("proof.jsonl.zst.age" if encrypted else "proof.jsonl.zst", encrypted),
        options=_OPTIONS,
        archives="| pattern | archive |\n|---|---|\n" + "".join(rows),
    )


def _unpack(path: str, encrypted: bool) -> str:
    return f"age --decrypt --identity \"$AGE_IDENTITY\" '{path}' | zstd -dc" if encrypted else f"zstd -dc '{path}'"
