# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host needs for a set of MySQL or MariaDB. Private to this collection."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._errors import HostFailed, UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._process import Command, run
from ansible_collections.vya.backupdb.plugins.module_utils._provision.needs import (
    ConfigFile,
    LeftOut,
    Needs,
    Places,
    Recorded,
    as_text,
    listens_anywhere,
    missing_files,
    one_line,
    refuse_occupied,
)

_HEADER = "# Written by vya.backupdb for a rebuild. Settings of your own belong into backupdb_server_settings."
_COMPONENT = re.compile(r"file://(component_\w+)")
_SERIES = re.compile(r"(\d+)\.(\d+)")
#: Applied also where they were the defaults: a newer server has other ones, and what is stored depends on them.
_FACTS = (
    "character_set_server",
    "collation_server",
    "default_storage_engine",
    "innodb_page_size",
    "lower_case_table_names",
    "max_allowed_packet",
    "sql_mode",
    "time_zone",
)
#: Where a server lies and how it is found: the packages of the host decide.
_OF_THE_SERVER = frozenset(
    "basedir character_sets_dir datadir init_file innodb_data_home_dir innodb_log_group_home_dir innodb_undo_directory"
    " lc_messages_dir log_bin_basename log_bin_index log_error pid_file plugin_dir plugin_load plugin_load_add"
    " slave_load_tmpdir replica_load_tmpdir socket mysqlx_socket tmpdir user version version_comment skip_grant_tables".split()
)
#: The same, and the operator may decide.
_OF_THE_HOST = frozenset(
    "admin_port general_log_file innodb_dedicated_server innodb_numa_interleave large_pages mysqlx_port port server_id"
    " slow_query_log_file".split()
)
#: What reaches out of the server, or would do work on two servers at the same time.
_OUTWARD = frozenset(
    {"event_scheduler", "init_connect", "init_slave", "rpl_semi_sync_master_enabled", "rpl_semi_sync_slave_enabled"}
)
_OUTWARD_FAMILIES = (
    "wsrep_",
    "relay_log",
    "report_",
    "gtid_",
    "master_",
    "slave_",
    "source_",
    "replica_",
    "replicate_",
    "group_replication_",
    "rpl_semi_sync_source_",
    "rpl_semi_sync_replica_",
)
_ADDRESSES = ("bind_address", "mysqlx_bind_address", "admin_address")
_CERTIFICATES = ("ssl_ca", "ssl_cert", "ssl_key", "ssl_crl")
_DIRECTORIES = ("ssl_capath", "ssl_crlpath", "secure_file_priv", "aria_log_dir_path")
_SYSTEM = frozenset({"mysql", "performance_schema", "sys", "test", "information_schema", "lost+found"})
#: Part of the memory that the buffer pool may take.
_MOST_OF_MEMORY = 0.85
_REDACTED = "***"


@dataclass(frozen=True)
class Product:
    """In what MySQL and MariaDB differ.

    Args:
        title: how it writes itself.
        section: of an option file, that its server reads and the other product's does not.
        example: of a series.
        logs: whether the binary log is on unless it is switched off.
        schedules: whether events run unless that is switched off.
    """

    title: str
    section: str
    example: str
    logs: bool
    schedules: bool


MARIADB = Product("MariaDB", "mariadbd", "11.8", logs=False, schedules=False)
MYSQL = Product("MySQL", "mysqld", "9.7", logs=True, schedules=True)


