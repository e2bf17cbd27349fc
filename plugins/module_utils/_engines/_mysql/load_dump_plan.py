# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What loading dumps of other tools would do, and what forbids it. Private to this collection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.accounts_restore import (
    AccountPlan,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.catalog import knows_collation
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    driver_errors,
    error_number,
    explaining,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.instance import (
    global_privileges,
    inspect,
    missing,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_accounts import (
    accounts_of,
    concerns,
    definers_of,
    unnamed_of,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.load_dump_parts import DumpChoice, choices_of
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.occupants import replace_problems
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.previous_databases import (
    LONGEST_NAME,
    name_for_previous,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.rows_only import PRIVILEGES, room_for_rows
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import (
    exists,
    is_empty,
    leftovers,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.swap import cut_off, exchanged
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.users import (
    account_in_use,
    read_accounts,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import DumpSource, LoadPlan, LoadRequest
from ansible_collections.vya.backupdb.plugins.module_utils._engines.part import DATA, Included
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import (
    FAIL,
    REPLACE,
    SKIP,
    Placement,
)
from ansible_collections.vya.backupdb.plugins.module_utils._errors import Impossible, Occupied
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_findings import Finding
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_needs import CHARSET, COLLATION, ENGINE
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_rename import IN_CASE_ONLY

#: Databases of the server itself: never loaded.
SYSTEM = frozenset(("mysql", "sys", "performance_schema", "information_schema", "ndbinfo"))

#: Privilege -> what a load does with it.
_NEEDED: Mapping[str, str] = {
    "SELECT": "to look at what was loaded",
    "INSERT": "to load rows",
    "CREATE": "to make databases and tables",
    "DROP": "to remove what a failed load made",
    "ALTER": "to move tables to their name",
    "INDEX": "to build keys",
    "REFERENCES": "to add foreign keys",
    "CREATE VIEW": "to make views",
    "SHOW VIEW": "to read views",
    "CREATE ROUTINE": "to make procedures and functions",
    "ALTER ROUTINE": "to make procedures and functions",
    "TRIGGER": "to make triggers",
    "EVENT": "to make events",
}
_FOR_ROLES: Mapping[str, str] = {"CREATE USER": "to make accounts"}
_UNKNOWN_CHARSET = 1115
_ENGINE_ALIASES = {"merge": "mrg_myisam", "heap": "memory", "innobase": "innodb", "ndb": "ndbcluster"}
_TOLD = 20


@dataclass(frozen=True)
class Preflight:
    """Everything that a load needs to know before it begins.

    Args:
        plan: for people.
        accounts: what has to happen to accounts.
        choices: of each source, by recorded name, what of a database is loaded where that is not all.
    """

    plan: LoadPlan
    accounts: AccountPlan = field(default_factory=AccountPlan)
    choices: Sequence[Mapping[str, DumpChoice]] = ()


def plan_load(server: Server, request: LoadRequest) -> LoadPlan:
    """What loading dumps would do, from their inventories and the server."""
    return preflight(server, request).plan


def preflight(server: Server, request: LoadRequest) -> Preflight:
    """The plan, and what the load itself needs beside it."""
    if request.part.content == DATA:
        return _rows_alone(server, request)
    info = inspect(server)
    problems: list[str] = []
    warnings: list[str] = []
    if server.flavour.too_old:
        problems.append(server.flavour.too_old)
    present = read_accounts(server)
    with server.session() as session:
        dead = set(leftovers(session))
        chosen, skipped, replaced, found = _choose(session, request, dead)
        problems += found
        privileges = global_privileges(session)
        problems += missing(privileges, {**_NEEDED, **(_FOR_ROLES if request.roles != "none" else {})})
        in_use = account_in_use(session)
        choices = [
            choices_of(source, names, request.part, unnamed_of(source))
            for source, names in zip(request.sources, chosen)
        ]
        for source, names, parts in zip(request.sources, chosen, choices):
            problems += _needs(session, source, names, parts)
            warnings += _unsaid(session, source, names)
        cut = cut_off(session)
        ignore_case = int(session.value("SELECT @@lower_case_table_names")) != 0
    warnings += [f"{name} was left by a restore that died: it will be dropped." for name in sorted(dead - set(cut))]
    warnings += [
        f"The exchange of {' and '.join(exchanged(journal))}, in which a run had died, will be finished or undone first."
        for journal in cut.values()
    ]
    for source, names, parts in zip(request.sources, chosen, choices):
        problems += _refused(source, names)
        warnings += _left_out(source)
        warnings += _mentioned(source, names, parts, ignore_case)
        for recorded, choice in parts.items():
            problems += choice.problems
            warnings += [f"Left out of {names[recorded]}: {text}." for text in choice.included.left_out]
    accounts, found = accounts_of(server, request, chosen, present, in_use, choices)
    warnings += found
    found, more = definers_of(request, chosen, present, accounts, choices)
    problems += found
    warnings += more
    plan = LoadPlan(
        info,
        chosen,
        replaced,
        tuple(skipped),
        tuple(accounts.actions),
        tuple(problems),
        tuple(warnings),
        _included(choices),
    )
    return Preflight(plan, accounts, choices)


def _rows_alone(server: Server, request: LoadRequest) -> Preflight:
    """The plan to fill tables that exist."""
    info = inspect(server)
    chosen = [
        {recorded: name for recorded, name in source.databases.items() if recorded.lower() not in SYSTEM}
        for source in request.sources
    ]
    choices = [
        choices_of(source, names, request.part, unnamed_of(source)) for source, names in zip(request.sources, chosen)
    ]
    problems: list[str] = []
    with server.session() as session:
        problems += missing(global_privileges(session), PRIVILEGES)
        for source, names, parts in zip(request.sources, chosen, choices):
            problems += _refused(source, names)
            for recorded, choice in parts.items():
                wrong = _name_problem(names[recorded])
                problems += [*choice.problems, *([wrong] if wrong is not None else [])]
                tables = [{"name": name, "versioned": table.versioned} for name, table in choice.tables.items()]
                details = {"tables": tables, "sequences": sorted(choice.sequences)}
                if not choice.problems and wrong is None:
                    with explaining(f"looking at the tables of {names[recorded]}"):
                        problems += room_for_rows(session, names[recorded], details, server.flavour.keeps_history)
    plan = LoadPlan(info, chosen, problems=tuple(problems), included=_included(choices))
    return Preflight(plan, choices=choices)


def _included(choices: Sequence[Mapping[str, DumpChoice]]) -> dict[str, Included]:
    return {recorded: choice.included for parts in choices for recorded, choice in parts.items()}


def _mentioned(
    source: DumpSource, names: Mapping[str, str], parts: Mapping[str, DumpChoice], ignore_case: bool
) -> Iterator[str]:
    """What may still refer to a database by the name that it has in the dump."""
    for mention in source.inventory.mysql.mentions if source.inventory is not None else ():
        reference = mention.reference
        if names.get(reference.name, reference.name) == reference.name or not concerns(source, names, mention.database):
            continue
        choice = parts.get(mention.database or unnamed_of(source) or "")
        loaded = choice is None or not choice.part.chosen or mention.table in choice.tables
        if loaded and not (ignore_case and reference.reason == IN_CASE_ONLY):
            yield f"{source.part.label}, {reference}"


def again(server: Server, request: LoadRequest, plan: LoadPlan) -> Preflight:
    """Look once more, right before loading, for exactly what was planned.

    Raises:
        BackupError: something that forbids the load has come up since.
    """
    sources = [replace(source, databases=dict(names)) for source, names in zip(request.sources, plan.databases)]
    if_exists = REPLACE if request.placement.if_exists == REPLACE else FAIL
    found = preflight(
        server, replace(request, sources=sources, placement=replace(request.placement, if_exists=if_exists))
    )
    if found.plan.problems:
        raise Impossible(
            "The restore is not possible any more:", "solve what is listed, then run again", found.plan.problems
        )
    return found


# names


def _choose(
    session: Session, request: LoadRequest, dead: set[str]
) -> tuple[list[dict[str, str]], list[str], dict[str, str], list[str]]:
    chosen: list[dict[str, str]] = []
    skipped: list[str] = []
    replaced: dict[str, str] = {}
    problems: list[str] = []
    for source in request.sources:
        names: dict[str, str] = {}
        for recorded, name in source.databases.items():
            if recorded.lower() in SYSTEM:
                continue
            problem = _name_problem(name)
            if problem is not None:
                problems.append(problem)
            elif name not in dead and exists(session, name) and not is_empty(session, name):
                # An empty one is as good as none.
                if request.placement.if_exists == SKIP:
                    skipped.append(name)
                    continue
                problem = _taken(session, request.placement, name, replaced)
                if problem is not None:
                    problems.append(problem)
            names[recorded] = name
        chosen.append(names)
    problems += replace_problems(session, replaced, request.placement.disconnect)
    return chosen, skipped, replaced, problems


def _taken(session: Session, placement: Placement, name: str, replaced: dict[str, str]) -> Optional[str]:
    """What forbids giving a name that a database has; else notes what that will be called."""
    if placement.if_exists != REPLACE:
        occupied = Occupied(
            f"Database {name} exists on this server and is not empty. Give the new one another name (target, rename), let "
            "it take the place of the other one (if_exists: replace), or keep that (if_exists: skip)."
        )
        return str(occupied)
    kept = placement.keep_previous > 0
    replaced[name] = name_for_previous(session, name, placement.stamp) if kept else ""
    return None


def _name_problem(name: str) -> Optional[str]:
    if len(name) > LONGEST_NAME or not name or name != name.rstrip(" ") or "\0" in name:
        return f"{name!r} cannot be the name of a database: choose one of 1 to {LONGEST_NAME} characters."
    if name.lower() in SYSTEM:
        return f"{name!r} is a database of the server itself: choose another name with target or rename."
    return None


# what the dumps need


def _needs(
    session: Session, source: DumpSource, names: Mapping[str, str], parts: Mapping[str, DumpChoice]
) -> Iterator[str]:
    if source.inventory is None:
        return
    wanted: dict[tuple[str, str], list[str]] = {}
    findings = source.inventory.mysql
    for (database, sort, name), places in findings.needs.items():
        if not database or concerns(source, names, database):
            choice = parts.get(database or unnamed_of(source) or "")
            tables = findings.needed_by[database, sort, name]
            if choice is not None and choice.part.chosen and "" not in tables and tables.isdisjoint(choice.tables):
                continue
            wanted.setdefault((sort, name.lower()), []).extend(places)
    with explaining("listing the storage engines"):
        engines = {row[0].lower() for row in session.rows("SHOW ENGINES") if row[1] in ("YES", "DEFAULT")}
    for (sort, name), places in sorted(wanted.items()):
        if sort == ENGINE:
            known = _ENGINE_ALIASES.get(name, name) in engines
            remedy = "install and enable its plugin"
        else:
            known = _known(session, sort, name)
            remedy = (
                "load it into a server that knows it (MySQL's utf8mb4_0900_* are not MariaDB's uca1400_*, they sort "
                "otherwise), or change the tables where the dump comes from"
            )
        if not known:
            some = ", ".join(places[:3]) + (", …" if len(places) > 3 else "")
            yield f"{source.part.label} needs the {sort} {name} ({some}), which this server does not have: {remedy}."


def _unsaid(session: Session, source: DumpSource, names: Mapping[str, str]) -> Iterator[str]:
    """Databases whose character set nothing says."""
    created = source.inventory.databases if source.inventory is not None else {}
    for recorded, name in names.items():
        found = created.get(recorded)
        if (found is None or not found.created) and not exists(session, name):
            with explaining("reading variables"):
                collation = session.value("SELECT @@collation_server")
            yield (
                f"{source.part.label} does not say the character set of its database: {name} gets the server's "
                f"({collation}), which concerns new tables and the parameters of routines. For another one make an empty "
                f"database {name} with it first."
            )


def _known(session: Session, sort: str, name: str) -> bool:
    """Whether a server knows a character set or collation: itself is asked, for it also knows aliases."""
    if sort == COLLATION:
        return knows_collation(session, name)
    if sort == CHARSET:
        try:
            session.execute(f"DO CONVERT('' USING {name})")
        except driver_errors() as error:
            return error_number(error) != _UNKNOWN_CHARSET
    return True


def _refused(source: DumpSource, names: Mapping[str, str]) -> Iterator[str]:
    if source.inventory is None:
        return
    found = [item for item in source.inventory.mysql.refused if concerns(source, names, item.database)]
    for item in found[:_TOLD]:
        yield f"{source.part.label}, {item}. Remove the statement from the dump if it is not needed."
    if len(found) > _TOLD:
        yield f"{source.part.label}: {len(found) - _TOLD} more such statements."


def _left_out(source: DumpSource) -> Iterator[str]:
    inventory = source.inventory
    if inventory is None:
        return
    label = source.part.label
    kept: dict[str, list[Finding]] = {}
    for item in inventory.mysql.omitted:
        kept.setdefault(item.reason, []).append(item)
    for reason, items in kept.items():
        some = "; ".join(f"line {item.line}: {item.head}" for item in items[:5]) + ("; …" if len(items) > 5 else "")
        yield f"{label}: left out, because it {reason}: {some}."
    system = [name for name in inventory.databases if name.lower() in SYSTEM]
    if system:
        yield (
            f"{label}: the databases {', '.join(system)} are the server's own and are not loaded. Accounts that are rows "
            "of their tables are not taken over: make them by hand, or dump them as statements."
        )
