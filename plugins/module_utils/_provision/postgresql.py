# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host needs for a set of PostgreSQL. Private to this collection."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.initdb import CATEGORIES, initdb_options
from ansible_collections.vya.backupdb.plugins.module_utils._engines._postgresql.tools import major_of
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, run
from ansible_collections.vya.backupdb.plugins.module_utils._provision.needs import (
    ConfigFile,
    Needs,
    Places,
    Recorded,
    refuse_occupied,
)
from ansible_collections.vya.backupdb.plugins.module_utils._provision.postgresql_settings import (
    Settings,
    hba_lines,
    ident_lines,
)

_HEADER = "# Written by vya.backupdb for a rebuild. Settings of your own belong into backupdb_server_settings."
#: The server's own objects have lower numbers.
_FIRST_OF_USERS = 16384
_ALWAYS_THERE = frozenset({"", "C", "POSIX"})
_NAME = re.compile(r"[A-Za-z0-9_.@-]+\Z")
_CLUSTER = re.compile(r"\w[\w-]*\Z", re.ASCII)
#: As packages call the only one.
_USUAL_CLUSTER = "main"


class PostgresqlPlanner:
    """Works out what is needed for a cluster.

    Args:
        recorded: the set.
        names: packages and directories of the operating system, see roles/provision/vars.
        extra: packages that the operator names.
    """

    def __init__(self, recorded: Recorded, names: Mapping[str, Any], extra: Sequence[str]) -> None:
        self._recorded = recorded
        self._source = major_of(recorded.manifest.server_version)
        release = recorded.release or str(self._source)
        if not release.isdecimal():
            raise UsageError(
                f"{release!r} is no major version of PostgreSQL.", "give one such as 17 in backupdb_server_version"
            )
        self._major = int(release)
        self._names = names
        cluster = recorded.cluster or recorded_cluster(recorded, names)
        if not _CLUSTER.match(cluster):
            raise UsageError(
                f"{cluster!r} is no name of a cluster.",
                "give one of letters, digits, underscores and hyphens in backupdb_server_clusters",
            )
        if cluster != _USUAL_CLUSTER and not has_named_clusters(names):
            raise UsageError(
                f"The cluster cannot be called {cluster!r}: packages of this operating system make one of each major version.",
                "leave it out of backupdb_server_clusters",
            )
        self._places = Places(names, release, cluster)
        self._extra = extra
        self._needs = Needs(release, cluster=cluster)

    def needs(self) -> Needs:
        """What the host needs."""
        needs = self._needs
        places = self._places
        if self._major < self._source:
            needs.problems.append(
                f"The set is of PostgreSQL {self._source}, and {self._major} is older: a dump does not load there."
                f" What to do: ask for {self._source} or newer in backupdb_server_version."
            )
        superuser = str(self._recorded.manifest.details.get("superuser") or "postgres")
        if superuser != "postgres":
            needs.problems.append(
                f"The first superuser of the recorded cluster is {superuser!r}, and packages make 'postgres'. What to do: make"
                " the cluster yourself, and rebuild without backupdb_provision."
            )
        extensions = self._extensions()
        known = places.by_name("extension_packages")
        needs.programs = places.several("programs")
        needs.packages = [
            *places.several("packages"),
            *sorted({known[name] for name in (*extensions, *self._libraries()) if name in known}),
        ]
        needs.locales = self._locales()
        needs.initialise = initdb_options(self._recorded.manifest.databases, self._recorded.facts, self._major)
        program = os.path.join(places.one("programs_directory"), "postgres")
        needs.installed = os.access(program, os.X_OK)
        data = places.one("data_directory")
        needs.initialised = os.path.exists(os.path.join(data, "PG_VERSION"))
        needs.holds_data = any(
            int(os.path.basename(path)) >= _FIRST_OF_USERS for path in glob.glob(os.path.join(data, "base", "[0-9]*"))
        )
        if needs.installed:
            needs.problems += self._missing(extensions)
            self._configure(known_settings(program))
        others = [path for path in glob.glob(places.one("other_clusters")) if not self._is_known(path, data)]
        if others:
            needs.problems.append(
                f"There is another cluster of PostgreSQL on this host, in {', '.join(sorted(others))}; it is not touched."
                " What to do: take a bare host; or set up the server yourself, and rebuild without backupdb_provision."
            )
        refuse_occupied(needs, places.one("marker"), f"a cluster of PostgreSQL in {data}")
        return needs

    def _is_known(self, path: str, data: str) -> bool:
        """Whether a data directory is the one that is meant, or was made for another instance."""
        if os.path.realpath(path) == os.path.realpath(data):
            return True
        release, cluster = os.path.basename(os.path.dirname(path)), os.path.basename(path)
        return os.path.exists(Places(self._names, release, cluster).one("marker"))

    def _configure(self, known: frozenset[str]) -> None:
        needs = self._needs
        directory = self._places.one("configuration_directory")
        settings = Settings(self._recorded, known, self._places.one("libraries_directory"), f"PostgreSQL {self._major}")
        needs.problems += settings.problems()
        needs.files.append(_file(directory, os.path.join("conf.d", "backupdb.conf"), settings.lines()))
        needs.left_out += settings.left_out
        rules = self._recorded.settings.get("hba") or ()
        if rules:
            needs.files.append(_file(directory, "pg_hba.conf", hba_lines(rules, needs.left_out)))
        else:
            needs.warnings.append("The set holds no authentication rules; those of the packages stay.")
        maps = ident_lines(self._recorded.settings.get("ident") or ())
        if maps:
            needs.files.append(_file(directory, "pg_ident.conf", maps))
        tablespaces = [str(item["name"]) for item in self._recorded.settings.get("tablespaces") or ()]
        own = [name for name in tablespaces if not name.startswith("pg_")]
        if own:
            needs.warnings.append(
                f"Tablespaces are not made: {', '.join(own)}. Make them before the databases are restored."
            )

    def _extensions(self) -> list[str]:
        found = {
            str(item[0])
            for artefact in self._recorded.manifest.artefacts
            if artefact.kind == "database"
            for item in artefact.details.get("extensions") or ()
        }
        return sorted(name for name in found if _NAME.match(name))

    def _libraries(self) -> list[str]:
        values = [
            str(item["setting"])
            for item in self._recorded.settings.get("parameters", ())
            if str(item.get("name")).endswith("_preload_libraries") and item.get("setting")
        ]
        return sorted({name.strip().strip('"') for value in values for name in value.split(",")})

    def _missing(self, extensions: Sequence[str]) -> Iterator[str]:
        """Extensions that are still missing when the server's programs are there."""
        directory = self._places.one("extensions_directory")
        known = self._places.by_name("extension_packages")
        for name in extensions:
            if name not in known and not self._extra and not os.path.isfile(os.path.join(directory, f"{name}.control")):
                yield (
                    f"The extension {name} is not installed, and its package is not known. What to do: name its package in"
                    " backupdb_server_packages."
                )

    def _locales(self) -> list[str]:
        names = {str(self._recorded.facts.get(f"lc_{item}") or "") for item in CATEGORIES}
        for database in self._recorded.manifest.databases:
            names |= {str(database.properties.get(key) or "") for key in ("lc_collate", "lc_ctype")}
        return sorted(name for name in names - _ALWAYS_THERE if _NAME.match(name))


