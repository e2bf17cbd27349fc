# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loading dumps of other tools: into shadows, named when complete. Private to this collection."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.module_utils._engines._mysql.connection import Server
from ansible_collections.vya.backupdb.plugins.module_utils._engines.foreign import LoadOutcome, LoadPlan, LoadRequest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._progress import Reporter


class Load:
    """One run of a load."""

    def __init__(self, server: Server, request: LoadRequest, plan: LoadPlan, reporter: Reporter) -> None:
        self._server = server
        self._request = request
        self._plan = plan
        self._reporter = reporter

    def run(self) -> LoadOutcome:
        """Load what was planned."""
        raise UsageError("Dumps of other tools cannot be loaded into MySQL or MariaDB yet.", "load a set")
