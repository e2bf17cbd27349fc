# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers in containers: reached from their host by their own client programs, without a port and without trust in them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.module_utils._containers import Container
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    BackupError,
    ConnectionFailed,
    ProcessError,
    UsageError,
)
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, run, start

from tests.hosts import host
from tests.hosts.engine import Engine
from tests.hosts.host import Host, image
from tests.integration.modules.harness import call
from tests.integration.playbooks.site import Site
from tests.support.paths import BUILD, CHECKOUT

#: an image is made, packages are downloaded
pytestmark = pytest.mark.timeout(1800)
#: how long something may take that happens in any case, in seconds
PATIENCE = 300
IMAGE = "backupdb-hosts:databases"
RELEASE = "trixie"
PASSWORD = "geheim $'\\ ü"
#: what images of servers do: no service manager, the server is the first process
POSTGRESQL = (
    "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups",
    "/usr/lib/postgresql/17/bin/postgres", "--config-file=/etc/postgresql/17/main/postgresql.conf",
)  # fmt: skip
MARIADB = ("sh", "-c", "mkdir -p /run/mysqld && chown mysql /run/mysqld && exec mariadbd --user=mysql")
SHOP = """
CREATE ROLE app LOGIN PASSWORD 'app-password';
CREATE DATABASE shop;
\\connect shop
CREATE TABLE item (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, at timestamptz DEFAULT now());
INSERT INTO item (name) SELECT 'item ' || n FROM generate_series(1, 5000) n;
CREATE TABLE part (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO part VALUES (1, '2026-05-05');
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t BEFORE INSERT ON part FOR EACH ROW EXECUTE FUNCTION f();
CREATE VIEW v AS SELECT id FROM item;
GRANT SELECT ON item TO app;
"""
STORE = """
CREATE DATABASE store;
CREATE TABLE store.item (id int PRIMARY KEY AUTO_INCREMENT, name varchar(100), picture blob);
INSERT INTO store.item (name, picture) SELECT CONCAT('ü ', seq), UNHEX('00FF0A5C09') FROM store.seq;
CREATE VIEW store.v AS SELECT id FROM store.item;
CREATE USER app@localhost IDENTIFIED BY 'app-password';
GRANT SELECT ON store.* TO app@localhost;
CREATE PROCEDURE store.p() SELECT 1;
""".replace("store.seq", "(SELECT 1 AS seq UNION SELECT 2 UNION SELECT 3) AS seqs")


@pytest.fixture(scope="module")
def databases(engine: Engine) -> str:
    """An image with both servers, and no service manager; made once."""
    if engine.run("image", "ls", "--quiet", IMAGE).strip():
        return IMAGE
    name = f"backupdb-image-{os.getpid()}"
    packages = host._PACKAGES / RELEASE
    packages.mkdir(parents=True, exist_ok=True)
    engine.run(
        "run", "--detach", f"--name={name}", "--network=host", f"--volume={packages}:/var/cache/apt/archives",
        image(engine, RELEASE), "sleep", "infinity",
    )  # fmt: skip
    try:
        maker = Host(engine, name)
        maker.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n")
        maker.run("chmod", "755", "/usr/sbin/policy-rc.d")
        maker.install("postgresql-17", "mariadb-server", "mariadb-client")
        # The packages chose a port that was free where they were installed.
        maker.run("sed", "-i", "s/^port = .*/port = 5432/", "/etc/postgresql/17/main/postgresql.conf")
        engine.run("commit", name, IMAGE)
    finally:
        engine.run("rm", "--force", "--volumes", name)
    return IMAGE


@contextlib.contextmanager
def container(engine: Engine, databases: str, *command: str, options: tuple[str, ...] = ()) -> Iterator[Host]:
    """A container without a network, whose first process is a server."""
    name = f"backupdb-{os.getpid()}-{time.monotonic_ns() % 10**9}"
    engine.run("run", "--detach", f"--name={name}", "--network=none", *options, databases, *command)
    try:
        yield Host(engine, name)
    finally:
        engine.run("rm", "--force", "--volumes", name)