def has_named_clusters(names: Mapping[str, Any]) -> bool:
    """Whether the packages of an operating system can make several clusters of a version, each under its name."""
    return "{cluster}" in str(names.get("data_directory", ""))


def recorded_cluster(recorded: Recorded, names: Mapping[str, Any]) -> str:
    """The name of the recorded cluster, if its data lay where the packages put them; otherwise the usual one."""
    if not has_named_clusters(names):
        return _USUAL_CLUSTER
    pattern = re.escape(str(names.get("data_directory", "")))
    pattern = pattern.replace(re.escape("{release}"), r"\d+").replace(re.escape("{cluster}"), r"(?P<cluster>[^/]+)")
    found = re.fullmatch(pattern, str(recorded.facts.get("data_directory") or ""))
    return found["cluster"] if found and _CLUSTER.match(found["cluster"]) else _USUAL_CLUSTER


def _file(directory: str, name: str, lines: Sequence[str]) -> ConfigFile:
    return ConfigFile(os.path.join(directory, name), "".join(f"{line}\n" for line in (_HEADER, *lines)))


def known_settings(program: str) -> frozenset[str]:
    """Names of the settings that a server knows, by itself.

    Raises:
        ProcessError: it does not say.
    """
    # C, so that a locale that is not there yet is no matter
    listed = run(Command([program, "--describe-config"], env={"LC_ALL": "C"}, cwd="/")).stdout
    return frozenset(line.split("\t", 1)[0] for line in listed.decode("utf-8", "replace").splitlines() if line)
