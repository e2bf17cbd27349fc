# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words of the collection as values. Private to this collection.

Frozen dataclasses, to and from JSON; nothing here knows Ansible, a server or a file system.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import DamagedSet, NewerFormat
from ansible_collections.vya.backupdb.plugins.module_utils._shapes import check_described, check_manifest

#: Version of the manifest's format. A reader reads this and every older one, and refuses a newer one by name.
MANIFEST_SCHEMA_VERSION = 2
#: What is written: the first version knows no encryption, and is readable to more.
PLAIN_SCHEMA_VERSION = 1
ENCRYPTED_SCHEMA_VERSION = 2

#: Value of ``encryption`` of what is not encrypted.
PLAIN = "none"

_SET_ID = re.compile(r"\d{8}T\d{6}Z\Z")
_SET_ID_FORMAT = "%Y%m%dT%H%M%SZ"
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def set_id_at(moment: datetime) -> str:
    """The id of a set that begins at a moment (UTC, whole seconds): ``20261121T080000Z``."""
    return moment.astimezone(timezone.utc).strftime(_SET_ID_FORMAT)


def set_id_time(set_id: str) -> datetime:
    """The moment that a set id names.

    Raises:
        ValueError: it is not a set id.
    """
    if not _SET_ID.match(set_id):
        raise ValueError(f"{set_id!r} is not a set id")
    return datetime.strptime(set_id, _SET_ID_FORMAT).replace(tzinfo=timezone.utc)


def is_set_id(text: str) -> bool:
    """Whether a text is a set id that names a real moment."""
    try:
        set_id_time(text)
    except ValueError:
        return False
    return True


def timestamp(moment: datetime) -> str:
    """A moment as text in UTC, whole seconds: ``2026-11-21T08:00:00Z``."""
    return moment.astimezone(timezone.utc).strftime(_TIME_FORMAT)


def parse_timestamp(text: str) -> datetime:
    """The moment that :func:`timestamp` wrote.

    Raises:
        ValueError: the text has another form.
    """
    return datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Connection:
    """How a server is reached.

    Args:
        host: host name or address; None for a local socket.
        port: TCP port, or the port in the name of PostgreSQL's socket; None for the engine's default.
        unix_socket: PostgreSQL: the socket's directory; MySQL and MariaDB: the socket itself.
        user: login; None for the engine's default administrator.
        password: secret; None where the server needs none.
        os_user: operating-system account to act as; None chooses by itself.
        database: PostgreSQL: database for the first connection; None for ``postgres``.
        ssl_mode: as libpq's ``sslmode``; MySQL and MariaDB use the nearest equivalent.
        ca_cert, client_cert, client_key: paths of PEM files.
        connect_timeout: seconds.
        container: name of the container that the server runs in; paths, accounts and localhost are the container's then.
        container_engine: ``docker`` or ``podman``; None finds out.
    """

    host: Optional[str] = None
    port: Optional[int] = None
    unix_socket: Optional[str] = None
    user: Optional[str] = None
    password: Optional[str] = field(default=None, repr=False)
    os_user: Optional[str] = None
    database: Optional[str] = None
    ssl_mode: Optional[str] = None
    ca_cert: Optional[str] = None
    client_cert: Optional[str] = None
    client_key: Optional[str] = None
    connect_timeout: int = 10
    container: Optional[str] = None
    container_engine: Optional[str] = None


