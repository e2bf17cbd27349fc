# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the layers of docs/architecture.md: who may know whom inside the collection.

Every rule is a function from the source files to a list of complaints in words. Each is tried twice: on the collection,
where it must find nothing, and on a small invented collection that breaks it, where it must find just that.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.support.paths import CHECKOUT

PACKAGE = "ansible_collections.vya.backupdb."
UTILS = "plugins.module_utils."

#: layer: the layers that it must not reach, not even through others. A layer is a file or folder of module_utils.
KEEPS_AWAY_FROM = {
    "_errors": {"_model", "_process", "_repository", "_engines", "_files", "_sql", "_proof", "_modules"},
    "_model": {"_process", "_repository", "_engines", "_files", "_sql", "_proof", "_modules"},
    "_sql": {"_process", "_repository", "_engines", "_files", "_proof", "_modules"},
    "_proof": {"_process", "_repository", "_engines", "_files", "_sql", "_modules"},
    "_process": {"_repository", "_engines", "_files", "_sql", "_proof", "_modules"},
    "_files": {"_repository", "_engines", "_modules"},
    "_engines": {"_repository", "_files", "_modules"},
    "_dumps": {"_repository", "_engines", "_files", "_proof", "_modules"},
    "_repository": {"_engines", "_files", "_sql", "_modules"},
    "_provision": {"_repository", "_files", "_sql", "_modules"},
    "_copies": {"_engines", "_files", "_sql", "_modules"},
}
#: what engines and files both promise to their callers; it holds protocols and data, and no engine
CONTRACT = {UTILS + "_engines." + name for name in ("base", "fencing", "foreign", "part", "placement")}
#: the only folder of module_utils that may know Ansible
KNOWS_ANSIBLE = "_modules"
STARTS_PROGRAMS = "_process"
#: what starts those that outlive the run
LAUNCHES = "_launching"
#: what it starts to start a program in a container
ENTERS_CONTAINERS = "_entering"
PARSES_SQL = "_sql"

PROGRAM_MODULES = {"subprocess", "pty", "multiprocessing", "popen2", "commands", "pexpect", "sh"}
PROGRAM_CALLS = re.compile(r"(fork|forkpty|exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?|system|popen|startfile)\Z")
#: methods that start programs, whatever they are called on
PROGRAM_METHODS = {
    "run_command",
    "create_subprocess_exec",
    "create_subprocess_shell",
    "subprocess_exec",
    "subprocess_shell",
}
SQL_MODULES = {"sqlparse", "sqlglot", "pglast", "sqlfluff", "mo_sql_parsing", "pg_query", "tokenize", "pygments"}
SQL_STATEMENT = re.compile(
    r"(?<![A-Za-z_])(CREATE|ALTER|DROP|GRANT|REVOKE|INSERT|DELETE|UPDATE|SELECT|COPY|DELIMITER|DEFINER|RENAME)(?![A-Za-z_])"
)
RE_FUNCTIONS = {"compile", "search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn"}


@dataclass(frozen=True)
class Module:
    """One source file: its name below the collection ("plugins.module_utils._model") and its syntax tree."""

    name: str
    tree: ast.Module

    @property
    def layer(self) -> str | None:
        """The file or folder of module_utils that it belongs to."""
        return self.name[len(UTILS) :].split(".")[0] if self.name.startswith(UTILS) else None


Modules = Mapping[str, Module]


def parsed(sources: Mapping[str, str]) -> Modules:
    return {name: Module(name, ast.parse(text)) for name, text in sources.items()}


@pytest.fixture(scope="module")
def collection() -> Modules:
    found = {}
    for path in sorted((CHECKOUT / "plugins").rglob("*.py")):
        parts = path.relative_to(CHECKOUT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return parsed(found)


def imported_names(module: Module) -> Iterator[str]:
    """Everything that a file imports, wherever it does: dotted names, for `from a import b` both "a" and "a.b"."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = (PACKAGE + module.name).split(".")[: -node.level]
                base = ".".join([*package, *([base] if base else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def import_graph(modules: Modules) -> dict[str, set[str]]:
    return {
        name: {
            imported[len(PACKAGE) :]
            for imported in imported_names(module)
            if imported.startswith(PACKAGE) and imported[len(PACKAGE) :] in modules
        }
        for name, module in modules.items()
    }


def dotted(node: ast.expr) -> str:
    """The text of a chain of names ("os.path.join"), or of its last part after something else (".join")."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


# the rules


def imports_of_ansible(modules: Modules) -> list[str]:
    return [
        f"{module.name} imports {imported}"
        for module in modules.values()
        if module.layer not in (None, KNOWS_ANSIBLE)
        for imported in sorted(set(imported_names(module)))
        if imported == "ansible" or imported.startswith("ansible.")
    ]


def started_programs(modules: Modules) -> list[str]:
    complaints = []
    for module in modules.values():
        if module.layer in (STARTS_PROGRAMS, LAUNCHES, ENTERS_CONTAINERS):
            continue
        for imported in sorted(set(imported_names(module))):
            root, _dot, rest = imported.partition(".")
            if root in PROGRAM_MODULES or (root in ("os", "posix", "asyncio") and PROGRAM_CALLS.match(rest)):
                complaints.append(f"{module.name} imports {imported}")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute):
                owner, _dot, method = dotted(node).rpartition(".")
                if method in PROGRAM_METHODS or (owner in ("os", "posix") and PROGRAM_CALLS.match(method)):
                    complaints.append(f"{module.name}:{node.lineno} uses {dotted(node)}")
    return complaints


