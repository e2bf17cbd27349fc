# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the demo backs up: two filled database servers and a tree of files."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.mariadb import MariaDBServer
from tests.support.postgresql import PostgresServer

SAMPLE = Path(__file__).with_name("sample")
ODD_POSTGRESQL = 'Odd "name"; it\'s 50% \\ größer 日本'
ODD_MARIADB = "odd `name`; it's 50% größer"
POSTGRESQL_DATABASES = ("shop", "billing", ODD_POSTGRESQL)
MARIADB_DATABASES = ("shop", "legacy", ODD_MARIADB)


def script(name: str, passwords: Mapping[str, str]) -> str:
    """A file of the sample, with the passwords in their places."""
    text = (SAMPLE / name).read_text()
    for word, password in passwords.items():
        text = text.replace(word, password)
    return text


def fill_postgresql(server: PostgresServer, passwords: Mapping[str, str]) -> None:
    """Roles and three databases."""
    server.psql(input_text=script("postgresql_roles.sql", passwords))
    for database, name in zip(POSTGRESQL_DATABASES, ("shop", "billing", "odd")):
        server.psql(database=database, input_text=script(f"postgresql_{name}.sql", passwords))


def fill_mariadb(server: MariaDBServer, passwords: Mapping[str, str]) -> None:
    """Accounts, roles and three databases."""
    for name in ("accounts", "shop", "legacy"):
        server.client(input_text=script(f"mariadb_{name}.sql", passwords))


def fill_files(root: Path) -> None:
    """A tree with links, modes, owners, odd names, a sparse file and what ACLs and attributes the file system has."""
    (root / "etc").mkdir(parents=True)
    (root / "data" / "uploads" / "2024").mkdir(parents=True)
    (root / "data" / "empty").mkdir(mode=0o700)
    (root / "data" / "uploads").chmod(0o2775)
    (root / "data" / "sticky").mkdir()
    (root / "data" / "sticky").chmod(0o1777)
    config = root / "etc" / "app.conf"
    config.write_text("[app]\nname = shop\n")
    config.chmod(0o640)
    key = root / "etc" / "secret key.pem"
    key.write_text("not a real one\n")
    key.chmod(0o400)
    for number in range(200):
        path = root / "data" / "uploads" / "2024" / f"photo {number:03}.jpg"
        path.write_bytes(hashlib.sha256(str(number).encode()).digest() * (1 + number % 50))
        os.utime(path, ns=(0, 1_700_000_000_123_456_789 + number))
    for name in ("größe.txt", "line\nbreak.txt", "-rf", 'quote\'s "and" \\ back.txt', "日本.txt", " leading blank"):
        (root / "data" / name).write_text(name)
    (root / "data" / "program").write_text("#!/bin/sh\nexit 0\n")
    (root / "data" / "program").chmod(0o4755)
    (root / "current").symlink_to("data/uploads/2024")
    (root / "dangling").symlink_to("/nowhere/to be found")
    os.link(config, root / "etc" / "app.conf.hard")
    with (root / "data" / "sparse.img").open("wb") as stream:
        stream.seek(8 << 20)
        stream.write(b"end")
    os.mkfifo(root / "data" / "pipe", 0o600)
    if os.geteuid() == 0:
        owner = pwd.getpwnam("nobody")
        for path in (root / "data" / "uploads", root / "data" / "größe.txt"):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        # a change of owner takes these bits away
        (root / "data" / "uploads").chmod(0o2775)
    for argv in (
        ["setfacl", "-m", "u:nobody:r", str(config)],
        ["setfattr", "-n", "user.origin", "-v", "demo", str(root / "data" / "größe.txt")],
    ):
        if shutil.which(argv[0]):
            # a file system without them says no; then there is nothing to keep
            subprocess.run(argv, check=False, capture_output=True)


def describe_files(root: Path) -> dict[str, tuple[object, ...]]:
    """Path below the root -> what can be seen of it, without any of the collection's code."""
    found: dict[str, tuple[object, ...]] = {}
    for folder, directories, files in os.walk(root):
        for name in [*directories, *files]:
            path = Path(folder, name)
            status = path.lstat()
            content: object = None
            if stat.S_ISLNK(status.st_mode):
                content = str(path.readlink())
            elif stat.S_ISREG(status.st_mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            attributes = tuple(
                (attribute, os.getxattr(path, attribute, follow_symlinks=False))
                for attribute in sorted(os.listxattr(path, follow_symlinks=False))
            )
            found[str(path.relative_to(root))] = (
                oct(status.st_mode),
                status.st_uid,
                status.st_gid,
                status.st_nlink if stat.S_ISREG(status.st_mode) else 0,
                0 if stat.S_ISDIR(status.st_mode) else status.st_mtime_ns,
                content,
                attributes,
            )
    return found
