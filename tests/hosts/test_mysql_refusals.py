# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What MySQL 9 cannot take is refused by name, before anything changes."""

from __future__ import annotations

import json
import secrets
import subprocess
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils import _codec
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError
from ansible_collections.vya.backupdb.plugins.module_utils._model import timestamp
from ansible_collections.vya.backupdb.plugins.module_utils._repository import Repository

from tests.hosts.host import SHARED, Estate, Host, variables
from tests.integration.modules.harness import call
from tests.integration.playbooks.site import Site
from tests.support.mariadb import MariaDBServer
from tests.support.paths import ansible_environment

pytestmark = pytest.mark.timeout(2400)


def mysql(host: Host, text: str) -> str:
    return host.run("mysql", "--default-character-set=utf8mb4", "-BN", data=text)


CONTENT = """
CREATE DATABASE shop;
CREATE TABLE shop.customer (id INT PRIMARY KEY, mail VARCHAR(99) COLLATE utf8mb4_0900_as_cs);
CREATE USER sha@localhost IDENTIFIED WITH caching_sha2_password BY 'SHA_PASSWORD';
"""


@pytest.fixture(scope="module")
def host(hosts: Estate, site: Site) -> Host:
    """A host with a server of MySQL, a database and an account, backed up as ``my9``."""
    host = hosts.host("my9", "sid")
    host.install_mysql("zstd", "python3-pymysql", "python3-cryptography")
    site.host("my9", **variables(host))
    mysql(host, CONTENT.replace("SHA_PASSWORD", secrets.token_urlsafe(12)))
    module(
        site, "my9", "dump", code=0, engine="mysql", repository=SHARED, source="my9", instance="web",
        databases=["shop"],
    )  # fmt: skip
    return host


def module(site: Site, host: str, name: str, *arguments: str, code: int, **options: object) -> str:
    """Run a module on a host; returns what it says."""
    done = subprocess.run(
        ["ansible", host, "-i", site.write(), "-m", f"vya.backupdb.{name}", "-a", json.dumps(options), *arguments],
        env=ansible_environment(),
        cwd=site.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=site.patience,
        check=False,
    )
    assert (done.returncode != 0) == bool(code), done.stdout
    return done.stdout


def refused(site: Site, source: str, instance: str, databases: list[str], **options: object) -> str:
    """What the server of MySQL says to a restore, before anything changes."""
    return module(
        site, "my9", "restore", code=1, engine="mysql", repository=SHARED, source=source, instance=instance,
        databases=databases, roles="all", **options,
    )  # fmt: skip


def databases_of(host: Host) -> str:
    return mysql(host, "SHOW DATABASES")


FOR_MARIADB_ONLY = """
CREATE DATABASE crossing COLLATE utf8mb4_uca1400_ai_ci;
CREATE TABLE crossing.modern (id INT PRIMARY KEY, word VARCHAR(9) COLLATE utf8mb4_uca1400_as_cs, doc JSON, address INET6);
CREATE SEQUENCE crossing.numbers;
CREATE TABLE crossing.history (id INT PRIMARY KEY) WITH SYSTEM VERSIONING
"""


def test_m15_m25_m26_mysql_refuses_what_is_of_mariadb_with_all_reasons(site: Site, host: Host) -> None:
    before = databases_of(host)
    with MariaDBServer() as server:
        server.sql(FOR_MARIADB_ONLY)
        call(
            "dump", **server.login(), repository=str(site.repository), source="maria", instance="web",
            databases=["*"], jobs=1,
        )  # fmt: skip
        said = refused(site, "maria", "web", ["*"])
        for text in (
            "The set is of mariadb 10.",
            "restore to a server of the recorded product",
            "utf8mb4_uca1400_as_cs (modern.word)",
            "sequences numbers",
            "system-versioned tables history",
            "modern.address (inet6)",
        ):
            assert text in said
        assert databases_of(host) == before

        # and the way back
        with pytest.raises(BackupError) as caught:
            call(
                "restore", **server.login(), repository=str(site.repository), source="my9", instance="web",
                databases=["shop"], jobs=1,
            )  # fmt: skip
        told = f"{caught.value} {' '.join(caught.value.details)}"
        assert "The set is of mysql 9." in told
        assert "utf8mb4_0900_as_cs (customer.mail)" in told
        assert [name for (name,) in server.sql("SHOW DATABASES") if name == "shop"] == []