def sql_parsed_elsewhere(modules: Modules) -> list[str]:
    """A proxy: no library that tokenises, and no regular expression with a statement's keyword outside of _sql."""
    complaints = []
    for module in modules.values():
        if module.layer == PARSES_SQL:
            continue
        complaints += [
            f"{module.name} imports {imported}"
            for imported in sorted(set(imported_names(module)))
            if imported.split(".")[0] in SQL_MODULES
        ]
        for node in ast.walk(module.tree):
            if not (isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] in RE_FUNCTIONS):
                continue
            if dotted(node.func).split(".")[0] != "re":
                continue
            for part in ast.walk(node):
                text = part.value if isinstance(part, ast.Constant) else ""
                text = text.decode("latin-1") if isinstance(text, bytes) else text
                if isinstance(text, str) and SQL_STATEMENT.search(text):
                    complaints.append(f"{module.name}:{part.lineno} looks for {text!r} in SQL")
    return complaints


def forbidden_reach(modules: Modules) -> list[str]:
    """Layers that reach what they must not, directly or through others; the way is named."""
    graph = import_graph(modules)
    complaints = []
    for start in sorted(graph):
        forbidden = KEEPS_AWAY_FROM.get(modules[start].layer or "", set())
        came_from: dict[str, str] = {}
        waiting = [start]
        while waiting:
            here = waiting.pop()
            for there in sorted(graph[here]):
                if there in came_from or there == start:
                    continue
                came_from[there] = here
                waiting.append(there)
                if modules[there].layer in forbidden and there not in CONTRACT:
                    way = [there]
                    while way[-1] != start:
                        way.append(came_from[way[-1]])
                    complaints.append(" -> ".join(reversed(way)))
    return complaints


