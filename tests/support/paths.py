# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where things are in this checkout, and how Python and Ansible find the collection."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
BUILD = CHECKOUT / ".build"
COLLECTION = BUILD / "ansible_collections" / "vya" / "backupdb"
VENV_BIN = Path(sys.executable).parent


def link_collection() -> Path:
    """Make the checkout importable as ``ansible_collections.vya.backupdb``; returns the folder to put on the path.

    The link is the one that ``make venv`` makes; several processes may come here at once.
    """
    if not COLLECTION.exists():
        COLLECTION.parent.mkdir(parents=True, exist_ok=True)
        temporary = COLLECTION.with_name(f".backupdb.{os.getpid()}")
        temporary.symlink_to(Path("..", "..", ".."))
        temporary.replace(COLLECTION)
    if str(BUILD) not in sys.path:
        sys.path.insert(0, str(BUILD))
    return BUILD


def ansible_environment() -> dict[str, str]:
    """This process's environment, changed so that `ansible*` programs find this checkout and nothing of the user's."""
    build = link_collection()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment["PATH"] = f"{VENV_BIN}{os.pathsep}{environment.get('PATH', os.defpath)}"
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(build)
    configuration = build / "ansible.cfg"
    configuration.touch()
    environment["ANSIBLE_CONFIG"] = str(configuration)
    environment["ANSIBLE_NOCOLOR"] = "1"
    environment["ANSIBLE_LOCALHOST_WARNING"] = "False"
    environment["ANSIBLE_INVENTORY_UNPARSED_WARNING"] = "False"
    environment["PYTHONPATH"] = str(build)
    return environment
