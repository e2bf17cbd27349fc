# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One set between the repository and a copy: moved, and read again until every digest is right. Private to this collection.

rclone skips files that are complete already, so a transfer that was interrupted goes on. What it takes for complete is
decided by size and time alone on some backends; the digests decide.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.vya.backupdb.plugins.module_utils._copies.holdings import GOING, MARKS
from ansible_collections.vya.backupdb.plugins.module_utils._copies.rclone import NotThere, Rclone
from ansible_collections.vya.backupdb.plugins.module_utils._errors import CopyFailed, DamagedSet, NoSpace, NoSuchSet
from ansible_collections.vya.backupdb.plugins.module_utils._keys import Keys
from ansible_collections.vya.backupdb.plugins.module_utils._layout import (
    DIRECTORY_MODE,
    FILE_MODE,
    MANIFEST,
    SUMS,
    encode_name,
    explaining,
    files_below,
    hash_file,
    sync,
)
from ansible_collections.vya.backupdb.plugins.module_utils._model import FileEntry, Manifest
from ansible_collections.vya.backupdb.plugins.module_utils._set_reader import SetReader

_MOST_NAMED = 5
#: bytes of all that is fetched before it is known what a set holds
_LARGEST_MARK = "256Mi"


def set_parts(source: str, instance: str, set_id: str) -> tuple[str, str, str]:
    """Where a set is in a copy, as parts of its path."""
    return encode_name(source), encode_name(instance), set_id


def data_files(manifest: Manifest) -> list[FileEntry]:
    """Every file of a set but those that tell its state."""
    return [entry for artefact in manifest.artefacts for entry in artefact.files]


def push_set(rclone: Rclone, reader: SetReader, source: str, instance: str) -> int:
    """Bring a set to a copy, so that it appears there when it is whole.

    Returns:
        Bytes of the set.

    Raises:
        CopyFailed: the copy cannot be written, or does not give back what was written.
        DamagedSet: the set itself is not what was written.
    """
    manifest = reader.manifest
    parts = set_parts(source, instance, manifest.set_id)
    digests = {entry.path: entry.sha256 for entry in data_files(manifest)}
    _push_files(rclone, reader.directory, parts, list(digests), manifest.size)
    wrong = wrong_files(rclone, parts, digests, manifest.size)
    if wrong:
        _push_files(rclone, reader.directory, parts, wrong, manifest.size, again=True)
        wrong = wrong_files(rclone, parts, {path: digests[path] for path in wrong}, manifest.size)
    if wrong:
        here = set(_differing(reader.directory, manifest))
        altered = [path for path in wrong if path in here]
        if altered:
            raise DamagedSet(
                f"The set {reader.directory} is damaged: {_some(altered)} missing or altered since it was written.",
                "verify the repository; the copy was left without this set",
            )
        raise CopyFailed(
            f"{rclone.copy.words.capitalize()} does not hold what was written to it: {_some(wrong)} of the set"
            f" {manifest.set_id} differ when they are read again.",
            "check the storage behind it; the set is not listed there",
        )
    push_marks(rclone, reader.directory, parts)
    return manifest.size


def push_marks(rclone: Rclone, directory: str, parts: Sequence[str]) -> None:
    """Let a set appear in a copy: the files that tell its state, the manifest last."""
    marks = [name for name in MARKS if os.path.lexists(os.path.join(directory, name))]
    digests = {name: hash_file(os.path.join(directory, name))[1] for name in marks}
    for names in ([name for name in marks if name != MANIFEST], [MANIFEST]):
        # They are small, and one that is right by size and time may be of a set of before.
        _push_files(rclone, directory, parts, names, None, again=True)
    wrong = wrong_files(rclone, parts, digests, None)
    if wrong:
        rclone.run("removal", ["deletefile", rclone.place(*parts, MANIFEST)])
        raise CopyFailed(
            f"{rclone.copy.words.capitalize()} does not hold what was written to it: {_some(wrong)} of the set"
            f" {parts[-1]} differs when it is read again.",
            "check the storage behind it; the set is not listed there",
        )