class MariadbPlanner:
    """Works out what is needed for a server.

    Args:
        recorded: the set.
        names: packages and directories of the operating system, see roles/provision/vars.
        extra: packages that the operator names.
    """

    product = MARIADB

    def __init__(self, recorded: Recorded, names: Mapping[str, Any], extra: Sequence[str]) -> None:
        self._recorded = recorded
        self._source = series_of(recorded.manifest.server_version)
        release = recorded.release or self._source
        if not re.fullmatch(_SERIES, release):
            raise UsageError(
                f"{release!r} is no series of {self.product.title}.",
                f"give one such as {self.product.example} in backupdb_server_version",
            )
        self._places = Places(names, release)
        self._extra = extra
        self._needs = Needs(release)

    def needs(self) -> Needs:
        """What the host needs."""
        needs = self._needs
        places = self._places
        if _number(needs.release) < _number(self._source):
            needs.problems.append(
                f"The set is of {self.product.title} {self._source}, and {needs.release} is older. What to do: ask for {self._source} or"
                " newer in backupdb_server_version."
            )
        known = places.by_name("plugin_packages")
        libraries = self._libraries()
        needs.programs = places.several("programs")
        needs.packages = [*places.several("packages"), *sorted({known[name] for name in libraries if name in known})]
        found = {data: list(_directories(data)) for data in places.several("data_directories")}
        directories = [name for names in found.values() for name in names]
        needs.initialised = "mysql" in directories
        needs.holds_data = any(name not in _SYSTEM and not name.startswith(("#", ".")) for name in directories)
        needs.time_zones = bool(self._recorded.settings.get("time_zones_loaded"))
        program = places.one("program")
        needs.installed = os.access(program, os.X_OK)
        if needs.installed:
            needs.problems += self._version_problems(program)
            self._configure(known_variables(program), [name for name in libraries if name not in known])
            self._add_components()
        where = next((data for data, names in found.items() if names), "")
        refuse_occupied(needs, places.one("marker"), f"a server of {self.product.title} in {where}")
        return needs

    def _version_problems(self, program: str) -> Iterator[str]:
        said = run(Command([program, "--no-defaults", "--version"], cwd="/")).stdout.decode("utf-8", "replace")
        found = re.search(r"Ver (\d+\.\d+)", said)
        if found is None or found[1] != self._needs.release:
            yield (
                f"The packages of this host are of {self.product.title} {found[1] if found else '?'}, and {self._needs.release} is asked for."
                " What to do: take a host or a package source that has it, or ask for this one in backupdb_server_version."
            )

    def _libraries(self) -> list[str]:
        """Libraries of the recorded plugins, without their ending."""
        names = {str(item.get("library") or "") for item in self._recorded.settings.get("plugins") or ()}
        return sorted({name.rpartition(".")[0] or name for name in names if re.fullmatch(r"[\w.-]+", name)})

    def _configure(self, known: frozenset[str], libraries: Sequence[str]) -> None:
        needs = self._needs
        settings = Variables(
            self._recorded, known, f"{self.product.title} {needs.release}", self._plugin_prefixes(), self.product
        )
        needs.problems += settings.problems()
        lines = settings.lines()
        directory = self._places.one("plugins_directory")
        for name in libraries:
            if os.path.isfile(os.path.join(directory, f"{name}.so")):
                lines.append(f"plugin_load_add = {name}")
            elif not self._extra:
                needs.problems.append(
                    f"The plugin {name} is not installed, and its package is not known. What to do: name its package in"
                    " backupdb_server_packages."
                )
        content = "".join(f"{line}\n" for line in (_HEADER, f"[{self.product.section}]", *lines))
        needs.files.append(ConfigFile(self._places.one("configuration"), content))
        needs.left_out += settings.left_out

    def _add_components(self) -> None:
        """MySQL's components, which no option file can load."""
        needs = self._needs
        directory = self._places.one("plugins_directory")
        for urn in self._recorded.settings.get("components") or ():
            found = _COMPONENT.fullmatch(str(urn))
            if found is not None and os.path.isfile(os.path.join(directory, f"{found[1]}.so")):
                needs.components.append(found[0])
            elif not self._extra:
                needs.problems.append(
                    f"The component {urn} is not installed, and its package is not known. What to do: name its package in"
                    " backupdb_server_packages."
                )

    def _plugin_prefixes(self) -> tuple[str, ...]:
        plugins = tuple(f"{str(item['name']).lower()}_" for item in self._recorded.settings.get("plugins") or ())
        found = (_COMPONENT.fullmatch(str(urn)) for urn in self._recorded.settings.get("components") or ())
        return plugins + tuple(f"{match[1][len('component_') :]}." for match in found if match is not None)


def _directories(data: str) -> Iterator[str]:
    """Names of the directories in a data directory, none if it is not there."""
    try:
        entries = os.listdir(data)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise HostFailed(f"{data} cannot be read: {error.strerror}.", "run the task with become") from error
    for name in entries:
        if os.path.isdir(os.path.join(data, name)):
            yield name


