# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which recorded settings of PostgreSQL are applied on another host, and which are not. Private to this collection."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from ansible_collections.vya.backupdb.plugins.module_utils._provision.needs import (
    LeftOut,
    Recorded,
    as_text,
    listens_anywhere,
    missing_files,
    one_line,
)

#: Where a cluster lies and how it is found: the packages of the host decide.
_OF_THE_CLUSTER = frozenset(
    "config_file data_directory external_pid_file hba_file ident_file unix_socket_directories cluster_name"
    " stats_temp_directory dynamic_library_path extension_control_path include include_dir include_if_exists".split()
)
#: The same, and the operator may decide.
_OF_THE_HOST = frozenset({"port"})
#: What reaches out of the host, or runs commands: two servers must not do it at the same time, and nobody's file decides it.
_OUTWARD = frozenset(
    "archive_cleanup_command archive_command archive_library archive_mode primary_conninfo primary_slot_name"
    " recovery_end_command restore_command synchronous_standby_names ssl_passphrase_command"
    " ssl_passphrase_command_supports_reload krb_server_keyfile synchronized_standby_slots sync_replication_slots".split()
)
_RECOVERY = "recovery_"
_LIBRARIES = frozenset(
    {"shared_preload_libraries", "session_preload_libraries", "local_preload_libraries", "jit_provider"}
)
_CERTIFICATES = ("ssl_cert_file", "ssl_key_file", "ssl_ca_file", "ssl_crl_file", "ssl_dh_params_file")
_OWN = "$libdir/"
#: Sources of a value that stand for how the server was configured.
_SOURCES = ("configuration file", "global")
#: Part of the memory that shared buffers may take; more would leave no room for sessions.
_MOST_OF_MEMORY = 0.5
_UNITS = {"B": 1, "kB": 1 << 10, "8kB": 8 << 10, "16kB": 16 << 10, "MB": 1 << 20, "16MB": 16 << 20}


class Settings:
    """Chooses among the recorded settings.

    Args:
        recorded: the set.
        known: names of the settings that the server knows.
        libraries: directory of the server's libraries.
        title: the server, for messages.
    """

    def __init__(self, recorded: Recorded, known: frozenset[str], libraries: str, title: str) -> None:
        self._recorded = recorded
        self._known = {name.lower() for name in known}
        self._libraries = libraries
        self._title = title
        self._texts = {
            str(item["name"]): str(item["setting"])
            for item in recorded.settings.get("files", ())
            if item.get("applied") and item.get("setting") is not None
        }
        self._parameters: Mapping[str, Mapping[str, Any]] = {
            str(item["name"]): item
            for item in recorded.settings.get("parameters", ())
            if item.get("source") in _SOURCES and item.get("setting") is not None
        }
        #: recorded settings that are not applied
        self.left_out: list[LeftOut] = []

    def lines(self) -> list[str]:
        """The settings that apply, as lines of a configuration file; fills :attr:`left_out`."""
        chosen = {name.lower(): value for name, value in self._recorded.chosen.items()}
        values: dict[str, str] = {}
        for name in sorted(self._parameters, key=str.lower):
            if name.lower() in chosen:
                continue
            if name in _OF_THE_CLUSTER:
                continue
            reason = self._against(name)
            if reason is None:
                values[name] = self._value(name)
            elif str(self._parameters[name]["setting"]) != str(self._parameters[name].get("boot_val")):
                self.left_out.append(LeftOut(name, reason))
        values.update({name: as_text(value) for name, value in chosen.items() if value is not None})
        return [f"{name} = '{_quoted(value)}'" for name, value in values.items()]

    def problems(self) -> Iterator[str]:
        """What is wrong with the settings of the operator."""
        for name, value in self._recorded.chosen.items():
            if name.lower() in _OF_THE_CLUSTER:
                yield f"The setting {name} belongs to the cluster of the packages. What to do: leave it out of backupdb_server_settings."
            elif not name.replace("_", "").replace(".", "").isalnum() or not one_line(as_text(value)):
                yield f"{name!r} cannot be set. What to do: give a setting's name and a value on one line in backupdb_server_settings."
            elif not self._knows(name):
                yield f"{self._title} has no setting {name!r}. What to do: correct it in backupdb_server_settings."

    def _value(self, name: str) -> str:
        """As it stands in the file, with its unit, if it comes from there."""
        return self._texts.get(name, str(self._parameters[name]["setting"]))

    def _knows(self, name: str) -> bool:
        # Settings with a dot belong to extensions, and are kept for them until they are loaded.
        return "." in name or name.lower() in self._known

    def _against(self, name: str) -> Optional[str]:
        """Why a setting is not applied; None if it is."""
        value = self._value(name)
        if name in _OF_THE_HOST:
            return "it belongs to the host; set it in backupdb_server_settings"
        if name in _OUTWARD or name.startswith(_RECOVERY):
            return "it reaches out, or runs commands: set it after fencing"
        if not self._knows(name):
            return f"{self._title} does not know it"
        if not one_line(value):
            return "its value is not one line"
        return self._unfit(name, value)

    def _unfit(self, name: str, value: str) -> Optional[str]:
        """Why a value does not fit this host."""
        if name == "listen_addresses" and not listens_anywhere(_items(value)):
            return "it names addresses of the lost host"
        if name in _CERTIFICATES and missing_files([value]):
            return "there is no such file on this host"
        if name == "ssl" and missing_files(
            [self._value(item) for item in _CERTIFICATES[:2] if item in self._parameters]
        ):
            return "its certificate or key is not on this host"
        if name in _LIBRARIES:
            absent = [item for item in _items(value) if not self._has_library(item)]
            if absent:
                return f"{', '.join(absent)} is not installed"
        if name == "shared_buffers" and self._bytes(name) > self._recorded.memory * _MOST_OF_MEMORY:
            return "this host has too little memory for it"
        if name == "huge_pages" and value.lower() == "on":
            return "huge pages are a matter of the host"
        return None

    def _bytes(self, name: str) -> int:
        item = self._parameters[name]
        setting = str(item["setting"])
        return int(setting) * _UNITS.get(str(item.get("unit") or "B"), 1) if setting.isdecimal() else 0

    def _has_library(self, name: str) -> bool:
        # Nothing but the server's own libraries: a path in a set may lead anywhere.
        base = name.removeprefix(_OWN)
        return "/" not in base and os.path.isfile(
            os.path.join(self._libraries, base if base.endswith(".so") else f"{base}.so")
        )