def test_m24_keys_that_mysql_refuses_are_named(site: Site, host: Host) -> None:
    mysql(
        host,
        "CREATE DATABASE loose; USE loose; SET restrict_fk_on_non_standard_key = OFF;"
        "CREATE TABLE parent (a INT, b INT, PRIMARY KEY (a, b), KEY k (b));"
        "CREATE TABLE child (x INT, CONSTRAINT plain FOREIGN KEY (x) REFERENCES parent (b))",
    )
    module(
        site, "my9", "dump", code=0, engine="mysql", repository=SHARED, source="loose", instance="web",
        databases=["loose"],
    )  # fmt: skip
    mysql(host, "DROP DATABASE loose")
    before = databases_of(host)
    said = refused(site, "loose", "web", ["loose"])
    assert "child.plain to parent (b)" in said
    assert "restrict_fk_on_non_standard_key" in said
    assert databases_of(host) == before
    mysql(host, "SET GLOBAL restrict_fk_on_non_standard_key = OFF")
    module(
        site, "my9", "restore", code=0, engine="mysql", repository=SHARED, source="loose", instance="web",
        databases=["loose"], roles="none",
    )  # fmt: skip
    assert "REFERENCES `parent` (`b`)" in mysql(host, "SHOW CREATE TABLE loose.child")


def test_m03_logins_that_mysql_9_has_given_up_are_named(site: Site, host: Host) -> None:
    before = databases_of(host)
    of_mysql_8(Repository(str(site.repository)), "my9")
    said = refused(site, "old8", "web", ["shop"], if_exists="replace")
    assert "mysql_native_password of 'sha'@'localhost' is not there" in said
    assert "IDENTIFIED WITH caching_sha2_password" in said
    assert databases_of(host) == before


def of_mysql_8(repository: Repository, source: str) -> None:
    """A set as MySQL 8 makes it, where an account has the old login: no such server is at hand."""
    with (
        repository.open(source, "web") as reader,
        repository.begin("old8", "web", datetime.now(timezone.utc)) as writer,
    ):
        for artefact in reader.manifest.artefacts:
            if artefact.kind == "readme":
                continue
            at = reader.path(artefact)
            if artefact.kind == "roles":
                script = _codec.read_bytes(at).decode()
                old = script.replace(
                    "`sha`@`localhost` IDENTIFIED WITH 'caching_sha2_password' AS",
                    "`sha`@`localhost` IDENTIFIED WITH 'mysql_native_password' AS",
                )
                assert old != script
                _codec.write_bytes(writer.create_file("roles", artefact.name, ".sql.zst"), old.encode())
            elif artefact.kind in ("settings", "proof"):
                copy = Path(writer.create_file(artefact.kind, artefact.name, ".json.zst"))
                copy.write_bytes(Path(at).read_bytes())
            else:
                directory = Path(writer.create_directory("database", artefact.name))
                for file in (path for path in Path(at).rglob("*") if path.is_file()):
                    copy = directory / file.relative_to(at)
                    copy.parent.mkdir(mode=0o700, exist_ok=True)
                    copy.write_bytes(file.read_bytes())
            writer.finish(artefact.kind, artefact.name, artefact.format, artefact.codec, artefact.details)
        writer.seal(
            replace(
                reader.manifest,
                set_id=writer.set_id,
                source="old8",
                server_version="8.0.40",
                started=timestamp(datetime.now(timezone.utc)),
                artefacts=writer.artefacts,
            )
        )
