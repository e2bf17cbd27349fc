# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of each statement of a MySQL or MariaDB dump that is loaded into databases of its own. Private to this collection.

A dump is loaded with the rights of an administrator, so what it may do is listed: fill and define the databases that were
chosen, set its session. What concerns the server as a whole is left out and said; what could do anything, unseen, is
refused before anything begins.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_kinds import ROLE_KINDS
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import STRING, Statement

#: to be executed
EXECUTE = "execute"
#: sets the session: to be executed whatever database is chosen
SETTING = "setting"
#: leaves no trace in any database, nobody misses it
IGNORE = "ignore"
#: left out, and said
OMIT = "omit"
#: about a database as a whole: done our way
DATABASE = "database"
#: about accounts
ACCOUNT = "account"
#: forbids the load
REFUSE = "refuse"


@dataclass(frozen=True)
class Policy:
    """What becomes of a statement, and why: the reason ends a sentence that begins with the statement."""

    action: str
    reason: str = ""


_EXECUTE, _SETTING, _IGNORE = Policy(EXECUTE), Policy(SETTING), Policy(IGNORE)
_DATABASE, _ACCOUNT = Policy(DATABASE), Policy(ACCOUNT)
_OBJECTS = ("table", "view", "routine", "trigger", "event", "index", "sequence")
_SERVER = Policy(OMIT, "concerns the server as a whole")
_FILES = Policy(OMIT, "writes a file of the server")
_UNSEEN = Policy(REFUSE, "could do anything to any database, and what it does cannot be seen before")

_BY_KIND = {
    **{f"{verb}_{what}": _EXECUTE for verb in ("create", "alter", "drop") for what in _OBJECTS},
    **dict.fromkeys(("insert", "update", "delete", "truncate", "rename_table"), _EXECUTE),
    **dict.fromkeys(("create_database", "alter_database", "drop_database", "use"), _DATABASE),
    **dict.fromkeys(ROLE_KINDS, _ACCOUNT),
    **dict.fromkeys(("empty", "delimiter", "meta", "lock_table", "unlock_table", "commit", "savepoint"), _IGNORE),
    **dict.fromkeys(("release", "show_other", "show_table", "explain", "describe", "desc", "help"), _IGNORE),
    **dict.fromkeys(("analyze", "optimize", "check", "checksum", "repair", "cache"), _IGNORE),
    **dict.fromkeys(("flush", "reset", "purge", "change", "stop", "install", "uninstall", "kill"), _SERVER),
    **dict.fromkeys(("shutdown", "restart", "clone", "lock_instance", "unlock_instance", "backup"), _SERVER),
    **{f"{verb}_{what}": _SERVER for verb in ("create", "alter", "drop") for what in ("server", "tablespace")},
    **dict.fromkeys(("alter_instance", "lock_other", "unlock_other"), _SERVER),
    "load": Policy(REFUSE, "reads a file, which is not part of the dump"),
    "import": Policy(REFUSE, "reads files of the server, which are not part of the dump"),
    "binlog": Policy(REFUSE, "changes any database, and what it does cannot be seen before"),
}
_GLOBAL = frozenset((b"GLOBAL", b"PERSIST", b"PERSIST_ONLY"))
_NOT_OURS = frozenset((b"SQL_LOG_BIN", b"TRANSACTION"))
#: what the dump programs of Percona Server and MariaDB write for themselves
_OF_TOOLS = (b"rocksdb", b"SET ROLE ", b"@current_role")
_DUMP_ROLE = b"MARIADB_DUMP_IMPORT_ROLE"


def policy_of(statement: Statement) -> Policy:
    """What becomes of a statement, from its first part."""
    kind, words = statement.kind, statement.words
    if kind == "set":
        return _set([statement.tokens[index][1].upper() for index in statement.significant])
    if kind == "transaction":
        return _transaction(words)
    if kind in ("select", "do", "with"):
        return _query(statement)
    if kind in ("prepare", "execute", "deallocate"):
        return _IGNORE if _is_of_tools(statement) or kind == "deallocate" else _UNSEEN
    if kind.startswith("show"):
        return _IGNORE
    if kind == "create_routine" and b"SONAME" in words:
        return Policy(OMIT, "loads a library into the server")
    if kind in ROLE_KINDS and _is_of_dump_program(words):
        return _IGNORE
    return _BY_KIND.get(kind) or Policy(REFUSE, "is none that a dump of databases needs, and what it does is not known")


def _set(words: list[bytes]) -> Policy:
    if words[1:2] == [b"PASSWORD"]:
        return Policy(OMIT, "sets a password")
    if words[1:2] == [b"ROLE"] or words[1:3] == [b"DEFAULT", b"ROLE"]:
        return _ACCOUNT if words[1:2] == [b"DEFAULT"] else _IGNORE
    if words[1:2] == [b"STATEMENT"]:
        return _UNSEEN
    if any(word.startswith(b"GTID_") for word in words):
        return Policy(OMIT, "would take over the replication state of another server")
    if any(word in _GLOBAL and _is_assigned(words, position) for position, word in enumerate(words)):
        return Policy(OMIT, "sets the server for everybody")
    return _IGNORE if not _NOT_OURS.isdisjoint(words) else _SETTING


def _is_assigned(words: list[bytes], position: int) -> bool:
    """Whether a variable's scope stands where an assignment begins, and not where a value does."""
    position -= 1
    while words[position] == b"@":
        position -= 1
    return words[position] in (b"SET", b",")


def _transaction(words: list[bytes]) -> Policy:
    if words[0] == b"START":
        return _IGNORE if words[1:2] == [b"TRANSACTION"] else _SERVER
    if words[0] == b"ROLLBACK":
        return Policy(REFUSE, "takes back what the dump did before")
    return _IGNORE if words in ([b"COMMIT"], [b"BEGIN"], [b"COMMIT", b"WORK"], [b"BEGIN", b"WORK"]) else _UNSEEN


def _query(statement: Statement) -> Policy:
    """A query changes nothing, but for what it keeps in a variable or asks of a sequence."""
    words = [statement.tokens[index][1].upper() for index in statement.significant]
    if b"OUTFILE" in words or b"DUMPFILE" in words:
        return _FILES
    if _is_of_tools(statement):
        return _IGNORE
    kept = any(word == b"INTO" and after == b"@" for word, after in zip(words, words[1:]))
    assigned = any(word == b":" and after == b"=" for word, after in zip(words, words[1:]))
    return _EXECUTE if kept or assigned or b"SETVAL" in words or b"NEXTVAL" in words else _IGNORE


def _is_of_tools(statement: Statement) -> bool:
    text = b"".join(text for kind, text in statement.tokens[:60] if kind != STRING or len(text) < 400)
    return any(mark in text for mark in _OF_TOOLS)


def _is_of_dump_program(words: list[bytes]) -> bool:
    """The role that mariadb-dump makes for the time of loading; other roles are made WITH ADMIN of it."""
    before = words[: words.index(b"WITH")] if b"WITH" in words else words
    return _DUMP_ROLE in before