@dataclass(frozen=True)
class Database:
    """A database of an instance.

    Args:
        name: its name, unquoted.
        size: bytes on the server's disk, as the server says.
        properties: everything that is needed to create it again, possibly under another name: owner, encoding, locale,
            ACL, settings, comment, limits... Keys are the engine's own; values are JSON.
    """

    name: str
    size: int = 0
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class InstanceInfo:
    """What a server is.

    Args:
        engine: ``postgresql`` or ``mysql``.
        flavour: ``postgresql``, ``mysql`` or ``mariadb``.
        version: the server's version as it says it, e.g. ``15.18``.
        version_number: for comparing: (major, minor, patch).
        address: where it was reached, for people; no secrets.
        user: the login in use.
        databases: those that a backup can select; system databases are not among them.
        tools: name of each program that a backup or restore uses -> its version.
        missing_privileges: what the login lacks for a complete backup, each as a sentence.
        facts: further properties that a rebuild compares (data directory, character sets, time zone, ...).
    """

    engine: str
    flavour: str
    version: str
    version_number: tuple[int, ...]
    address: str
    user: str
    databases: Sequence[Database] = ()
    tools: Mapping[str, str] = field(default_factory=dict)
    missing_privileges: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FileEntry:
    """A file of an artefact: path relative to the set, bytes, SHA-256 in hexadecimal."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Artefact:
    """One file or directory in a set.

    Args:
        kind: ``database``, ``roles``, ``settings``, ``proof``, ``archive`` or ``readme``.
        name: what it holds: the name of the database or archive; the kind itself where there is only one.
        path: relative to the set.
        format: ``pg_directory``, ``mysql_tables``, ``sql``, ``json``, ``jsonl``, ``tar`` or ``text``.
        codec: ``zstd`` or ``none``.
        files: every file, also where the artefact is a single one.
        details: what a reader of this format needs to know, as JSON.
        encryption: ``none`` or ``age``. An encrypted artefact is one file, named after ``path``: a file with ``.age`` at its
            end, a directory as a tar archive with ``.tar.age`` at its end. Format and codec are those inside.
    """

    kind: str
    name: str
    path: str
    format: str
    codec: str
    files: Sequence[FileEntry]
    details: Mapping[str, Any] = field(default_factory=dict)
    encryption: str = PLAIN

    @property
    def encrypted(self) -> bool:
        """Whether it can be read with a private key only."""
        return self.encryption != PLAIN

    @property
    def stored_as(self) -> str:
        """Path of what lies in the set, relative to it."""
        return self.files[0].path if self.encrypted else self.path

    @property
    def size(self) -> int:
        """Bytes in the set."""
        return sum(entry.size for entry in self.files)


@dataclass(frozen=True)
class Manifest:
    """What a set holds: ``manifest.json``.

    Args:
        set_id, run_id, source, instance: see the words in docs/architecture.md.
        engine, flavour, server_version: what was backed up; ``files`` for all three of a file instance, version empty.
        started, snapshot_at, finished: moments, UTC; the data is of the moment ``snapshot_at``.
        collection_version: version of this collection.
        tools: program -> version, as used.
        host: facts of the source host for the reader (host name, operating system, time zone).
        databases: every database in the set with its properties.
        artefacts: every file of the set but the manifest.
        warnings: what the operator was told.
        omissions: what was knowingly left out (unreadable password hashes, unreadable files that were allowed, ...).
        proof_level: ``counts``, ``content`` or, for files, ``content``.
        phases: seconds that each phase took.
        details: engine-specific facts of the whole instance, as JSON.
        recipients: public keys that the set is encrypted to; none if it is not. What is in ``details`` and in the
            properties of databases is encrypted then, see ``_hidden.py``.
    """

    set_id: str
    run_id: str
    source: str
    instance: str
    engine: str
    flavour: str
    server_version: str
    started: str
    snapshot_at: str
    finished: str
    collection_version: str
    tools: Mapping[str, str] = field(default_factory=dict)
    host: Mapping[str, Any] = field(default_factory=dict)
    databases: Sequence[Database] = ()
    artefacts: Sequence[Artefact] = ()
    warnings: Sequence[str] = ()
    omissions: Sequence[str] = ()
    proof_level: str = "counts"
    phases: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    schema_version: int = PLAIN_SCHEMA_VERSION
    recipients: Sequence[str] = ()

    @property
    def size(self) -> int:
        """Bytes of all artefacts."""
        return sum(artefact.size for artefact in self.artefacts)

    def artefact(self, kind: str, name: Optional[str] = None) -> Optional[Artefact]:
        """The artefact of a kind and name, or None. Without a name: the only one of its kind."""
        wanted = kind if name is None else name
        return next((item for item in self.artefacts if item.kind == kind and item.name == wanted), None)

    def database(self, name: str) -> Optional[Database]:
        """The database of a name, or None."""
        return next((item for item in self.databases if item.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """The manifest as JSON values."""
        values = dataclasses.asdict(self)
        if self.schema_version < ENCRYPTED_SCHEMA_VERSION:
            # Older readers know nothing of it.
            del values["recipients"]
            for artefact in values["artefacts"]:
                del artefact["encryption"]
        return values

    @classmethod
    def from_json(cls, data: Any) -> Manifest:
        """The manifest from JSON values, checked.

        Raises:
            DamagedSet: the values are not a manifest, or one of a newer format.
        """
        if not isinstance(data, dict):
            raise DamagedSet("manifest.json does not hold an object.", "restore the set from another copy")
        version = data.get("schema_version")
        if not isinstance(version, int) or isinstance(version, bool):
            raise DamagedSet("manifest.json names no schema_version.", "restore the set from another copy")
        if version > MANIFEST_SCHEMA_VERSION:
            raise NewerFormat(
                f"The manifest has format version {version}; this collection reads up to {MANIFEST_SCHEMA_VERSION}.",
                "use the version of vya.backupdb that wrote it, or a newer one"
                + (f" (written by {_shown(data['collection_version'])})" if data.get("collection_version") else ""),
            )
        known = {item.name for item in dataclasses.fields(cls)}
        values = {key: value for key, value in data.items() if key in known}
        try:
            check_manifest(data)
            values["databases"] = tuple(Database(**item) for item in values.get("databases", ()))
            values["artefacts"] = tuple(_artefact(item) for item in values.get("artefacts", ()))
            values["warnings"] = tuple(values.get("warnings", ()))
            values["omissions"] = tuple(values.get("omissions", ()))
            values["recipients"] = _texts(values.get("recipients", ()))
            manifest = cls(**values)
            set_id_time(manifest.set_id)
            for moment in (manifest.started, manifest.snapshot_at, manifest.finished):
                parse_timestamp(moment)
            if not manifest.recipients:
                check_described(manifest)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise DamagedSet(
                f"manifest.json is not a valid manifest: {_shown(error)}", "restore the set from another copy"
            ) from None
        return manifest


def _shown(value: object) -> str:
    """What somebody else wrote, for a message: short, and on one line."""
    text = str(value)[:300]
    return "".join(character if character.isprintable() else "?" for character in text)


def _artefact(data: Mapping[str, Any]) -> Artefact:
    files = tuple(FileEntry(**item) for item in data["files"])
    for path in (data["path"], *(entry.path for entry in files)):
        check_relative(path)
    for entry in files:
        if not isinstance(entry.size, int) or entry.size < 0 or not _SHA256.match(entry.sha256):
            raise ValueError(f"size or SHA-256 of {entry.path!r} is malformed")
    artefact = Artefact(**{**data, "files": files})
    if artefact.encryption not in (PLAIN, "age"):
        raise ValueError(f"{artefact.path!r} is encrypted by {artefact.encryption!r}, which is not known here")
    if artefact.encrypted and [entry.path for entry in files] not in (
        [f"{artefact.path}.age"],
        [f"{artefact.path}.tar.age"],
    ):
        raise ValueError(f"{artefact.path!r} is encrypted, and not one file")
    return artefact


def _texts(values: Sequence[str]) -> tuple[str, ...]:
    if not isinstance(values, (list, tuple)) or not all(isinstance(item, str) for item in values):
        raise TypeError("recipients is not a list of texts")
    return tuple(values)


def check_relative(path: str) -> None:
    """Make sure that a path stays inside the set.

    Raises:
        ValueError: it is absolute, empty, or climbs out.
    """
    parts = path.split("/")
    if not path or path.startswith("/") or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"the path {path!r} leaves the set")
