# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PostgreSQL's own regression database, which has an object of every kind: lost and rebuilt, on its version and on newer ones.

It is built by the suite in the source package of the very server that is installed, with the suite's own library.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.hosts import dumps
from tests.hosts.host import Estate, Host, variables
from tests.integration.playbooks.site import Site

#: whole hosts are installed, and each runs PostgreSQL's suite
pytestmark = pytest.mark.timeout(2400)
#: release of Debian -> major version of its server, the oldest first
VERSIONS = {"bookworm": "15", "trixie": "17", "sid": "18"}
INSTANCES = [{"name": "main", "engine": "postgresql"}]
DATABASE = "regression"
#: The suite, and its libraries, which functions name: the same place on all hosts.
SUITE = "/opt/regress"
#: Version -> what it cannot have: PostgreSQL's own test of upgrades removes it beforehand, too (AdjustUpgrade.pm).
GONE = {
    "17": """
        -- children of INHERITS that compute an inherited column, which 16 forbids
        DROP TABLE public.gtest_normal_child, public.gtest_normal_child2;
        -- its C code is in the library no more
        DROP FUNCTION get_columns_length(oid[]);
    """,
    "18": """
        -- their C code is in the libraries no more
        DROP FUNCTION ttdummy(), set_ttdummy(integer), autoinc(), check_foreign_key(), check_primary_key();
    """,
}
_SETTINGS = "listen_addresses = '*'\nfsync = off\nautovacuum = off\n"
_RULES = "local all all trust\nhost all all samenet trust\n"
#: A minute or less on an idle machine.
_SECONDS_OF_THE_SUITE = 1200
_OUTCOME = re.compile(r"(?:All|(?P<failed>\d+) of) (?P<all>\d+) tests (?:passed|failed)")


def as_postgres(host: Host, *argv: str, data: str | None = None, code: int | None = 0) -> str:
    return host.engine.run(
        "exec", "--interactive", host.name, "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups",
        "env", f"--chdir={SUITE}", *argv, data=(data or "").encode(), code=code, timeout=_SECONDS_OF_THE_SUITE,
    )  # fmt: skip


def install(host: Host, version: str) -> None:
    """The server, and its suite with the libraries."""
    host.install("postgresql-common", "zstd", "python3-psycopg", "gcc", "libc6-dev", "bzip2")
    host.run("sh", "-c", "echo create_main_cluster = false >>/etc/postgresql-common/createcluster.conf")
    host.install(f"postgresql-{version}")
    host.run("sh", "-c", "sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >/etc/apt/sources.list.d/source.list")
    host.run("apt-get", "-q", "-o", "Acquire::Check-Valid-Until=false", "update")
    script = f"""
        set -e
        exact=$(dpkg-query -W -f '${{source:Version}}' postgresql-{version})
        mkdir -p /var/tmp/source {SUITE}/out
        cd /var/tmp/source
        apt-get -q source --download-only "postgresql-{version}=$exact"
        apt-get -q download "postgresql-server-dev-{version}=$(dpkg-query -W -f '${{Version}}' postgresql-{version})"
        dpkg --extract *.deb .
        tar -C {SUITE} -xf *.orig.tar.* --strip-components=4 --wildcards '*/src/test/regress'
        include=usr/include/postgresql
        gcc -O1 -fPIC -shared -w -I {SUITE} -I $include/{version}/server -I $include {SUITE}/regress.c -o {SUITE}/regress.so
        for name in refint autoinc; do
            from=/usr/lib/postgresql/{version}/lib/$name.so
            test ! -e $from || cp $from {SUITE}
        done
        chown postgres {SUITE}/out
    """
    host.run("sh", "-c", script)


def initialise(host: Host, version: str) -> None:
    """An empty server, whatever there was."""
    if host.run("pg_lsclusters", "--no-header").strip():
        host.run("pg_dropcluster", version, "main", "--stop")
    host.run("pg_createcluster", version, "main", "--locale=C.UTF-8")
    host.write(f"/etc/postgresql/{version}/main/conf.d/tests.conf", _SETTINGS)
    host.write(f"/etc/postgresql/{version}/main/pg_hba.conf", _RULES)
    host.run("pg_ctlcluster", version, "main", "start")