def psql(server: Host, text: str, database: str = "postgres") -> str:
    return server.run(
        "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "psql", "--no-psqlrc", "--quiet",
        "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--dbname", database, data=text,
    )  # fmt: skip


def until(server: Host, *argv: str) -> Host:
    """Wait until a program in a container succeeds."""
    deadline = time.monotonic() + PATIENCE
    while server.run("sh", "-c", '"$@" >/dev/null 2>&1; echo $?', "sh", *argv, code=None).strip() != "0":
        assert time.monotonic() < deadline, server.engine.run("logs", server.name)
        time.sleep(0.2)
    return server


@pytest.fixture(scope="module")
def postgresql(engine: Engine, databases: str) -> Iterator[Host]:
    with container(engine, databases, *POSTGRESQL) as server:
        until(server, "pg_isready", "-h", "/run/postgresql")
        psql(server, SHOP)
        yield server


@pytest.fixture
def other_postgresql(engine: Engine, databases: str) -> Iterator[Host]:
    with container(engine, databases, *POSTGRESQL) as server:
        yield until(server, "pg_isready", "-h", "/run/postgresql")


@pytest.fixture(scope="module")
def mariadb(engine: Engine, databases: str) -> Iterator[Host]:
    with container(engine, databases, *MARIADB) as server:
        until(server, "mariadb", "-e", "SELECT 1")
        server.run("mariadb", data=STORE)
        yield server


@pytest.fixture
def other_mariadb(engine: Engine, databases: str) -> Iterator[Host]:
    with container(engine, databases, *MARIADB) as server:
        yield until(server, "mariadb", "-e", "SELECT 1")


def place(folder: Path, engine: str) -> dict[str, Any]:
    folder.chmod(0o700)
    return {"engine": engine, "repository": str(folder), "source": "db1", "instance": "main"}


def test_postgresql_goes_from_a_container_to_another(postgresql: Host, other_postgresql: Host, tmp_path: Path) -> None:
    options = place(tmp_path, "postgresql")
    done = call("dump", container=postgresql.name, proof="content", **options)
    assert done["set"]["version"].startswith("17.")
    call("restore", container=other_postgresql.name, if_exists="skip", **options)
    proof = call("proof_info", container=other_postgresql.name, **options)
    assert (proof["differences"], proof["equal"]) == ([], True)
    assert psql(other_postgresql, "SELECT count(*) FROM item", "shop").strip() == "5000"
    for path in tmp_path.rglob("*"):
        assert path.stat().st_uid == 0 and not path.stat().st_mode & 0o077, path


def test_mariadb_goes_from_a_container_to_another(mariadb: Host, other_mariadb: Host, tmp_path: Path) -> None:
    options = place(tmp_path, "mysql")
    done = call("dump", container=mariadb.name, proof="content", **options)
    assert done["set"]["version"].startswith("11.8")
    call("restore", container=other_mariadb.name, **options)
    proof = call("proof_info", container=other_mariadb.name, **options)
    assert (proof["differences"], proof["equal"]) == ([], True)
    assert other_mariadb.run("mariadb", "--skip-column-names", "-e", "SELECT COUNT(*) FROM store.item").strip() == "3"


def test_playbooks_back_up_and_rebuild_as_the_documentation_says(
    postgresql: Host, mariadb: Host, other_postgresql: Host, other_mariadb: Host, site: Site
) -> None:
    text = (CHECKOUT / "docs" / "containers.md").read_text().partition("```yaml")[2].partition("```")[0]

    def instances(first: Host, second: Host) -> list[dict[str, Any]]:
        found = text.replace("shop-postgresql", first.name).replace("shop-mariadb", second.name)
        return list(yaml.safe_load(found)["backupdb_instances"])

    site.repository.mkdir(mode=0o700, exist_ok=True)
    site.vars = {"backupdb_become": False, "backupdb_proof": "content", "vault_shop_root_password": PASSWORD}
    quoted = PASSWORD.replace("\\", "\\\\").replace("'", "''")
    for server in (mariadb, other_mariadb):
        # as in official images: by password, not by account
        server.run("mariadb", data=f"ALTER USER root@localhost IDENTIFIED BY '{quoted}'")
    site.host("db1", instances(postgresql, mariadb))
    output = site.play("check").output + site.play("backup").output
    site.hosts = {}
    site.host("db1-lost", [])
    site.host("db2", instances(other_postgresql, other_mariadb), backupdb_rebuild_from="db1")
    rebuilt = site.play("disaster_recovery", "--limit", "db2")
    assert [row["differences"] for row in rebuilt.report] == [0, 0]
    assert psql(other_postgresql, "SELECT count(*) FROM item", "shop").strip() == "5000"
    again = site.play("disaster_recovery", "--limit", "db2")
    assert again.counts("db2")["changed"] == 0
    assert PASSWORD not in output + rebuilt.output + again.output


