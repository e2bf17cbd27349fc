# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a file is comes from its bytes, and its content is read whatever packs it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._dumps.archive_header import read_header
from ansible_collections.vya.backupdb.plugins.module_utils._dumps.detect import PG_CUSTOM, PG_DIRECTORY, PG_TAR, SQL
from ansible_collections.vya.backupdb.plugins.module_utils._dumps.reader import examine
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, DamagedSet, UsageError

DUMP = b"-- MySQL dump 10.13  Distrib 8.0.36, for x\n" + b"INSERT INTO `t` VALUES (1,'abc');\n" * 5000


def program(name: str) -> Callable[[bytes], bytes]:
    def packed(data: bytes) -> bytes:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
        return subprocess.run([name, "-c", "-q"], input=data, capture_output=True, check=True).stdout

    return packed


CODECS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": program("zstd"),
    "lz4": program("lz4"),
}


def archive_head(version: tuple[int, int] = (1, 14), database: bytes = b"shop") -> bytes:
    """The head that pg_dump writes, with 4-byte integers."""

    def integer(value: int) -> bytes:
        return bytes([value < 0]) + abs(value).to_bytes(4, "little")

    def string(text: bytes) -> bytes:
        return integer(len(text)) + text

    compression = b"\1" if version >= (1, 15) else integer(-1)
    times = b"".join(map(integer, (30, 59, 23, 31, 0, 126, 0)))
    return (
        b"PGDMP"
        + bytes([*version, 0, 4, 8, 1])
        + compression
        + times
        + string(database)
        + string(b"15.4")
        + string(b"16.1")
    )


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", ["20260113_155440_mysql_dns_db.zip", "dump", "x.tar.gz"])
def test_the_codec_comes_from_the_bytes_not_from_the_name(tmp_path: Path, codec: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(CODECS[codec](DUMP))
    (part,) = examine(str(path))
    assert (part.codecs, part.kind, part.flavour, part.member) == ((codec,), SQL, "mysql", None)
    assert b"".join(part.chunks()) == DUMP


@pytest.mark.parametrize("codec", CODECS)
def test_f14_truncated_and_altered_files_are_named(tmp_path: Path, codec: str) -> None:
    packed = CODECS[codec](bytes(range(256)) * 3000 + DUMP)
    for number, damaged in enumerate(
        (packed[:-9], packed[: len(packed) // 2], packed[:-30] + bytes(20) + packed[-10:])
    ):
        path = tmp_path / str(number)
        path.write_bytes(damaged)
        with pytest.raises(DamagedSet, match="damaged|cut off") as caught:
            for part in examine(str(path)):
                for _chunk in part.chunks():
                    pass
        assert caught.value.remedy


@pytest.mark.parametrize("codec", ["gzip", "bzip2", "xz", "zstd"])
def test_streams_one_after_the_other_are_one(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "dump"
    path.write_bytes(CODECS[codec](DUMP) + CODECS[codec](b"USE x;\n"))
    (part,) = examine(str(path))
    assert b"".join(part.chunks()) == DUMP + b"USE x;\n"


def test_zeros_behind_gzip_are_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(gzip.compress(DUMP) + bytes(5000))
    (part,) = examine(str(path))
    assert b"".join(part.chunks()) == DUMP


def test_each_member_of_a_zip_is_a_dump_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "20260113_170055_postgresql_chatwoot_db.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b.sql", DUMP)
        archive.writestr("a/", b"")
        archive.writestr("__MACOSX/a/._b.sql", b"\0\5\x16\7")
        archive.writestr("c.gz", gzip.compress(b"COPY t FROM stdin;\n\\.\n"))
        archive.writestr("d", archive_head())
    parts = examine(str(path))
    assert [(part.member, part.codecs, part.kind, part.flavour) for part in parts] == [
        ("a/b.sql", ("zip",), SQL, "mysql"),
        ("c.gz", ("zip", "gzip"), SQL, "postgresql"),
        ("d", ("zip",), PG_CUSTOM, "postgresql"),
    ]
    assert b"".join(parts[0].chunks()) == DUMP
    assert b"".join(parts[1].chunks()) == b"COPY t FROM stdin;\n\\.\n"
    assert parts[0].label == f"{path} (a/b.sql)"
    assert parts[2].header is not None
    assert parts[2].header.database == "shop"


def test_f14_a_damaged_member_of_a_zip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b.sql", DUMP)
    data = bytearray(path.read_bytes())
    data[100_000] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedSet, match=r"x \(b.sql\) is damaged"):
        list(examine(str(path))[0].chunks())
    path.write_bytes(data[:1000])
    with pytest.raises(DamagedSet, match="zip archive"):
        examine(str(path))


@pytest.mark.parametrize("version", [(1, 12), (1, 14), (1, 15), (1, 16)])
def test_p30_archives_of_pg_dump_say_what_they_are(tmp_path: Path, version: tuple[int, int]) -> None:
    head = archive_head(version)
    custom = tmp_path / "x.sql"
    custom.write_bytes(head)
    tar = tmp_path / "x.zip"
    block = bytearray(512)
    block[:7] = b"toc.dat"
    block[257:262] = b"ustar"
    tar.write_bytes(bytes(block) + head)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "toc.dat").write_bytes(head)
    for path, kind in ((custom, PG_CUSTOM), (tar, PG_TAR), (folder, PG_DIRECTORY)):
        (part,) = examine(str(path))
        assert part.kind == kind
        assert part.header is not None
        assert part.header.version == version
        assert part.header.created == "2026-01-31 23:59:30"
        assert (part.header.database, part.header.server_version, part.header.tool_version) == ("shop", "15.4", "16.1")
    with pytest.raises(BackupError, match="is a directory"):
        list(part.chunks())
    for end in range(5, len(head) - 1):
        with pytest.raises(DamagedSet):
            read_header(head[:end])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"age-encryption.org/v1\n", "is encrypted with age"),
        (b"-----BEGIN PGP MESSAGE-----", "is encrypted with PGP"),
        (b"Salted__12345678", "is encrypted by openssl"),
        (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive"),
        (b"Rar!\x1a\x07\1", "is a RAR archive"),
        (b"SQLite format 3\0" + bytes(84), "is a SQLite database"),
        (b"\n<!DOCTYPE html><html>", "is a web page"),
        ("\ufeff-- MySQL dump\nCREATE TABLE".encode("utf-16-le"), "is written in UTF-16"),
        (bytes(1000), "is neither SQL"),
        (gzip.compress(gzip.compress(gzip.compress(gzip.compress(b"x")))), "is packed too often"),
    ],
)
def test_what_cannot_be_restored_is_called_by_its_name(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "dump.sql"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=message) as caught:
        examine(str(path))
    assert str(path) in caught.value.message
    assert caught.value.remedy


def test_directories_and_paths_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        examine(str(tmp_path / "none"))
    with pytest.raises(UsageError, match="without a toc.dat"):
        examine(str(tmp_path))
    (tmp_path / "metadata").touch()
    with pytest.raises(UsageError, match="mydumper"):
        examine(str(tmp_path))
    empty = tmp_path / "e.zip"
    zipfile.ZipFile(empty, "w").close()
    with pytest.raises(UsageError, match="empty zip"):
        examine(str(empty))


def test_a_byte_order_mark_is_no_part_of_the_first_statement(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_bytes(b"\xef\xbb\xbf" + DUMP)
    (part,) = examine(str(path))
    assert b"".join(part.chunks()) == DUMP


def test_a_small_file_that_unpacks_to_much_is_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    for codec in ("gzip", "bzip2", "xz"):
        path.write_bytes(CODECS[codec](b"-- \n" * 2_000_000))
        (part,) = examine(str(path))
        assert max(map(len, part.chunks())) <= 1 << 20
