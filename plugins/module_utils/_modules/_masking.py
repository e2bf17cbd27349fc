# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Showing SQL of roles without its secrets, for diffs. Private to this collection."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# A literal after one of these words is a password or a hash, in the SQL of PostgreSQL, MySQL and MariaDB.
_SECRET = re.compile(
    r"\b(?P<word>PASSWORD|USING|AS|BY)(?P<space>\s+)(?P<literal>[EX]?'(?:[^'\\]|''|\\.)*'|0x[0-9A-Fa-f]+)",
    re.IGNORECASE,
)
# The safety net: no name of an account is as long as that, and every hash is.
_LONG = re.compile(r"(?<=')[^'\s]{33,}(?=')|\b0x[0-9A-Fa-f]{32,}")


class Masker:
    """Replaces secrets by numbers: equal secrets get the same number, so that a change is seen and nothing else."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mask(self, text: str) -> str:
        """A text without its secrets."""
        text = _SECRET.sub(lambda found: f"{found['word']}{found['space']}'{self._token(found['literal'])}'", text)
        return _LONG.sub(lambda found: self._token(found[0]), text)

    def _token(self, secret: str) -> str:
        return f"secret {self._numbers.setdefault(secret, len(self._numbers) + 1)}"


def changed_names(before: str, after: str, masked: Iterable[tuple[str, str]]) -> list[str]:
    """The roles whose statements differ between two files of SQL.

    Args:
        before: the old file's text.
        after: the new file's text.
        masked: name of each role in the new file, and its statements with masked hashes.

    Returns:
        Names, sorted; a role that is gone is not among them.
    """
    old, new = before.splitlines(), after.splitlines()
    changed = set()
    for tag, _i1, _i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag in ("replace", "insert"):
            changed.update(new[j1:j2])
    return sorted(name for name, statements in masked if any(_same(statements, line) for line in changed))


def _same(statements: str, line: str) -> bool:
    """Whether a line of the file is one of a role's statements, whatever the secrets in it."""
    blank = re.compile(r"'[^']*'|0x[0-9A-Fa-f]+")
    wanted = blank.sub("?", line).strip()
    return bool(wanted) and any(blank.sub("?", item).strip() == wanted for item in statements.splitlines())
