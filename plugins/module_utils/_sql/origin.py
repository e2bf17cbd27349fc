# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which tool wrote a dump, for which server, and whether it wrote it to the end. Private to this collection.

Dump tools say so in comments. Comments are hints, not facts: what is in a dump is found from its statements.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.subjects import MYSQL, POSTGRES

_TOOLS = (
    (re.compile(rb"^-- MySQL dump \S+[ \t]+Distrib ([^\s,]+)", re.MULTILINE), MYSQL, "mysqldump"),
    (re.compile(rb"^-- MariaDB dump \S+[ \t]+Distrib ([^\s,]+)", re.MULTILINE), MYSQL, "mariadb-dump"),
    (re.compile(rb"^-- MariaDB dump [\d.]+-([^\s,]+)", re.MULTILINE), MYSQL, "mariadb-dump"),
    (re.compile(rb"^-- phpMyAdmin SQL Dump\r?\n-- version (\S+)", re.MULTILINE), MYSQL, "phpMyAdmin"),
    (re.compile(rb"^-- Adminer (\S+) MySQL", re.MULTILINE), MYSQL, "Adminer"),
    (re.compile(rb"^-- Adminer (\S+) PostgreSQL", re.MULTILINE), POSTGRES, "Adminer"),
    (re.compile(rb"^-- HeidiSQL Version:[ \t]+(\S+)", re.MULTILINE), MYSQL, "HeidiSQL"),
    (re.compile(rb"^-- PostgreSQL database cluster dump()", re.MULTILINE), POSTGRES, "pg_dumpall"),
    (re.compile(rb"^-- Dumped by pg_dump version (\S+)", re.MULTILINE), POSTGRES, "pg_dump"),
    (re.compile(rb"^-- PostgreSQL database dump()\s*$", re.MULTILINE), POSTGRES, "pg_dump"),
)
_SERVER = (
    re.compile(rb"^-- Server version:?[ \t]+(\S+)", re.MULTILINE),
    re.compile(rb"^-- Dumped from database version (\S+)", re.MULTILINE),
)
_DATABASE = (
    re.compile(rb"^-- Host: \S*[ \t]+Database: ([^\r\n]+)", re.MULTILINE),
    re.compile(rb"^-- Database: `((?:[^`\r\n]|``)+)`", re.MULTILINE),
)
_FOOTERS = re.compile(
    rb"^-- (?:Dump completed|PostgreSQL database dump complete|PostgreSQL database cluster dump complete)", re.MULTILINE
)
#: tools that end their dumps with such a line
_WITH_FOOTER = ("mysqldump", "mariadb-dump", "pg_dump", "pg_dumpall")

_MYSQL_SIGNS = re.compile(
    rb"/\*M?!\d{5}|\bENGINE\s*=|\bUNLOCK TABLES\b|^DELIMITER\s|\bAUTO_INCREMENT\b|^USE\s|`[^`\n]{1,64}`", re.MULTILINE
)
_POSTGRES_SIGNS = re.compile(
    rb"^COPY [^;\n]{1,400} FROM stdin|standard_conforming_strings|\bpg_catalog\.|^\\(?:connect|restrict|c)\s|\$\$"
    rb"|\bOWNER TO\b|^SET client_encoding|\bplpgsql\b|\bSERIAL\b|::[a-z]|\bTABLE ONLY\b",
    re.MULTILINE | re.IGNORECASE,
)


@dataclass
class Origin:
    """What a dump's comments say.

    flavour: ``mysql`` (MariaDB included) or ``postgresql``; None when no comment says
    tool: such as mysqldump, mariadb-dump, phpMyAdmin, pg_dump, pg_dumpall
    tool_version: of the tool
    server_version: of the server that was dumped; MariaDB's contains "MariaDB"
    database: the database that was dumped, where statements need not name it
    ended: the tool's last line has been seen
    """

    flavour: Optional[str] = None
    tool: Optional[str] = None
    tool_version: Optional[str] = None
    server_version: Optional[str] = None
    database: Optional[str] = None
    ended: bool = False

    @property
    def complete(self) -> Optional[bool]:
        """Whether the tool came to its end; None when it does not say."""
        return self.ended if self.tool in _WITH_FOOTER else None

    def read(self, text: bytes) -> None:
        """Learn from white space and comments, in the order of the dump."""
        if b"-- " not in text:
            return
        self.ended = _FOOTERS.search(text) is not None or (self.ended and self.tool != "pg_dumpall")
        if self.tool is None or not self.tool_version:
            self._read_tool(text)
        if self.server_version is None:
            self.server_version = _first(_SERVER, text)
        if self.database is None:
            self.database = _first(_DATABASE, text)

    def _read_tool(self, text: bytes) -> None:
        for pattern, flavour, tool in _TOOLS:
            match = pattern.search(text)
            if match:
                if self.tool is None:
                    self.flavour, self.tool = flavour, tool
                self.tool_version = match.group(1).decode("latin-1") or None
                return


def _first(patterns: tuple[re.Pattern[bytes], ...], text: bytes) -> Optional[str]:
    for pattern in patterns:
        match = pattern.search(text)
        if match:
            return match.group(1).decode("utf-8", "replace").strip() or None
    return None


def flavour_of(beginning: bytes) -> Optional[str]:
    """The dialect of a dump, from its first kilobytes.

    Returns:
        ``mysql``, ``postgresql``, or None when it is not clear.
    """
    origin = Origin()
    origin.read(beginning)
    if origin.flavour is not None:
        return origin.flavour
    mysql = len(_MYSQL_SIGNS.findall(beginning))
    postgres = len(_POSTGRES_SIGNS.findall(beginning))
    if mysql == postgres:
        return None
    return MYSQL if mysql > postgres else POSTGRES