def _push_files(
    rclone: Rclone, directory: str, parts: Sequence[str], names: Sequence[str], total: int | None, again: bool = False
) -> None:
    argv = ["copy", "--files-from-raw=-", "--no-traverse", directory, rclone.place(*parts)]
    if again:
        argv.insert(1, "--ignore-times")
    rclone.run(f"upload of the set {parts[-1]}", argv, names, total)


def wrong_files(rclone: Rclone, parts: Sequence[str], digests: Mapping[str, str], total: int | None) -> list[str]:
    """The files of a set in a copy that are not what they should be, every byte read.

    Args:
        rclone: reaches the copy.
        parts: where the set is.
        digests: path in the set -> SHA-256 that it should have.
        total: bytes of it, for progress.
    """
    argv = ["hashsum", "sha256", "--download", "--files-from-raw=-", "--no-traverse", rclone.place(*parts)]
    try:
        output = rclone.run(f"verification of the set {parts[-1]}", argv, list(digests), total)
    except NotThere:
        return sorted(digests)
    found = {}
    for line in output.decode("utf-8", "surrogateescape").splitlines():
        sha256, _blank, path = line.partition("  ")
        found[path] = sha256
    return sorted(path for path, sha256 in digests.items() if found.get(path) != sha256)


def fetch_marks(rclone: Rclone, parts: Sequence[str], directory: str) -> None:
    """Fetch the files that tell what a set holds.

    Raises:
        NoSuchSet: the copy does not hold it.
        CopyFailed: it cannot be fetched.
    """
    argv = ["copy", "--ignore-times", "--max-depth=1", f"--max-size={_LARGEST_MARK}"]
    argv += [f"--include=/{name}" for name in MARKS]
    rclone.run(f"fetching of the set {parts[-1]}", [*argv, rclone.place(*parts), directory])
    if not os.path.exists(os.path.join(directory, MANIFEST)) or not os.path.exists(os.path.join(directory, SUMS)):
        raise NoSuchSet(
            f"{rclone.copy.words.capitalize()} holds no set {parts[-1]} of {parts[1]!r} of {parts[0]!r}.",
            "list what it holds with the module copy_info",
        )


def fetch_set(
    rclone: Rclone, source: str, instance: str, set_id: str, directory: str, keys: Keys, free_bytes: int
) -> Manifest:
    """Fetch a set into a directory, which may hold a part of it from before, and make sure that it is what was written.

    What decides what is fetched is the manifest, after its checks; nothing else of the copy comes here.

    Args:
        rclone: reaches the copy.
        source, instance, set_id: which set.
        directory: where to; exists, and is seen by nobody as a set.
        keys: what says whom to trust.
        free_bytes: room that there is.

    Raises:
        CopyFailed: it cannot be fetched.
        NoSuchSet: the copy does not hold it.
        NoSpace: there is no room for it.
        DamagedSet: it is not what was written.
    """
    parts = set_parts(source, instance, set_id)
    with explaining(directory):
        for name in MARKS:
            if os.path.lexists(os.path.join(directory, name)):
                os.unlink(os.path.join(directory, name))
    fetch_marks(rclone, parts, directory)
    manifest = SetReader(directory, keys).manifest
    check_identity(manifest, source, instance, set_id, rclone.copy.words)
    with explaining(directory):
        _remove_strangers(directory, manifest)
        missing = manifest.size - sum(os.path.getsize(path) for path in files_below(directory))
    if missing > free_bytes:
        raise NoSpace(
            f"The set {set_id} needs {missing} more bytes, and the repository has {free_bytes} left.",
            "free space there, or point backupdb_repository at a larger file system",
        )
    names = [entry.path for entry in data_files(manifest)]
    if any(ord(character) < 32 for name in names for character in name):
        # Names go to rclone as lines.
        raise DamagedSet(
            f"The set {set_id} in {rclone.copy.words} names files that no set holds.",
            "take another set, or another copy",
        )
    _fetch_files(rclone, parts, directory, names, manifest.size)
    wrong = _differing(directory, manifest)
    if wrong:
        for path in wrong:
            if os.path.lexists(os.path.join(directory, path)):
                os.unlink(os.path.join(directory, path))
        _fetch_files(rclone, parts, directory, wrong, manifest.size)
        wrong = _differing(directory, manifest)
    if wrong:
        raise DamagedSet(
            f"The set {set_id} of {instance!r} of {source!r} in {rclone.copy.words} is damaged: {_some(wrong)} missing or"
            " altered.",
            "take an older set of it, or another copy",
        )
    with explaining(directory):
        _own(directory)
    return manifest