def _items(value: str) -> list[str]:
    return [item.strip().strip('"') for item in value.split(",")]


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


def hba_lines(rules: Sequence[Mapping[str, Any]], left_out: list[LeftOut]) -> list[str]:
    """Authentication rules as the lines of a file. What cannot be taken over becomes a rule that rejects: the rules behind
    it must not let in whom it kept out.

    Args:
        rules: rows of pg_hba_file_rules.
        left_out: gets the rules that were not taken over.
    """
    lines = []
    for rule in rules:
        if rule.get("error") or not rule.get("auth_method"):
            left_out.append(LeftOut(f"rule in line {rule.get('line_number')} of pg_hba.conf", "it was no valid rule"))
            continue
        options = [str(item) for item in rule.get("options") or ()]
        address = [str(rule[key]) for key in ("address", "netmask") if rule.get(key)]
        matched = [
            str(rule["type"]),
            ",".join(_token(str(item)) for item in rule.get("database") or ()),
            ",".join(_token(str(item)) for item in rule.get("user_name") or ()),
            *address,
        ]
        words = [*matched, str(rule["auth_method"]), *(_option(item) for item in options)]
        if not all(one_line(item) for item in words):
            left_out.append(LeftOut(f"rule in line {rule.get('line_number')} of pg_hba.conf", "it is not one line"))
        elif any(_is_secret(item) for item in options):
            left_out.append(
                LeftOut(
                    f"rule in line {rule.get('line_number')} of pg_hba.conf",
                    "it holds a password; it rejects until you write it again",
                )
            )
            lines.append("\t".join([*matched, "reject"]))
        else:
            lines.append("\t".join(words))
    return lines


def ident_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """User maps as the lines of a file."""
    found = [
        [str(row.get(key) or "") for key in ("map_name", "sys_name", "pg_username")]
        for row in rows
        if not row.get("error")
    ]
    return [
        "\t".join(_token(item) for item in words) for words in found if all(item and one_line(item) for item in words)
    ]


def _token(text: str) -> str:
    plain = text.replace("_", "").replace("-", "").replace(".", "")
    # + says members of a role, / a regular expression; both lose that between quotes
    if plain.isalnum() or (text[:1] in "+/" and not set(text) & set(' \t,"#')):
        return text
    return '"' + text.replace('"', '""') + '"'


def _option(text: str) -> str:
    name, separator, value = text.partition("=")
    return f"{name}{separator}{_token(value)}" if value else text


def _is_secret(option: str) -> bool:
    name = option.partition("=")[0].lower()
    return "passwd" in name or "secret" in name or "password" in name
