# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore would do, and what forbids it. Private to this collection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.vya.backupdb.plugins.module_utils._codec import read_bytes
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.accounts_restore import (
    AccountPlan,
    plan_accounts,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.catalog import knows_collation
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import (
    Server,
    Session,
    explaining,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.fencing import shut_out
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.flavour import (
    OWN_TYPES,
    SYSTEM_DATABASES,
    TITLES,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.instance import (
    global_privileges,
    inspect,
    missing,
    tool_problem,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.occupants import replace_problems
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.parts import brings
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.previous_databases import (
    LONGEST_NAME,
    name_for_previous,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.referenced import referenced
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.shadow import (
    exists,
    is_empty,
    leftovers,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.swap import (
    cut_off,
    exchanged,
    vanishing,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.users import (
    account_in_use,
    read_accounts,
    read_script,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.base import (
    NONE,
    REFERENCED,
    ArtefactReader,
    RestorePlan,
    RestoreRequest,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engines.placement import FAIL, REPLACE, SKIP, Placement
from ansible_collections.vya.backupdb.plugins.module_utils._errors import (
    ChangedMeanwhile,
    DamagedSet,
    Impossible,
    NoSuchDatabase,
    Occupied,
)
from ansible_collections.vya.backupdb.plugins.module_utils._model import Artefact, InstanceInfo, Manifest
from ansible_collections.vya.backupdb.plugins.module_utils._proof.fence import CONNECTIONS
from ansible_collections.vya.backupdb.plugins.module_utils._sql.mysql_accounts import (
    ALTER_USER,
    CREATE_ROLE,
    CREATE_USER,
    REVOKE,
    AccountStatement,
    login_plugins,
)

#: Privilege -> what a restore does with it.
_FOR_RESTORE: Mapping[str, str] = {
    "SELECT": "to compare what was loaded",
    "INSERT": "to load rows",
    "CREATE": "to make databases and tables",
    "DROP": "to remove what a failed restore made",
    "ALTER": "to move tables to their name",
    "INDEX": "to build keys",
    "REFERENCES": "to add foreign keys",
    "CREATE VIEW": "to make views",
    "SHOW VIEW": "to compare views",
    "CREATE ROUTINE": "to make procedures and functions",
    "ALTER ROUTINE": "to make procedures and functions",
    "TRIGGER": "to make triggers",
    "EVENT": "to make events",
}
_FOR_ROLES: Mapping[str, str] = {"CREATE USER": "to make accounts"}


@dataclass(frozen=True)
class Preflight:
    """Everything that a restore needs to know before it begins."""

    plan: RestorePlan
    accounts: AccountPlan = field(default_factory=AccountPlan)
    enable_local_infile: bool = False


def plan_restore(server: Server, request: RestoreRequest, reader: ArtefactReader) -> Preflight:
    """What a restore would do, from the manifest, the accounts and the server."""
    manifest = reader.manifest
    info = inspect(server)
    problems = list(server_problems(server, info, manifest))
    warnings: list[str] = []
    with server.session() as session:
        journals = cut_off(session).values()
        unfinished = {name for journal in journals for name in exchanged(journal)}
        leftover = set(leftovers(session))
        dead = leftover.union(*(vanishing(session, journal) for journal in journals))
        chosen, replaced, skipped, found = _choose(session, manifest, request, dead)
        problems += found
        problems += replace_problems(session, replaced, request.placement.disconnect)
        privileges = global_privileges(session)
        wanted = {**_FOR_RESTORE, **(_FOR_ROLES if request.roles != NONE else {})}
        problems += missing(privileges, wanted)
        problems += _variables_problem(server, privileges)
        problems += _engine_problems(session, manifest, chosen)
        problems += _collation_problems(session, manifest, chosen)
        if manifest.flavour != server.flavour.name:
            problems += _foreign_problems(manifest, chosen)
        in_use = account_in_use(session)
        enable, problem = local_infile_problem(info, privileges)
        problems += problem
        problems += key_problems(session, manifest, chosen)
        problems += _function_problem(session, privileges, manifest, chosen)
    warnings += [f"{name} was left by a restore that died: it will be dropped." for name in sorted(leftover)]
    warnings += [
        f"A run died while it replaced {name}: that is finished or undone before anything else."
        for name in sorted(unfinished)
    ]
    warnings += _packet_warning(info, manifest)
    recorded = _recorded_accounts(reader) if request.roles != NONE else []
    recorded = [statement for statement in recorded if brings(manifest, statement)]
    if CONNECTIONS in request.fence:
        recorded = [shut_out(statement, server.flavour, in_use) for statement in recorded]
    if request.roles == REFERENCED:
        recorded = referenced(recorded, chosen, _all_definers(manifest, chosen))
    accounts = AccountPlan()
    present = read_accounts(server)
    if request.roles != NONE:
        accounts = plan_accounts(recorded, present, server.flavour, in_use, chosen)
        problems += _plugin_problems(server, accounts.statements)
        problems += _revoke_problems(server, accounts.statements)
    names = {str(item.name).replace("'", "") for item in present} | {
        str(item.grantee).replace("'", "") for item in recorded if item.level in (CREATE_USER, CREATE_ROLE)
    }
    found_problems, found_warnings = _definers(manifest, chosen, names, request.roles != NONE)
    plan = RestorePlan(
        info,
        chosen,
        replaced=replaced,
        skipped=tuple(skipped),
        roles=tuple(accounts.actions),
        problems=tuple(problems + found_problems),
        warnings=tuple(warnings + found_warnings),
    )
    return Preflight(plan, accounts, enable)


def _choose(
    session: Session, manifest: Manifest, request: RestoreRequest, dead: set[str]
) -> tuple[dict[str, str], dict[str, str], list[str], list[str]]:
    chosen: dict[str, str] = {}
    replaced: dict[str, str] = {}
    skipped: list[str] = []
    problems: list[str] = []
    placement = request.placement
    for recorded, name in request.databases.items():
        there = name not in dead and exists(session, name)
        filled = there and not is_empty(session, name)
        # An empty database is as good as none, but for one that was empty when it was backed up.
        if placement.if_exists == SKIP and there and (filled or not _artefact(manifest, recorded).details.get("parts")):
            skipped.append(name)
            continue
        if filled and placement.if_exists == REPLACE:
            keeps = placement.keep_previous > 0
            replaced[name] = name_for_previous(session, name, placement.stamp) if keeps else ""
        elif filled:
            occupied = Occupied(
                f"Database {name} exists on this server and is not empty. Drop it, choose another name, "
                "let it be replaced (if_exists: replace), or skipped (if_exists: skip)."
            )
            problems.append(str(occupied))
        if len(name) > LONGEST_NAME or not name or name != name.rstrip(" ") or "\0" in name:
            problems.append(f"{name!r} cannot be the name of a database: choose one of 1 to {LONGEST_NAME} characters.")
        if name.lower() in SYSTEM_DATABASES:
            problems.append(f"{name} is a database of the server itself: choose another name.")
        chosen[recorded] = name
    return chosen, replaced, skipped, problems


def _all_definers(manifest: Manifest, chosen: Iterable[str]) -> set[str]:
    return {definer for name in chosen for definer in _artefact(manifest, name).details.get("definers", {}).values()}


def server_problems(server: Server, info: InstanceInfo, manifest: Manifest) -> Iterable[str]:
    """What forbids to restore anything of a set to a server."""
    flavour = server.flavour
    for text in (flavour.too_old, tool_problem(server, info.tools)):
        if text:
            yield text
    if manifest.flavour != flavour.name:
        yield (
            f"The set is of {manifest.flavour} {manifest.server_version}, the server is {flavour.title} "
            f"{flavour.version}: restore to a server of the recorded product."
        )
    else:
        match = re.match(r"(?:5\.5\.5-)?(\d+)\.(\d+)", manifest.server_version)
        if match and flavour.number[:2] < tuple(int(part) for part in match.groups()):
            yield (
                f"The set is of {flavour.title} {manifest.server_version}, the server is older ({flavour.version}): "
                "restore to a server of the recorded version or newer."
            )
    recorded = str(manifest.details.get("facts", {}).get("lower_case_table_names", ""))
    now = str(info.facts.get("lower_case_table_names", ""))
    if recorded and now and recorded != now:
        yield (
            f"The set was made with lower_case_table_names = {recorded}, the server has {now}, which cannot be changed "
            f"later: initialise a server with lower_case_table_names = {recorded}."
        )


def _artefact(manifest: Manifest, name: str) -> Artefact:
    artefact = manifest.artefact("database", name)
    if artefact is None:
        raise NoSuchDatabase(f"The set holds no database {name!r}.", "choose another set")
    return artefact


def _engine_problems(session: Session, manifest: Manifest, chosen: Iterable[str]) -> list[str]:
    with explaining("listing the storage engines"):
        there = {row[0].lower() for row in session.rows("SHOW ENGINES") if row[1] in ("YES", "DEFAULT")}
    wanted: dict[str, str] = {}
    for name in chosen:
        details = _artefact(manifest, name).details
        for table in details.get("tables", ()):
            wanted.setdefault(table["engine"], f"{name}.{table['name']}")
    return [
        f"The storage engine {engine} (of table {table}) is not there: install and enable its plugin."
        for engine, table in sorted(wanted.items())
        if engine.lower() not in there
    ]


def _collation_problems(session: Session, manifest: Manifest, chosen: Iterable[str]) -> list[str]:
    problems = []
    known: dict[str, bool] = {}
    for name in chosen:
        database = manifest.database(name)
        details = _artefact(manifest, name).details
        wanted = set(details.get("collations", ()))
        if database is not None and database.properties.get("collation"):
            wanted.add(database.properties["collation"])
        with explaining("asking for collations"):
            known.update({item: knows_collation(session, item) for item in sorted(wanted - set(known))})
        lacking = [item for item in sorted(wanted) if not known[item]]
        if lacking:
            of = details.get("collated", {})
            said = [f"{item} ({', '.join(of[item])})" if of.get(item) else item for item in lacking]
            problems.append(
                f"Database {name} uses collations that this server does not know: {', '.join(said)}. "
                "Restore to a server that knows them."
            )
    return problems


def _variables_problem(server: Server, privileges: set[str]) -> list[str]:
    if not server.flavour.restricted or privileges & {"SUPER", "SYSTEM_VARIABLES_ADMIN", "SESSION_VARIABLES_ADMIN"}:
        return []
    return missing(privileges, {"SESSION_VARIABLES_ADMIN": "to load rows under the settings that they need"}, False)


def _foreign_problems(manifest: Manifest, chosen: Iterable[str]) -> Iterable[str]:
    """What of a set only the product that it is of has: of no use elsewhere, whatever reads it."""
    for name in chosen:
        details = _artefact(manifest, name).details
        tables = details.get("tables", ())
        routines = details.get("routines", ())
        own = {
            "sequences": details.get("sequences", ()),
            "system-versioned tables": [item["name"] for item in tables if item.get("versioned")],
            "packages": [item for item in routines if item.startswith("package")],
            "columns of its own types": [
                f"{item['name']}.{column[0]} ({column[1]})"
                for item in tables
                for column in item["columns"]
                if column[1] in OWN_TYPES.get(manifest.flavour, ())
            ],
        }
        said = [
            f"{what} {', '.join(items[:10])}{', …' if len(items) > 10 else ''}" for what, items in own.items() if items
        ]
        if said:
            yield f"Database {name} holds what only {TITLES.get(manifest.flavour, manifest.flavour)} has: {'; '.join(said)}."


def local_infile_problem(info: InstanceInfo, privileges: set[str]) -> tuple[bool, list[str]]:
    """Whether local_infile has to be set for a restore, and what forbids that."""
    if str(info.facts.get("local_infile", "ON")).upper() in ("ON", "1"):
        return False, []
    if privileges & {"ALL PRIVILEGES", "SUPER", "SYSTEM_VARIABLES_ADMIN"}:
        return True, []
    problem = (
        "The server does not accept LOAD DATA LOCAL: set the global variable local_infile to ON for the restore, "
        "or use a login that may do so."
    )
    return False, [problem]


def key_problems(session: Session, manifest: Manifest, chosen: Iterable[str]) -> list[str]:
    """Foreign keys that the server would refuse: MySQL 8.4 wants them to point to whole unique keys."""
    with explaining("reading variables"):
        found = session.rows("SHOW GLOBAL VARIABLES LIKE 'restrict_fk_on_non_standard_key'")
    if not found or str(found[0][1]).upper() != "ON":
        return []
    return [
        f"Foreign keys of {name} point to columns that are no whole unique key, which this server refuses: "
        f"{', '.join(keys[:10])}{', …' if len(keys) > 10 else ''}. Set restrict_fk_on_non_standard_key to OFF for the "
        "restore, or make the columns unique before the backup."
        for name in chosen
        for keys in [_artefact(manifest, name).details.get("loosely_referenced", ())]
        if keys
    ]


def _function_problem(session: Session, privileges: set[str], manifest: Manifest, chosen: Iterable[str]) -> list[str]:
    """With the binary log on, functions and triggers want a privilege or a variable (error 1418 or 1419)."""
    with explaining("reading variables"):
        log_bin, trust = session.rows("SELECT @@log_bin, @@log_bin_trust_function_creators")[0]
    if not log_bin or trust or privileges & {"ALL PRIVILEGES", "SUPER"}:
        return []
    having = [
        name
        for name in chosen
        if _artefact(manifest, name).details.get("triggers")
        or any(item.startswith("function") for item in _artefact(manifest, name).details.get("routines", ()))
    ]
    if not having:
        return []
    problem = (
        f"Functions or triggers of {', '.join(having)} cannot be made while the binary log is on: set "
        "log_bin_trust_function_creators to ON for the restore, or use a login with SUPER."
    )
    return [problem]


def _packet_warning(info: InstanceInfo, manifest: Manifest) -> list[str]:
    recorded = int(manifest.details.get("facts", {}).get("max_allowed_packet", 0) or 0)
    now = int(info.facts.get("max_allowed_packet", 0) or 0)
    if recorded <= now:
        return []
    warning = (
        f"max_allowed_packet is {now} on this server and was {recorded}: applications may not be able to read or write "
        "rows that they could."
    )
    return [warning]


def _recorded_accounts(reader: ArtefactReader) -> list[AccountStatement]:
    artefact = reader.manifest.artefact("roles")
    if artefact is None:
        return []
    try:
        script = read_bytes(reader.path(artefact)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DamagedSet("The accounts of the set are not UTF-8.", "choose another set") from error
    return read_script(script)


def _plugin_problems(server: Server, statements: Sequence[AccountStatement]) -> list[str]:
    with server.session() as session, explaining("listing the plugins"):
        there = {
            row[0].lower()
            for row in session.rows(
                "SELECT plugin_name FROM information_schema.plugins "
                "WHERE plugin_type = 'AUTHENTICATION' AND plugin_status = 'ACTIVE'"
            )
        }
    users: dict[str, list[str]] = {}
    for statement in statements:
        for plugin in login_plugins(statement.text) if statement.level in (ALTER_USER, CREATE_USER) else ():
            if plugin.lower() not in there:
                users.setdefault(plugin, []).append(str(statement.grantee))
    gone = server.flavour.removed_plugins
    return [
        f"The authentication plugin {plugin} of {', '.join(sorted(names)[:10])}{', …' if len(names) > 10 else ''} is not there: "
        + (f"{server.flavour.title} has given it up. {gone[plugin]}." if plugin in gone else "install it.")
        for plugin, names in sorted(users.items())
    ]


def _revoke_problems(server: Server, statements: Sequence[AccountStatement]) -> list[str]:
    """Accounts that may do something everywhere but in some databases, on a server that knows no exceptions."""
    names = sorted({str(item.grantee) for item in statements if item.level == REVOKE})
    if not names or server.flavour.is_mariadb:
        return []
    with server.session() as session, explaining("reading variables"):
        if session.value("SELECT @@partial_revokes"):
            return []
    problem = (
        f"Privileges of {', '.join(names[:10])} do not hold in some databases, which this server cannot keep: set the global "
        "variable partial_revokes to ON."
    )
    return [problem]


def _definers(
    manifest: Manifest, chosen: Iterable[str], names: set[str], with_roles: bool
) -> tuple[list[str], list[str]]:
    problems: list[str] = []
    warnings: list[str] = []
    for database in chosen:
        lost: dict[str, list[str]] = {}
        for what, definer in _artefact(manifest, database).details.get("definers", {}).items():
            if definer not in names and definer.rstrip("@") not in names:
                lost.setdefault(definer, []).append(what)
        for definer, objects in sorted(lost.items()):
            text = (
                f"The definer {definer} of {', '.join(objects[:5])}{', …' if len(objects) > 5 else ''} "
                f"in {database} does not exist"
            )
            if with_roles:
                warnings.append(f"{text}, neither here nor in the set: they cannot be used until it does.")
            else:
                problems.append(f"{text} on this server: restore the accounts as well (roles: all), or create it.")
    return problems, warnings


def _again(placement: Placement) -> Placement:
    """Whatever was absent when the plan was made and is there now, stays."""
    return replace(placement, if_exists=FAIL) if placement.if_exists == SKIP else placement


def again(server: Server, request: RestoreRequest, plan: RestorePlan, reader: ArtefactReader) -> Preflight:
    """Look once more, right before restoring, for exactly what was planned.

    Raises:
        BackupError: something that forbids the restore has come up since.
    """
    found = plan_restore(
        server,
        replace(request, databases=dict(plan.databases), placement=_again(request.placement)),
        reader,
    )
    if found.plan.problems:
        raise Impossible(
            "The restore is not possible any more:", "solve what is listed, then run again", found.plan.problems
        )
    surprises = sorted(set(found.plan.replaced) - set(plan.replaced))
    if surprises:
        raise ChangedMeanwhile(
            f"These databases have come into being since the plan was made: {', '.join(surprises)}.",
            "look at them, then run again",
        )
    return found