def fill(host: Host, version: str) -> None:
    """Run the suite. Some of its tests look at plans, which differ from machine to machine; the objects are there all the same."""
    programs = f"/usr/lib/postgresql/{version}"
    output = as_postgres(
        # newer ones print there what failed
        host, "sh", "-c", 'exec "$0" "$@" 2>&1',
        f"{programs}/lib/pgxs/src/test/regress/pg_regress", f"--bindir={programs}/bin", f"--inputdir={SUITE}",
        f"--outputdir={SUITE}/out", f"--dlpath={SUITE}", f"--schedule={SUITE}/parallel_schedule", "--user=postgres",
        "--host=/var/run/postgresql", "--port=5432", "--max-concurrent-tests=20", code=None,
    )  # fmt: skip
    outcome = _OUTCOME.search(output)
    assert outcome is not None, output
    assert int(outcome["failed"] or 0) <= int(outcome["all"]) // 10, output
    count = as_postgres(host, "psql", "-XAtq", f"--dbname={DATABASE}", data="SELECT count(*) FROM pg_class")
    assert int(count) > 1500


def dump(host: Host, folder: Path, name: str, *arguments: str) -> Path:
    """The database as pg_dump of a host prints it."""
    path = folder / f"{name}.sql"
    as_postgres(host, "pg_dump", f"--file={SUITE}/out/dump.sql", "--restrict-key=x", *arguments, DATABASE)
    host.engine.run("cp", f"{host.name}:{SUITE}/out/dump.sql", str(path))
    return path


def differing(before: Path, after: Path, *, newer: bool = False) -> list[str]:
    """What is in one dump only, the first lines of it."""
    first, second = dumps.read(before, newer=newer), dumps.read(after, newer=newer)
    assert len(first) > 10000
    found = [f"{str(one)[:300]} -> {str(other)[:300]}" for one, other in zip(first, second) if one != other]
    return found[:20] if len(first) == len(second) else [f"{len(first)} -> {len(second)} lines", *found[:20]]


@pytest.fixture(scope="module")
def server(hosts: Estate, site: Site) -> Callable[[str], Host]:
    """The host with a release of Debian, its server with the database; made when it is first asked for."""
    made: dict[str, Host] = {}

    def get(release: str) -> Host:
        if release not in made:
            host = hosts.host(release, release)
            install(host, VERSIONS[release])
            initialise(host, VERSIONS[release])
            fill(host, VERSIONS[release])
            made[release] = host
        return made[release]

    return get


def rebuild(site: Site, name: str) -> None:
    run = site.play("disaster_recovery", "--limit", name, "-e", '{"backupdb_confirm": false}')
    assert run.row("main")["ok"], run.output
    assert run.row("main")["differences"] == 0, run.output


@pytest.mark.parametrize("release", VERSIONS)
def test_p36_the_regression_database_on_its_own_version(
    server: Callable[[str], Host], site: Site, tmp_path: Path, release: str
) -> None:
    host = server(release)
    site.host(release, INSTANCES, **variables(host))
    before = dump(host, tmp_path, "before")
    site.play("backup", "--limit", release, "-e", "backupdb_proof=content")
    initialise(host, VERSIONS[release])
    rebuild(site, release)
    assert differing(before, dump(host, tmp_path, "after")) == []


def test_p36_the_regression_database_on_newer_versions(
    server: Callable[[str], Host], site: Site, tmp_path: Path
) -> None:
    for older, newer in pairwise(VERSIONS):
        version = VERSIONS[newer]
        source, target = server(older), server(newer)
        as_postgres(
            source, "psql", "-Xq", "--set=ON_ERROR_STOP=1", "--single-transaction", f"--dbname={DATABASE}",
            data=GONE[version],
        )  # fmt: skip
        site.host(older, INSTANCES, **variables(source))
        site.play("backup", "--limit", older, "-e", "backupdb_proof=content")
        initialise(target, version)
        before = dump(target, tmp_path, f"{older}-before", f"--host={older}")
        site.host(newer, **variables(target, {"backupdb_rebuild_from": older}))
        rebuild(site, newer)
        assert differing(before, dump(target, tmp_path, f"{older}-after"), newer=True) == []
