# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Throw-away places for copies: servers on 127.0.0.1 that go with the test, and how the collection reaches them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.paths import CHECKOUT, VENV_BIN
from tests.support.server import free_port, run

_PATIENCE = 30.0
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def program(name: str) -> str | None:
    """Where a program is, in the places of administrators too."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{VENV_BIN}:{SBIN}")


def azurite() -> str | None:
    """Azurite's server of blobs, where `.ci/azurite` has put it."""
    return program("azurite-blob") or shutil.which(
        "azurite-blob", path=str(CHECKOUT / ".cache" / "azurite" / "node_modules" / ".bin")
    )


def why_not(kind: str) -> str | None:
    """Why a kind of place cannot be had here, or None."""
    if program("rclone") is None:
        return "rclone is not installed"
    needed = {"sftp": "sshd", "s3": "moto_server", "gcs": "gcp-storage-emulator"}.get(kind)
    if needed is not None and program(needed) is None:
        return f"{needed} is not installed"
    if kind == "azureblob" and azurite() is None:
        return "Azurite is not installed: .ci/azurite does that where node and npm are"
    return None


@dataclass
class Remote:
    """A place for copies.

    kind: of what kind
    copy: the option `copy` of the modules
    folder: where its server keeps files as they are, or None
    port: where the server listens, or None
    """

    kind: str
    copy: dict[str, Any]
    folder: Path | None = None
    port: int | None = None
    command: Sequence[str] = ()
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start its server, which dies with this process; returns when it listens."""
        if not self.command or self.port is None:
            return
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *self.command],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until = time.monotonic() + _PATIENCE
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, f"{self.command[0]} ended with {self.process.returncode}"
            assert time.monotonic() < until, f"{self.command[0]} does not listen"
            time.sleep(0.05)

    def stop(self) -> None:
        """End its server, and the sessions that it has."""
        if self.process is not None:
            for pid in [self.process.pid, *descendants(self.process.pid)]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have started."""
    found = []
    with suppress(FileNotFoundError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def _local(folder: Path) -> Remote:
    return Remote("local", {"name": "offsite", "path": str(folder), "config": {"type": "local"}}, folder)


def _sftp(folder: Path) -> Remote:
    """An SSH server with host keys of its own that lets us in by a key, for SFTP alone."""
    keys = folder.parent / f"{folder.name}-ssh"
    keys.mkdir(mode=0o700)
    for name in ("host", "login"):
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", keys / name])
    port = free_port()
    (keys / "known_hosts").write_text(f"[127.0.0.1]:{port} {(keys / 'host.pub').read_text()}")
    settings = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": keys / "host",
        "AuthorizedKeysFile": keys / "login.pub",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "Subsystem": "sftp internal-sftp",
        "ForceCommand": "internal-sftp",
        # a killed client is ended at once, not after the default of ten unauthenticated ones
        "MaxStartups": "100",
    }
    (keys / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    copy = {
        "name": "offsite",
        "path": str(folder),
        "config": {
            "type": "sftp",
            "host": "127.0.0.1",
            "port": port,
            "user": pwd.getpwuid(os.geteuid()).pw_name,
            "key_file": str(keys / "login"),
            "known_hosts_file": str(keys / "known_hosts"),
        },
    }
    return Remote("sftp", copy, folder, port, [str(program("sshd")), "-D", "-f", str(keys / "sshd_config")])


def _webdav(folder: Path) -> Remote:
    port = free_port()
    password = "of the share"
    command = [str(program("rclone")), "serve", "webdav", f"--addr=127.0.0.1:{port}", str(folder)]
    copy = {
        "name": "offsite",
        "path": "backups",
        "config": {"type": "webdav", "url": f"http://127.0.0.1:{port}", "vendor": "other", "user": "backup"},
        "secrets": {"pass": password},
    }
    environment = {"RCLONE_USER": "backup", "RCLONE_PASS": password, "RCLONE_CONFIG": os.devnull}
    return Remote("webdav", copy, folder / "backups", port, command, environment)


def _s3(_folder: Path) -> Remote:
    port = free_port()
    copy = {
        "name": "offsite",
        "path": "bucket/backups",
        "config": {"type": "s3", "provider": "Other", "endpoint": f"http://127.0.0.1:{port}", "region": "us-east-1"},
        "secrets": {"access_key_id": "key of the bucket", "secret_access_key": "secret of the bucket"},
        "options": {"s3-storage-class": "STANDARD_IA"},
    }
    return Remote("s3", copy, None, port, [str(program("moto_server")), "-H", "127.0.0.1", "-p", str(port)])


def _azureblob(folder: Path) -> Remote:
    """Azurite, reached by a shared access signature for its one account, whose name and key are in its documentation."""
    port = free_port()
    account = "devstoreaccount1"
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    terms = {"sp": "rwdlac", "ss": "b", "srt": "sco", "st": "", "se": "2099-01-01T00:00:00Z", "sip": ""}
    terms |= {"spr": "https,http", "sv": "2019-12-12"}
    signed = hmac.new(base64.b64decode(key), "\n".join([account, *terms.values(), ""]).encode(), hashlib.sha256)
    query = {name: value for name, value in terms.items() if value}
    query["sig"] = base64.b64encode(signed.digest()).decode()
    copy = {
        "name": "offsite",
        "path": "container/backups",
        "config": {"type": "azureblob"},
        "secrets": {"sas_url": f"http://127.0.0.1:{port}/{account}?{urlencode(query)}"},
    }
    command = [
        str(azurite()),
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        str(port),
        "--location",
        str(folder),
        "--silent",
    ]
    return Remote("azureblob", copy, None, port, [*command, "--skipApiVersionCheck", "--disableTelemetry"])


def _gcs(_folder: Path) -> Remote:
    port = free_port()
    command = [str(program("gcp-storage-emulator")), "start", "--host=127.0.0.1", f"--port={port}", "--in-memory"]
    copy = {
        "name": "offsite",
        "path": "bucket/backups",
        "config": {
            "type": "google cloud storage",
            "anonymous": True,
            "endpoint": f"http://127.0.0.1:{port}/storage/v1/",
            "bucket_policy_only": True,
            # the emulator's links to objects do not survive a percent sign in a name
            "encoding": "Slash,Percent,InvalidUtf8",
        },
    }
    environment = {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"}
    return Remote("gcs", copy, None, port, [*command, "--default-bucket=bucket"], environment)


_MAKERS = {"local": _local, "sftp": _sftp, "webdav": _webdav, "s3": _s3, "azureblob": _azureblob, "gcs": _gcs}
KINDS = tuple(_MAKERS)


@contextmanager
def remote(kind: str, folder: Path) -> Iterator[Remote]:
    """A place of a kind whose server keeps its files in a new folder."""
    folder.mkdir(mode=0o700)
    made = _MAKERS[kind](folder)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def main() -> None:
    """Say which kinds can be had here."""
    for kind in KINDS:
        print(kind, why_not(kind) or "yes", file=sys.stdout)


if __name__ == "__main__":
    main()
