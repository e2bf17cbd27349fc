# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster of this machine that is lost, and a bare host with the newest PostgreSQL in its place, from a copy alone."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.hosts.host import SHARED, Estate, variables
from tests.hosts.test_provision import psql, rebuild
from tests.integration.playbooks.site import Site
from tests.support.postgresql import PostgresServer

pytestmark = pytest.mark.timeout(2400)
SETTINGS = {"old_snapshot_threshold": "1h", "work_mem": "17MB"}
FILL = """
CREATE TABLE word (id int PRIMARY KEY USING INDEX TABLESPACE fast, text text) TABLESPACE archive;
INSERT INTO word VALUES (1, 'Äpfel'), (2, 'Zebra');
"""


@pytest.fixture(scope="module")
def lost(site: Site) -> str:
    """The name of a host that was backed up and copied, and is gone."""
    with tempfile.TemporaryDirectory(prefix="backupdb-tablespaces-") as folder:
        Path(folder).chmod(0o711)
        with PostgresServer(settings=SETTINGS) as server:
            server.sql("CREATE ROLE app")
            for name in ("fast", "archive"):
                place = Path(folder, name)
                place.mkdir()
                shutil.chown(place, server.account)
                server.sql(f"CREATE TABLESPACE {name} OWNER app LOCATION '{place}'")
            server.sql("CREATE DATABASE shop TABLESPACE fast")
            server.psql("-c", FILL, database="shop")
            copies = [{"name": "offsite", "path": str(site.repository / "copy"), "config": {"type": "local"}}]
            repository = str(Path(folder, "repository"))
            site.host(
                "old", [{"name": "main", **server.login()}], backupdb_repository=repository, backupdb_copies=copies
            )
            site.play("backup", "-e", "backupdb_proof=content")
            site.play("replicate")
    return "old"


def test_a_copy_and_a_bare_host_become_the_newest_postgresql(hosts: Estate, site: Site, lost: str) -> None:
    host = hosts.host("newest", "sid")
    wanted = {
        "backupdb_rebuild_from": lost,
        "backupdb_repository": "/var/backups/backupdb",
        "backupdb_copies": [{"name": "offsite", "path": f"{SHARED}/copy", "config": {"type": "local"}}],
        "backupdb_from": "offsite",
        "backupdb_server_version": {"main": "18"},
        "backupdb_server_clusters": {"main": "shop"},
        "backupdb_tablespaces": {"main": {"fast": "/mnt/ssd/fast", "archive": ""}},
    }
    site.host("newest", [{"name": "main", "engine": "postgresql"}], **variables(host, wanted))

    done = rebuild(site, "newest")

    assert (done.row("main")["ok"], done.row("main")["differences"]) == (True, 0), done.output
    assert "PostgreSQL 18 does not know it" in done.output
    shown = "SELECT current_setting('server_version_num')::int / 10000, current_setting('data_checksums'), current_setting('work_mem')"
    assert psql(host, "shop", shown).strip() == "18|off|17MB"
    assert psql(host, "shop", "SELECT text FROM word ORDER BY id").split() == ["Äpfel", "Zebra"]
    spaces = "SELECT spcname, pg_tablespace_location(oid), pg_get_userbyid(spcowner) FROM pg_tablespace WHERE spcname !~ '^pg_'"
    assert psql(host, "shop", spaces).strip() == "fast|/mnt/ssd/fast|app"
    places = "SELECT d.spcname, i.tablespace FROM pg_indexes i, pg_tablespace d, pg_database b WHERE tablename = 'word'"
    assert psql(host, "shop", f"{places} AND d.oid = b.dattablespace AND b.datname = 'shop'").strip() == "fast|"
    assert host.run("stat", "--format=%U %a", "/mnt/ssd/fast").strip() == "postgres 700"
    assert host.run("systemctl", "is-active", "postgresql@18-shop").strip() == "active"

    again = rebuild(site, "newest")
    assert again.counts("newest")["changed"] == 0, again.output
