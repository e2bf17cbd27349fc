# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ways to a server: TCP with any password, TLS, operating-system accounts. The driver and the programs go the same way."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql import connection as connections
from ansible_collections.vya.backupdb.plugins.module_utils._errors import ConnectionFailed, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._model import Connection

from tests.integration.modules.harness import call
from tests.integration.mysql.conftest import Journey
from tests.support.mariadb import MariaDBServer

PASSWORD = "p'a\"s\\s #;=$HOME\t☃ \\n"


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def tls(fresh_mysql: Callable[..., MariaDBServer], reachable_tmp: Path) -> tuple[MariaDBServer, Path]:
    """A server with a certificate for 127.0.0.1, and the folder with the authority's certificate."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    for name in ("ca", "other"):
        openssl(reachable_tmp, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", f"{name}.key", "-out", f"{name}.pem")  # fmt: skip
    openssl(reachable_tmp, "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", "server.key",
            "-out", "server.csr")  # fmt: skip
    (reachable_tmp / "ext").write_text("subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")
    openssl(reachable_tmp, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", "ext", "-out", "server.pem")  # fmt: skip
    for path in reachable_tmp.iterdir():
        path.chmod(0o644)
    server = fresh_mysql(
        settings={"ssl_ca": reachable_tmp / "ca.pem", "ssl_cert": reachable_tmp / "server.pem",
                  "ssl_key": reachable_tmp / "server.key"}
    )  # fmt: skip
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY); INSERT INTO shop.t VALUES (1)")
    server.sql("CREATE VIEW shop.v AS SELECT id FROM shop.t")
    server.create_account("keeper", "x")
    server.sql("ALTER USER keeper@'%' REQUIRE SSL")
    return server, reachable_tmp


def test_m27_tls_of_the_connection_reaches_every_tool(tls: tuple[MariaDBServer, Path], journey: Journey) -> None:
    server, folder = tls
    login: dict[str, Any] = server.login(user="keeper", password="x")
    with pytest.raises(ConnectionFailed, match="refused the login keeper"):
        journey.dump(server, login=login)
    for options in (
        {"ssl_mode": "require"},
        {"ssl_mode": "verify-ca", "ca_cert": str(folder / "ca.pem")},
        {"ssl_mode": "verify-full", "ca_cert": str(folder / "ca.pem")},
    ):
        journey.dump(server, login={**login, **options})
        server.sql("DROP DATABASE shop")
        journey.restore(server, login={**login, **options})
        assert journey.differences(server) == []
    for options in (
        {"ssl_mode": "verify-ca", "ca_cert": str(folder / "other.pem")},
        {"ssl_mode": "verify-full", "ca_cert": str(folder / "other.pem")},
    ):
        with pytest.raises(ConnectionFailed, match="cannot be reached.*certificate"):
            journey.dump(server, login={**login, **options})
    with pytest.raises(UsageError, match="TLS files cannot be used"):
        journey.dump(server, login={**login, "ssl_mode": "verify-ca", "ca_cert": str(folder / "absent.pem")})


def test_any_password_reaches_the_programs(two_servers: tuple[MariaDBServer, MariaDBServer], journey: Journey) -> None:
    source, target = two_servers
    for server in two_servers:
        server.create_account("ke'ep\"er`\\", PASSWORD)
    source.sql(
        "CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY); CREATE VIEW shop.v AS SELECT id FROM shop.t"
    )
    options = source.login(user="ke'ep\"er`\\", password=PASSWORD)
    journey.dump(source, login=options)
    journey.restore(target, login={**options, "login_port": target.port})
    assert journey.differences(target) == []


def test_operating_system_account_of_the_socket(source: MariaDBServer, journey: Journey) -> None:
    """Over the socket without a password, the account named like the login is acted as; login_os_user names another."""
    source.sql(
        "CREATE USER IF NOT EXISTS nobody@localhost IDENTIFIED /*M! VIA unix_socket */ /*!80000 WITH auth_socket */; GRANT ALL ON *.* TO nobody@localhost"
    )
    source.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY); INSERT INTO shop.t VALUES (7)")
    try:
        journey.dump(source, "shop", login=source.login(user="nobody"))
        journey.dump(source, "shop", login={**source.login(user="nobody"), "login_os_user": "nobody"})
        with pytest.raises(ConnectionFailed, match="operating-system account .here: daemon.*become"):
            journey.dump(source, "shop", login={**source.login(user="nobody"), "login_os_user": "daemon"})
    finally:
        source.sql("DROP USER nobody@localhost")


def test_socket_is_found_where_servers_put_it(
    source: MariaDBServer, journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SOCKETS", ("/nowhere/mysqld.sock", str(source.socket)))
    result = call("instance_info", engine="mysql")
    assert result["address"] == str(source.socket)
    monkeypatch.setattr(connections, "SOCKETS", ("/nowhere/mysqld.sock",))
    with pytest.raises(
        ConnectionFailed, match="no MySQL or MariaDB server on this host.*login_unix_socket or login_host"
    ):
        call("instance_info", engine="mysql")


def test_addresses() -> None:
    def address(**options: Any) -> str:
        return str(connections.address_of(Connection(**options)))

    assert address(host="db.example.org") == "db.example.org:3306"
    assert address(host="localhost", port=3307) == "localhost:3307"
    assert address(host="db", unix_socket="/s") == "/s"