def import_circles(modules: Modules) -> list[str]:
    """Groups of files that import each other, functions' own imports included."""
    graph = import_graph(modules)

    def reachable(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for there in graph[waiting.pop()] - seen:
                seen.add(there)
                waiting.append(there)
        return seen

    reach = {name: reachable(name) for name in graph}
    circles = {
        frozenset(other for other in reach[name] if name in reach[other]) for name in graph if name in reach[name]
    }
    return sorted(" <-> ".join(sorted(circle)) for circle in circles)


def thick_modules(modules: Modules) -> list[str]:
    """Module files that do more than to hand over to _modules, and other files that import _modules."""
    complaints = []
    for name, known in import_graph(modules).items():
        module = modules[name]
        if name.startswith("plugins.modules."):
            complaints += [
                f"{name} imports {other}" for other in sorted(known) if modules[other].layer != KNOWS_ANSIBLE
            ]
            complaints += [
                f"{name} defines {node.name}"
                for node in ast.walk(module.tree)
                if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name != "main"
            ]
        elif module.layer not in (None, KNOWS_ANSIBLE):
            complaints += [
                f"{name} imports {other}" for other in sorted(known) if modules[other].layer == KNOWS_ANSIBLE
            ]
    return complaints


def dynamic_imports(modules: Modules) -> list[str]:
    """Imports that no other rule could see."""
    return [
        f"{module.name}:{node.lineno} calls {dotted(node.func)}"
        for module in modules.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and dotted(node.func) in ("__import__", "exec", "eval", "importlib.import_module", "import_module")
    ]


RULES = [
    imports_of_ansible,
    started_programs,
    sql_parsed_elsewhere,
    forbidden_reach,
    import_circles,
    thick_modules,
    dynamic_imports,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_layers_are_kept(rule, collection) -> None:
    assert rule(collection) == []


def test_every_layer_of_the_rules_exists(collection) -> None:
    """A renamed file would make a rule about it pass for ever."""
    layers = {module.layer for module in collection.values()}
    missing = {KNOWS_ANSIBLE, STARTS_PROGRAMS, ENTERS_CONTAINERS, *KEEPS_AWAY_FROM} - layers
    # the lexer comes with foreign dumps and renaming
    assert missing <= {PARSES_SQL}


IMPORT = "from " + PACKAGE + UTILS

BROKEN = [
    (imports_of_ansible, {"_engines.base": "from ansible.module_utils.basic import AnsibleModule"}),
    (imports_of_ansible, {"_proof.model": "def f():\n    import ansible.errors"}),
    (started_programs, {"_engines.base": "import subprocess"}),
    (started_programs, {"_codec": "def f():\n    from subprocess import run"}),
    (started_programs, {"_repository": "import os\nos.system('true')"}),
    (started_programs, {"_repository": "import os\nif os.fork() == 0:\n    os.execvp('true', ['true'])"}),
    (started_programs, {"_files.walk": "from os import posix_spawn"}),
    (started_programs, {"_modules.dump": "def run(module):\n    module.run_command(['true'])"}),
    (sql_parsed_elsewhere, {"_engines.mysql": "import sqlparse"}),
    (sql_parsed_elsewhere, {"_engines.mysql": "import re\nre.sub(r'DEFINER=`.*?`', '', text)"}),
    (sql_parsed_elsewhere, {"_engines.mysql": "import re\nX = re.compile(rb'^CREATE\\s+TABLE')"}),
    (forbidden_reach, {"_engines.base": IMPORT + "_repository import SetWriter", "_repository": ""}),
    (forbidden_reach, {"_repository": IMPORT + "_engines import registry", "_engines.registry": ""}),
    (forbidden_reach, {"_files.walk": "from .. import _repository", "_repository": ""}),
    (
        forbidden_reach,
        {
            "_engines.mysql": "def f():\n    " + IMPORT + "_verify import verify",
            "_verify": IMPORT + "_repository import SetReader",
            "_repository": "",
        },
    ),
    (
        forbidden_reach,
        {"_engines.base": IMPORT + "_engines import x", "_engines.x": IMPORT + "_files import y", "_files.y": ""},
    ),
    (import_circles, {"_a": IMPORT + "_b import f", "_b": "def f():\n    " + IMPORT + "_a import g"}),
    (import_circles, {"_x.a": "from . import b", "_x.b": "from .c import y", "_x.c": "from ..  _x.a import z"}),
    (thick_modules, {"_engines.base": IMPORT + "_modules.dump import run", "_modules.dump": ""}),
    (dynamic_imports, {"_engines.registry": "import importlib\nimportlib.import_module(name)"}),
]


@pytest.mark.parametrize(
    ("rule", "sources"), BROKEN, ids=[f"{rule.__name__}-{n}" for n, (rule, _sources) in enumerate(BROKEN)]
)
def test_a_broken_layer_is_found(rule, sources) -> None:
    assert len(rule(parsed({UTILS + name: text for name, text in sources.items()}))) >= 1


def test_thick_module_is_found() -> None:
    sources = {
        "plugins.modules.dump": IMPORT + "_repository import SetWriter\ndef helper():\n    pass",
        UTILS + "_repository": "",
    }
    assert thick_modules(parsed(sources)) == [
        "plugins.modules.dump imports plugins.module_utils._repository",
        "plugins.modules.dump defines helper",
    ]


def test_the_way_to_a_forbidden_layer_is_named() -> None:
    sources = {
        "_files.walk": IMPORT + "_verify import verify",
        "_verify": IMPORT + "_repository import SetReader",
        "_repository": "",
    }
    (complaint,) = forbidden_reach(parsed({UTILS + name: text for name, text in sources.items()}))
    assert complaint == " -> ".join(UTILS + name for name in ("_files.walk", "_verify", "_repository"))


def test_allowed_code_is_not_complained_about() -> None:
    sources = {
        "_process": "import os, subprocess\nos.fork()",
        "_engines.base": IMPORT + "_process import run\nimport os\nos.path.join('a', 'b')\nre.compile('CREATED')",
        "_sql.lexer": "import re\nre.compile('CREATE TABLE')",
        "_modules.dump": "from ansible.module_utils.basic import AnsibleModule\n" + IMPORT + "_engines.base import x",
    }
    modules = parsed({UTILS + name: text for name, text in sources.items()})
    assert [rule(modules) for rule in RULES] == [[]] * len(RULES)
