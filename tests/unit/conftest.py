# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Property tests look at the same examples in every run, so that a run says something about the change alone.

With EXPLORE=1 they look for new ones; `make fuzz` looks longest. How long an example takes is no finding: the machine may be
busy.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("busy"), derandomize=True)
settings.register_profile("explore", settings.get_profile("busy"), derandomize=False)
settings.load_profile("explore" if os.environ.get("EXPLORE") == "1" else "same")
