# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is inside of a dump, found from its statements; what its tool says, found from its comments."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._sql.inventory import Inventory, take_inventory
from ansible_collections.vya.backupdb.plugins.module_utils._sql.origin import Origin, flavour_of

MYSQLDUMP = """-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: localhost    Database: dns_db
-- ------------------------------------------------------
-- Server version\t8.0.36

/*!40101 SET NAMES utf8mb4 */;
SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'a:1-5';
{content}
-- Dump completed on 2026-01-13 15:54:40
"""


def inventory(dump: str, flavour: str = "mysql") -> Inventory:
    return take_inventory([dump.encode()], flavour)


def test_the_database_is_the_one_of_the_comment_when_no_statement_names_one() -> None:
    found = inventory(MYSQLDUMP.format(content="CREATE TABLE `t` (a int);\nINSERT INTO `t` VALUES (1),(2);"))
    assert [(d.name, d.line, d.created, d.tables, d.statements) for d in found.databases.values()] == [
        ("dns_db", 9, False, 1, 2)
    ]
    assert found.databases == {} or next(iter(found.databases.values())).data > 7
    assert found.gtid
    assert found.origin.tool == "mysqldump"
    assert found.origin.tool_version == "8.0.36"
    assert found.origin.server_version == "8.0.36"
    assert found.truncated is None


def test_m07_several_databases_are_listed_with_users_and_definers() -> None:
    content = (
        "CREATE DATABASE IF NOT EXISTS `a`;\nUSE `a`;\nCREATE TABLE t (x int);\n"
        "/*!50017 CREATE DEFINER=`root`@`%`*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a=1 */;\n"
        "CREATE DEFINER='o''x'@localhost VIEW v AS SELECT 1;\n"
        "DROP DATABASE IF EXISTS `b`;\nCREATE TABLE `c`.`t` (x int);\nCREATE USER `u`@`%`;\nGRANT ALL ON *.* TO u;"
    )
    found = inventory(MYSQLDUMP.format(content=content).replace("Database: dns_db", "Database: "))
    assert [(d.name, d.created, d.dropped, d.tables) for d in found.databases.values()] == [
        ("a", True, False, 1),
        ("b", False, True, 0),
        ("c", False, False, 1),
    ]
    assert found.definers == ["root@%", "o''x@localhost"]
    assert found.roles == ["u"]
    assert found.role_statements == 2


@pytest.mark.parametrize(
    ("content", "end", "reason"),
    [
        ("INSERT INTO t VALUES (1,'a", False, "it ends inside of the string or comment that begins in line 9"),
        ("INSERT INTO t VALUES (1,'a'),", False, "the line with which mysqldump ends a dump is missing"),
        ("SELECT 1;", False, "the line with which mysqldump ends a dump is missing"),
        ("SELECT 1;", True, None),
    ],
)
def test_f14_a_truncated_dump_is_found(content: str, end: bool, reason: str | None) -> None:
    dump = MYSQLDUMP.format(content=content)
    assert inventory(dump if end else dump[: dump.index("-- Dump completed")].rstrip("\n")).truncated == reason


def test_a_dump_without_comments_ends_where_it_ends() -> None:
    assert inventory("SELECT 1").truncated is None
    assert inventory("SELECT '1").truncated == "it ends inside of the string or comment that begins in line 1"
    assert (
        inventory("COPY t FROM stdin;\n1\n", "postgresql").truncated
        == "it ends inside of the COPY data that begins in line 1"
    )


def test_p01_a_cluster_is_read_in_its_levels() -> None:
    dump = """--
-- PostgreSQL database cluster dump
--
\\restrict x
CREATE ROLE a;
CREATE ROLE b@c;
ALTER ROLE a IN DATABASE shop SET x TO y;
GRANT a TO "d";
\\connect template1
--
-- PostgreSQL database dump
--
-- Dumped from database version 15.4 (Debian 15.4-1)
-- Dumped by pg_dump version 16.1
SET x = y;
SELECT pg_catalog.set_config('search_path', '', false);
--
-- PostgreSQL database dump complete
--
CREATE DATABASE shop WITH TEMPLATE = template0;
\\connect shop
CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;
CREATE TABLE t (a int);
COPY t FROM stdin;
1
\\.
\\! id
SELECT 1 \\gexec
--
-- PostgreSQL database cluster dump complete
--
"""
    found = inventory(dump, "postgresql")
    assert found.origin == Origin("postgresql", "pg_dumpall", "16.1", "15.4", None, ended=True)
    assert [(d.name, d.created, d.statements, d.tables, d.data) for d in found.databases.values()] == [
        ("template1", False, 0, 0, 0),
        ("shop", True, 3, 1, 6),
    ]
    assert found.roles == ["a", "b@c"]
    assert found.role_statements == 3
    assert found.extensions == ["uuid-ossp"]
    assert found.refused == [
        "line 27: \\!: it is none of those that a dump needs",
        "line 28: \\gexec: it is none of those that a dump needs",
    ]
    assert found.truncated is None
    cut = inventory(dump.replace("cluster dump complete", ""), "postgresql")
    assert cut.truncated == "the line with which pg_dumpall ends a dump is missing"


@pytest.mark.parametrize(
    ("text", "flavour", "tool", "version"),
    [
        ("-- MySQL dump 10.13  Distrib 5.7.44, for Linux (x86_64)\n", "mysql", "mysqldump", "5.7.44"),
        ("-- MySQL dump 10.19  Distrib 10.3.39-MariaDB, for x\n", "mysql", "mysqldump", "10.3.39-MariaDB"),
        (
            "/*!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  Distrib 10.11.8-MariaDB, for x\n",
            "mysql",
            "mariadb-dump",
            "10.11.8-MariaDB",
        ),
        ("-- MariaDB dump 10.19-11.4.2-MariaDB, for Linux (x86_64)\n", "mysql", "mariadb-dump", "11.4.2-MariaDB"),
        ("-- phpMyAdmin SQL Dump\n-- version 5.2.1\n", "mysql", "phpMyAdmin", "5.2.1"),
        (
            "--\n-- PostgreSQL database dump\n--\n\n\\restrict x\n\n-- Dumped from database version 17.6\n-- Dumped by pg_dump version 17.6\n",
            "postgresql",
            "pg_dump",
            "17.6",
        ),
        ("--\n-- PostgreSQL database cluster dump\n--\n", "postgresql", "pg_dumpall", None),
        ("-- Adminer 4.8.1 MySQL 8.0 dump\n", "mysql", "Adminer", "4.8.1"),
    ],
)
def test_m16_tools_are_known_by_their_comments(text: str, flavour: str, tool: str, version: str | None) -> None:
    origin = Origin()
    origin.read(text.encode())
    assert (origin.flavour, origin.tool, origin.tool_version) == (flavour, tool, version)
    assert flavour_of(text.encode()) == flavour


@pytest.mark.parametrize(
    ("text", "flavour"),
    [
        ("CREATE TABLE `t` (a int) ENGINE=InnoDB;", "mysql"),
        ("/*!40101 SET NAMES utf8 */;", "mysql"),
        ("COPY public.t (a) FROM stdin;\n1\n\\.\n", "postgresql"),
        ("SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;", "postgresql"),
        ("CREATE FUNCTION f() RETURNS int AS $$ begin end $$ LANGUAGE plpgsql;", "postgresql"),
        ("CREATE TABLE t (a int);", None),
    ],
)
def test_dialects_are_known_by_their_statements(text: str, flavour: str | None) -> None:
    assert flavour_of(text.encode()) == flavour