def test_a_dump_of_another_tool_is_loaded_into_a_container(
    other_postgresql: Host, postgresql: Host, tmp_path: Path
) -> None:
    psql(other_postgresql, "CREATE ROLE app")
    for form in ("custom", "directory"):
        postgresql.run(
            "setpriv",
            "--reuid=postgres",
            "--regid=postgres",
            "--init-groups",
            "pg_dump",
            f"--format={form}",
            f"--file=/tmp/{form}",
            "shop",
        )
        postgresql.engine.run("cp", f"{postgresql.name}:/tmp/{form}", str(tmp_path / form))
        call(
            "restore",
            engine="postgresql",
            container=other_postgresql.name,
            src=str(tmp_path / form),
            rename={"shop": form},
        )
        assert psql(other_postgresql, "SELECT count(*) FROM item", form).strip() == "5000"


def test_tcp_is_that_of_the_container(other_postgresql: Host, tmp_path: Path) -> None:
    psql(other_postgresql, f"ALTER ROLE postgres PASSWORD $p${PASSWORD}$p$")
    options = {"engine": "postgresql", "container": other_postgresql.name, "login_host": "127.0.0.1"}
    found = call("instance_info", login_password=PASSWORD, **options)
    assert found["address"] == f"container {other_postgresql.name}, 127.0.0.1:5432"
    call("dump", login_password=PASSWORD, **{**options, **place(tmp_path, "postgresql")})
    with pytest.raises(ConnectionFailed, match="password"):
        call("instance_info", login_password="wrong", **options)


def test_a_program_inside_sees_nothing_of_the_host_but_what_it_is_handed(postgresql: Host, tmp_path: Path) -> None:
    inside = Container(postgresql.name)
    folder = tmp_path / "handed"
    folder.mkdir(mode=0o700)
    (folder / "file").write_text("content")
    (folder / "file").chmod(0o600)
    account = inside.account_named("postgres")
    script = """
        cd -P "$0" && cat file && ls -a .. && (echo x >> file || echo read-only) 2>&1
        grep -E 'Cap(Prm|Bnd)|NoNewPrivs' /proc/self/status
        cat /proc/[0-9]*/environ /proc/1/root/etc/shadow >/dev/null && ls -l /proc/self/fd
        kill -0 1 && echo killed; unshare --mount true && echo mounted; chown 4711 /tmp && echo owned; mknod /tmp/disk b 254 0 && echo disk; true
    """
    argv = ["/bin/sh", "-c", script, str(folder)]
    said = run(Command(argv, inside=inside, account=account, reads=(str(folder),))).stdout.decode()
    assert said.startswith("content") and "handed" not in said
    lines = said.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("Cap")] == ["0000000000000002"] * 2
    assert "NoNewPrivs:\t1" in lines
    assert (folder / "file").read_text() == "content"
    for root in ("mounted", "disk", "owned"):
        assert root not in lines
    as_root = run(Command(argv, inside=inside, reads=(str(folder),))).stdout.decode().splitlines()
    assert not {"mounted", "disk", "owned"} & set(as_root)


