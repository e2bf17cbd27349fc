# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What some bytes are: a compressed file, an archive, SQL, or something that cannot be restored. Private to this collection.

Never from a file's name: names lie, and files of the earlier tool all end in ``.zip``.

Signatures: RFC 1952 (gzip), RFC 8878 (zstd), https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md, the xz file format,
PKWARE's APPNOTE (zip), POSIX ustar, PostgreSQL's pg_backup_archiver.h ("PGDMP").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

#: So many bytes of the beginning are enough for `content_of`.
BEGINNING = 1 << 16

SQL = "sql"
PG_CUSTOM = "pg_dump custom"
PG_TAR = "pg_dump tar"
PG_DIRECTORY = "pg_dump directory"

_CODECS = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")

#: What people hand in by mistake: signature, what it is, what to do.
_FOREIGN = (
    (b"age-encryption.org/", "encrypted with age", "decrypt it first: age --decrypt -i KEYFILE"),
    (b"-----BEGIN AGE ENCRYPTED FILE", "encrypted with age", "decrypt it first: age --decrypt -i KEYFILE"),
    (b"-----BEGIN PGP MESSAGE", "encrypted with PGP", "decrypt it first: gpg --decrypt"),
    (b"Salted__", "encrypted by openssl enc", "decrypt it first: openssl enc -d"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it first: 7z x"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it first: unrar x"),
    (b"SQLite format 3\0", "a SQLite database", "give a dump of PostgreSQL, MySQL or MariaDB"),
    (b"XBSTCK01", "a physical backup (xbstream)", "restore it with mariadb-backup or xtrabackup"),
    (b"<?xml", "an XML file", "dump the database as SQL: mysqldump without --xml"),
    (b"%PDF-", "a PDF document", "give the dump itself"),
    (b"TAPE", "a backup of Microsoft SQL Server", "give a dump of PostgreSQL, MySQL or MariaDB"),
)
_HTML = re.compile(rb"\s*<(?:!doctype html|html)", re.IGNORECASE)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Content:
    """What is in a file, once it is decompressed.

    kind: one of the constants of this file; None when it cannot be restored
    problem: why not, as the end of the sentence "The file is …"
    remedy: what to do about it
    """

    kind: Optional[str]
    problem: str = ""
    remedy: str = ""


def codec_of(beginning: bytes) -> Optional[str]:
    """How some bytes are packed.

    Returns:
        gzip, zstd, bzip2, xz, lz4 or zip; None when they are not.
    """
    for signature, codec in _CODECS:
        if beginning.startswith(signature):
            return codec
    if _BZIP2.match(beginning):
        return "bzip2"
    if _SKIPPABLE.match(beginning):
        # a frame that decoders skip: pzstd writes one first, and so may lz4
        return "lz4" if b"\x04\x22\x4d\x18" in beginning[:4096] else "zstd"
    return None


def content_of(beginning: bytes) -> Content:
    """What the beginning of a file, decompressed, belongs to.

    Args:
        beginning: its first bytes, up to `BEGINNING`.
    """
    if not beginning:
        return Content(None, "empty", "look at how the dump was made: its command failed")
    if beginning.startswith(b"PGDMP"):
        return Content(PG_CUSTOM)
    if beginning[257:262] == b"ustar":
        return _tar(beginning)
    for signature, problem, remedy in _FOREIGN:
        if beginning.startswith(signature):
            return Content(None, problem, remedy)
    if _HTML.match(beginning):
        return Content(None, "a web page", "download the dump again: what came was a page, perhaps of a login")
    if beginning.startswith(_UTF16) or beginning[:64].count(b"\0") * 3 > len(beginning[:64]):
        return _with_zeros(beginning)
    return Content(SQL)


def _tar(beginning: bytes) -> Content:
    first = beginning[:100].split(b"\0")[0]
    if first == b"toc.dat" and beginning[512:517] == b"PGDMP":
        return Content(PG_TAR)
    return Content(None, "a tar archive", "unpack it and give the dump inside, or the directory that pg_dump made")


def _with_zeros(beginning: bytes) -> Content:
    for codec in ("utf-16", "utf-16-le", "utf-16-be"):
        text = beginning[: len(beginning) // 2 * 2].decode(codec, "ignore")
        if any(word in text for word in ("--", "CREATE", "INSERT", "/*")):
            return Content(
                None,
                "written in UTF-16, as redirection in Windows PowerShell does",
                "convert it: iconv -f UTF-16 -t UTF-8; better dump again with --result-file, for binary data is damaged",
            )
    return Content(None, "neither SQL nor an archive of pg_dump", "give a dump of PostgreSQL, MySQL or MariaDB")