class Variables:
    """Chooses among the recorded variables.

    Args:
        recorded: the set.
        known: names of the options that the server knows.
        title: the server, for messages.
        of_plugins: how variables of plugins begin.
        product: MySQL or MariaDB.
    """

    def __init__(
        self,
        recorded: Recorded,
        known: frozenset[str],
        title: str,
        of_plugins: tuple[str, ...],
        product: Product = MARIADB,
    ) -> None:
        self._recorded = recorded
        self._known = known
        self._title = title
        self._of_plugins = of_plugins
        self._chosen = {name.replace("-", "_").lower(): value for name, value in recorded.chosen.items()}
        variables = recorded.settings.get("variables") or {}
        self._values: dict[str, Optional[str]] = {name: item.get("value") for name, item in variables.items()}
        for name in _FACTS:
            if recorded.facts.get(name) is not None:
                self._values[name] = str(recorded.facts[name])
        logs = str(recorded.facts.get("log_bin", self._values.get("log_bin"))).upper()
        if logs in ("ON", "1", "OFF", "0"):
            # The server does not call it configured, since its option is the name of files.
            self._values.pop("log_bin", None)
            if (logs in ("ON", "1")) != product.logs:
                self._values["skip_log_bin" if product.logs else "log_bin"] = "ON"
        if product.schedules:
            self._values["event_scheduler"] = "ON" if recorded.facts.get("event_scheduler", "ON") == "ON" else None
        zone = self._values.pop("time_zone", None)
        if zone is not None:
            # the option has another name than the variable
            self._values["default_time_zone"] = zone
        #: recorded variables that are not applied
        self.left_out: list[LeftOut] = []
        self._product = product

    def lines(self) -> list[str]:
        """The variables that apply, as lines of an option file; fills :attr:`left_out`."""
        values: dict[str, str] = {}
        for name, value in sorted(self._values.items()):
            if name in self._chosen or value is None or name in _OF_THE_SERVER:
                continue
            reason = self._against(name, value)
            if reason is None:
                values[name if name in (*self._known, "skip_log_bin") else f"loose_{name}"] = value
            else:
                self.left_out.append(LeftOut(name, reason))
        values.update({name: as_text(value) for name, value in self._chosen.items() if value is not None})
        if self._product.schedules and "event_scheduler" not in self._chosen:
            # otherwise events would run as soon as they are restored
            values["event_scheduler"] = "OFF"
        # The value is the name of files, which the server chooses by itself.
        return [
            name if name in ("log_bin", "skip_log_bin") else f"{name} = {_quoted(value)}"
            for name, value in values.items()
        ]

    def problems(self) -> Iterator[str]:
        """What is wrong with the settings of the operator."""
        for name, value in self._chosen.items():
            if name in _OF_THE_SERVER:
                yield f"The setting {name} belongs to the server of the packages. What to do: leave it out of backupdb_server_settings."
            elif not name.replace("_", "").replace(".", "").isalnum() or not one_line(as_text(value)):
                yield f"{name!r} cannot be set. What to do: give a setting's name and a value on one line in backupdb_server_settings."
            elif name not in self._known and not name.startswith(("loose_", *self._of_plugins)):
                yield f"{self._title} has no setting {name!r}. What to do: correct it in backupdb_server_settings."

    def _against(self, name: str, value: str) -> Optional[str]:
        """Why a variable is not applied; None if it is."""
        if name in _OF_THE_HOST:
            return "it belongs to the host; set it in backupdb_server_settings"
        if name in _OUTWARD or name.startswith(_OUTWARD_FAMILIES):
            return "it would work beside the lost server: set it after fencing"
        if value == _REDACTED:
            return "its value is a secret, which is not recorded"
        if name not in self._known and name != "skip_log_bin" and not name.startswith(self._of_plugins):
            return f"{self._title} does not know it as an option"
        if not one_line(value):
            return "its value is not one line"
        return self._unfit(name, value)

    def _unfit(self, name: str, value: str) -> Optional[str]:
        if name in _ADDRESSES and value and not listens_anywhere(value.split(",")):
            return "it names addresses of the lost host"
        if name in _CERTIFICATES and missing_files([value]):
            return "there is no such file on this host"
        if name in _DIRECTORIES and value and not os.path.isdir(value):
            return "there is no such directory on this host"
        most = self._recorded.memory * _MOST_OF_MEMORY
        if name == "innodb_buffer_pool_size" and value.isdecimal() and int(value) > most:
            return "this host has too little memory for it"
        return None


class MysqlPlanner(MariadbPlanner):
    """The same for MySQL."""

    product = MYSQL


def series_of(version: str) -> str:
    """The series of a version: ``10.11`` of ``10.11.14-MariaDB``.

    Raises:
        UsageError: it is no version.
    """
    found = _SERIES.match(version)
    if found is None:
        raise UsageError(f"The set says that the server's version was {version!r}.", "give backupdb_server_version")
    return found[0]


def known_variables(program: str) -> frozenset[str]:
    """Names of the options that a server knows, by itself: the table at the end of its help.

    Raises:
        ProcessError: it does not say.
    """
    printed = run(Command([program, "--no-defaults", "--verbose", "--help"], env={"LC_ALL": "C"}, cwd="/")).stdout
    table = re.split(r"^-{10,} -{5,}$", printed.decode("utf-8", "replace"), maxsplit=1, flags=re.MULTILINE)[-1]
    return frozenset(
        found.replace("-", "_").lower() for found in re.findall(r"^([a-zA-Z][\w.-]+) +\S", table, re.MULTILINE)
    )


def _number(series: str) -> tuple[int, ...]:
    return tuple(int(part) for part in series.split("."))


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
