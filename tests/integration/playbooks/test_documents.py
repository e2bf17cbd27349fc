# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documents: what they tell people to write and to run is written and run, in their order.

A comment before a code block says what the test does with it: ``<!-- test: file NAME -->`` writes it, ``<!-- test: run -->``
runs it as a shell script that must succeed. Comments alone stand for what the reader does otherwise: ``<!-- test: lose db1 -->``
throws the servers and files away and puts empty servers in their places, ``<!-- test: wipe -->`` does so with the repository,
``<!-- test: prepare -->`` makes a backup of db1, ``<!-- test: play FILE -->`` runs a playbook that was written before.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.playbooks.stock import stock_servers
from tests.support.paths import CHECKOUT, ansible_environment

DOCUMENTS = [
    "README.md",
    "docs/quickstart.md",
    "docs/disaster-recovery.md",
    "docs/restore.md",
    "docs/drills.md",
    "docs/retention.md",
    "docs/copies.md",
    "docs/security.md",
    "docs/modules.md",
]
_STEP = re.compile(
    r"^(?P<indent> *)<!-- test: (?P<verb>\w+)(?: (?P<word>\S+))? -->\n(?:(?P=indent)```\w+\n(?P<block>.*?)\n(?P=indent)```\n)?",
    re.MULTILINE | re.DOTALL,
)
_EXPECTED = {
    "README.md": 2,
    "docs/quickstart.md": 7,
    "docs/disaster-recovery.md": 5,
    "docs/restore.md": 9,
    "docs/drills.md": 2,
    "docs/retention.md": 6,
    "docs/copies.md": 3,
    "docs/security.md": 8,
    "docs/modules.md": 0,
}


def steps_of(text: str) -> list[tuple[str, str, str]]:
    """What a document asks for: verb, word, block."""
    return [
        (found["verb"], found["word"] or "", textwrap.dedent(found["block"] or "")) for found in _STEP.finditer(text)
    ]


class Reader:
    """Does what a document says, on this machine."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.app = folder / "app"
        #: places of the documents -> places of this test
        self.places = {
            "/mnt/backups/backupdb": str(folder / "repository"),
            "/mnt/offsite": str(folder / "offsite"),
            "/srv/app": str(self.app),
            "/srv/old": str(folder / "old"),
            "/srv/ledger": str(folder / "ledger"),
            "/tmp/look": str(folder / "look"),
        }
        (folder / "look").mkdir()
        (folder / "old").mkdir()
        (folder / "group_vars").mkdir()
        self.write("group_vars/all.yml", f"ansible_connection: local\nansible_python_interpreter: {sys.executable}\n")
        self.write("inventory.yml", "backupdb:\n  hosts:\n    db1:\n")
        self.servers = stack.enter_context(ExitStack())
        self.fill()

    def fill(self) -> None:
        """Two servers and some files as a reader has them."""
        postgresql, mariadb = self.servers.enter_context(stock_servers())
        postgresql.sql("CREATE ROLE app LOGIN PASSWORD 'of the app'")
        postgresql.sql("CREATE DATABASE orders OWNER app")
        postgresql.sql("CREATE TABLE t AS SELECT generate_series(1, 100) n", database="orders")
        mariadb.sql("CREATE DATABASE shop; CREATE TABLE shop.t (i int); INSERT INTO shop.t VALUES (1), (2)")
        mariadb.sql("CREATE USER app@localhost IDENTIFIED BY 'of the app'; GRANT SELECT ON shop.* TO app@localhost")
        self.app.mkdir()
        (self.app / "index.html").write_text("<p>hello</p>\n")

    def lose(self) -> None:
        """Everything is lost; new servers stand in the same places."""
        self.servers.close()
        shutil.rmtree(self.app)
        self.servers.enter_context(stock_servers())

    def write(self, name: str, text: str) -> None:
        """Write a file, with the places of this test."""
        for place, ours in self.places.items():
            text = text.replace(place, ours)
        (self.folder / name).write_text(text)

    def run(self, script: str) -> str:
        """Run a script; it must succeed."""
        self.write("script.sh", script)
        done = subprocess.run(
            ["bash", "-eu", "script.sh"],
            env=ansible_environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}"
        return done.stdout


def test_the_comments_of_the_documents_are_understood() -> None:
    for name in DOCUMENTS:
        text = (CHECKOUT / name).read_text()
        steps = steps_of(text)
        assert len(steps) == text.count("<!-- test:"), name
        assert all(block for verb, _word, block in steps if verb in ("file", "run")), name
        assert {verb for verb, _word, _block in steps} <= {"file", "run", "lose", "wipe", "prepare", "play"}
        assert sum(1 for verb, _word, _block in steps if verb == "run") == _EXPECTED[name], name


@pytest.mark.usefixtures("stock_places")
@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_a_document_says_works(name: str, reachable_tmp: Path) -> None:
    steps = steps_of((CHECKOUT / name).read_text())
    outputs = []
    with ExitStack() as stack:
        reader = Reader(reachable_tmp, stack)
        # a reader has seen the whole page before running anything
        for verb, word, block in reversed(steps):
            if verb == "file":
                reader.write(word, block)
        for verb, word, block in steps:
            if verb == "file":
                reader.write(word, block)
            elif verb == "run":
                outputs.append(reader.run(block))
            elif verb == "prepare":
                reader.run("ansible-playbook vya.backupdb.backup -i inventory.yml --limit db1")
            elif verb == "lose":
                reader.lose()
            elif verb == "wipe":
                shutil.rmtree(reader.folder / "repository")
            elif verb == "play":
                outputs.append(reader.run(f"ansible-playbook {word} -i inventory.yml"))
        if "disaster_recovery" in str(steps):
            assert any("3 of 3 instances proven, 0 differences" in output for output in outputs), "\n".join(outputs)
            assert (reader.app / "index.html").read_text() == "<p>hello</p>\n"


@pytest.mark.parametrize("name", [*DOCUMENTS, "docs/architecture.md", "docs/benchmarks.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(name: str) -> None:
    page = CHECKOUT / name
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