def verify_set(
    rclone: Rclone, source: str, instance: str, set_id: str, directory: str, keys: Keys
) -> tuple[Manifest, list[str]]:
    """Read a set of a copy to its end.

    Args:
        rclone: reaches the copy.
        source, instance, set_id: which set.
        directory: an empty directory for what tells its state, named after the set.
        keys: what says whom to trust.

    Returns:
        Its manifest, and what is wrong, each a sentence that names the file.

    Raises:
        CopyFailed: the copy cannot be read.
        DamagedSet: the set's manifest is not what was written.
    """
    parts = set_parts(source, instance, set_id)
    fetch_marks(rclone, parts, directory)
    manifest = SetReader(directory, keys).manifest
    check_identity(manifest, source, instance, set_id, rclone.copy.words)
    digests = {entry.path: entry.sha256 for entry in data_files(manifest)}
    wrong = wrong_files(rclone, parts, digests, manifest.size)
    return manifest, [f"{path} is missing or was altered" for path in wrong]


def check_identity(manifest: Manifest, source: str, instance: str, set_id: str, where: str) -> None:
    """Make sure that a manifest is of the set that was asked for.

    Raises:
        DamagedSet: it is of another one.
    """
    if (manifest.source, manifest.instance, manifest.set_id) != (source, instance, set_id):
        raise DamagedSet(
            f"{where.capitalize()} holds another set in the place of {set_id} of {instance!r} of {source!r}: the manifest is"
            f" of {manifest.set_id} of {manifest.instance!r} of {manifest.source!r}.",
            "find out who changed it; take another copy",
        )


def _fetch_files(rclone: Rclone, parts: Sequence[str], directory: str, names: Sequence[str], total: int) -> None:
    argv = ["copy", "--files-from-raw=-", "--no-traverse", rclone.place(*parts), directory]
    rclone.run(f"fetching of the set {parts[-1]}", argv, names, total)


def _differing(directory: str, manifest: Manifest) -> list[str]:
    wrong = []
    for entry in data_files(manifest):
        path = os.path.join(directory, entry.path)
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            wrong.append(entry.path)
            continue
        if not stat.S_ISREG(status.st_mode) or status.st_size != entry.size or hash_file(path)[1] != entry.sha256:
            wrong.append(entry.path)
    return wrong


def _remove_strangers(directory: str, manifest: Manifest) -> None:
    """What an earlier fetch left that the manifest does not name."""
    named = {entry.path for entry in data_files(manifest)} | set(MARKS)
    for path in list(files_below(directory)):
        if os.path.relpath(path, directory) not in named:
            os.unlink(path)


def _own(directory: str) -> None:
    """Readable by nobody else, and on the disk."""
    for parent, _names, files in os.walk(directory, topdown=False):
        for name in files:
            path = os.path.join(parent, name)
            os.chmod(path, FILE_MODE)
            sync(path)
        os.chmod(parent, DIRECTORY_MODE)
        sync(parent)


def remove_set(rclone: Rclone, source: str, instance: str, set_id: str, going: bool = False) -> None:
    """Remove a set from a copy. It is not listed any more from the first step on; what is left is removed next time.

    Raises:
        CopyFailed: it cannot be removed.
    """
    parts = set_parts(source, instance, set_id)
    what = f"removal of the set {set_id}"
    if not going:
        rclone.run(what, ["moveto", rclone.place(*parts, MANIFEST), rclone.place(*parts, GOING)])
    # The file that says that this is ours to remove goes last.
    rclone.run(what, ["delete", f"--exclude=/{GOING}", rclone.place(*parts)])
    rclone.run(what, ["purge", rclone.place(*parts)])


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _MOST_NAMED} more" if len(listed) > _MOST_NAMED else ""
    return ", ".join(listed[:_MOST_NAMED]) + more
