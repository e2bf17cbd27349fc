# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make test-traps` has shown: which tests passed on which pairs of servers, kept in results.yml."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

RESULTS = Path(__file__).with_name("results.yml")
_HEAD = """---
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Written by `make test-traps`: what the tests have shown on each pair of servers, the lost one and the new one.

"""


class _Dumper(yaml.SafeDumper):
    """Lists are indented, as the linter wants them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Also for lists in mappings, which would stand without."""
        del indentless
        super().increase_indent(flow, False)


def read() -> dict[str, dict[str, Any]]:
    """Pair -> `title`, `short`, `versions`, `date`, and the names of the tests that `passed` and `failed`."""
    if not RESULTS.exists():
        return {}
    found: dict[str, dict[str, Any]] = yaml.safe_load(RESULTS.read_text())
    return found


def keep(pair: str, outcome: dict[str, Any], order: Collection[str]) -> None:
    """Put what one pair has shown in the place of what it had shown before."""
    known = {**read(), pair: outcome}
    content = {name: known[name] for name in order if name in known}
    RESULTS.write_text(_HEAD + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True))