def test_links_in_a_container_stay_in_it(postgresql: Host) -> None:
    postgresql.run(
        "sh",
        "-c",
        "ln -sf /etc/hostname /tmp/link && ln -sf ../../../../../../etc/hostname /tmp/up && mkfifo /tmp/fifo",
    )
    inside = Container(postgresql.name)
    for path in ("/tmp/link", "/tmp/up"):
        with open(inside.open(path), encoding="utf-8") as stream:
            assert stream.read() == postgresql.run("cat", "/etc/hostname")
    with pytest.raises(ConnectionFailed, match="no socket /tmp/fifo"):
        inside.socket("/tmp/fifo")
    assert not inside.is_program("/tmp/fifo")


def test_programs_end_with_their_task(postgresql: Host) -> None:
    inside = Container(postgresql.name)
    script = (
        "import sys, time\n"
        "from ansible_collections.vya.backupdb.plugins.module_utils._containers import Container\n"
        "from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, start\n"
        f"inside = Container({postgresql.name!r})\n"
        "start(Command(['/bin/sleep', '4711'], inside=inside, account=inside.account('postgres')))\n"
        "print('started', flush=True)\n"
        "time.sleep(4711)\n"
    )
    task = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(BUILD)}
    )
    assert task.stdout is not None and task.stdout.readline() == b"started\n"
    running(postgresql, "sleep 4711", True)
    task.kill()
    task.wait()
    running(postgresql, "sleep 4711", False)
    with (
        pytest.raises(ProcessError, match="sleep was killed by signal 15"),
        start(Command(["/bin/sleep", "4711"], inside=inside)) as process,
    ):
        running(postgresql, "sleep 4711", True)
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def running(server: Host, words: str, wanted: bool) -> None:
    """Wait until a program runs in a container, or runs no more."""
    deadline = time.monotonic() + PATIENCE
    while (words in server.run("sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '")) is not wanted:
        assert time.monotonic() < deadline, words
        time.sleep(0.1)


def test_a_container_that_stops_fails_the_backup(other_postgresql: Host, tmp_path: Path) -> None:
    psql(other_postgresql, "CREATE TABLE wall AS SELECT 1")
    options = place(tmp_path, "postgresql")
    locked = psql_in_background(other_postgresql, "BEGIN; LOCK wall; SELECT pg_sleep(600)")
    try:
        running(other_postgresql, "idle in transaction", False)
        with ThreadPoolExecutor(1) as pool:
            backup = pool.submit(call, "dump", container=other_postgresql.name, **options)
            running(other_postgresql, "pg_dump", True)
            other_postgresql.engine.run("kill", other_postgresql.name)
            with pytest.raises(BackupError):
                backup.result(120)
    finally:
        locked.kill()
        locked.wait()
    assert not list(tmp_path.glob("db1/main/2*"))
    with pytest.raises(ConnectionFailed, match="does not run: it is exited.*docker start"):
        call("dump", container=other_postgresql.name, **options)


def psql_in_background(server: Host, text: str) -> subprocess.Popen[bytes]:
    argv = ["docker", "exec", "--user=postgres", server.name, "psql", "--no-psqlrc", "--command", text]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL)


def test_bad_names_are_refused_in_words(postgresql: Host, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no container no-such on this host .asked: docker.*docker ps"):
        Container("no-such")
    for name in ("--help", "../x", "", "a b"):
        with pytest.raises(UsageError, match="is no name of a container"):
            Container(name)
    with pytest.raises(UsageError, match="There is no account 'nobody-here' in the container"):
        call("instance_info", engine="postgresql", container=postgresql.name, login_os_user="nobody-here")
    with pytest.raises(ConnectionFailed, match="There is no socket /nowhere/.s.PGSQL.5432 in the container"):
        call("instance_info", engine="postgresql", container=postgresql.name, login_unix_socket="/nowhere")
    with pytest.raises(ConnectionFailed, match="no MySQL or MariaDB server in the container"):
        call("instance_info", engine="mysql", container=postgresql.name)


def test_a_paused_container_is_refused(other_mariadb: Host) -> None:
    other_mariadb.engine.run("pause", other_mariadb.name)
    try:
        with pytest.raises(ConnectionFailed, match="it is paused.*docker unpause"):
            call("instance_info", engine="mysql", container=other_mariadb.name)
    finally:
        other_mariadb.engine.run("unpause", other_mariadb.name)
