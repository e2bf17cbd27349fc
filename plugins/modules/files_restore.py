#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: files_restore
short_description: Restore files from a set
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Restores files of a set of M(vya.backupdb.files_archive), to the place they came from or under another directory, with everything that was kept.
  - Directories above the restored files that exist already keep their mode and owner. Nothing is ever written outside O(root).
  - Everything is extracted beside its place first; only when all of it is known to be whole is it moved, each file in one step.
options:
  root:
    description:
      - Directory to restore under. V(/) puts every file where it came from.
    type: path
    default: /
  patterns:
    description:
      - Patterns of the files to restore, by their recorded paths. All of them if there are none.
      - One that matches nothing is an error.
    type: list
    elements: str
    default: []
  if_exists:
    description:
      - What to do with a file that exists and differs.
      - With V(fail) nothing is restored at all. With V(skip) the file stays as it is. With V(replace) it becomes the recorded one.
      - A file that equals its record is left alone always. A directory is never replaced by anything else.
    type: str
    choices:
      - fail
      - skip
      - replace
    default: fail
  numeric_owner:
    description:
      - Whether files get the recorded numbers of owner and group, instead of the recorded names.
    type: bool
    default: false
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.readers
  - vya.backupdb._attributes.progress
  - vya.backupdb._repository
  - vya.backupdb._repository.set
  - vya.backupdb._keys
  - vya.backupdb._progress
  - vya.backupdb._progress.jobs
attributes:
  check_mode:
    support: full
    details:
      - Reads and verifies the set, looks at what is there, and returns what would be restored.
  diff_mode:
    support: full
    details:
      - Shows the first 100 paths that are made or replaced.
requirements:
  - Python 3.9 or newer on the target
  - The programs GNU C(tar) and C(zstd), and C(age) for encrypted sets
seealso:
  - module: vya.backupdb.files_archive
  - module: vya.backupdb.proof_info
"""

EXAMPLES = r"""
- name: Look at yesterday's configuration without touching today's
  vya.backupdb.files_restore:
    repository: /var/backups/backupdb
    source: web1
    instance: app-files
    set: 20261120T080000Z
    patterns: [/etc/app/**]
    root: /tmp/yesterday

- name: The same from an encrypted set
  vya.backupdb.files_restore:
    repository: /var/backups/backupdb
    source: web1
    instance: app-files
    patterns: [/etc/app/**]
    root: /tmp/yesterday
    identity: ["{{ vault_backup_key }}"]
"""

RETURN = r"""
set:
  description: The set that was read.
  returned: success
  type: dict
  sample:
    id: 20261121T080000Z
    path: /var/backups/backupdb/web1/app-files/20261121T080000Z
    run_id: 20261121T080000Z
root:
  description: Directory that the files were restored under.
  returned: success
  type: str
  sample: /
created:
  description: Number of files, directories and links that were made, or would be in check mode.
  returned: success
  type: int
  sample: 4711
replaced:
  description: Number of those that were replaced, or would be in check mode.
  returned: success
  type: int
  sample: 0
equal:
  description: Number of those that are as recorded and stayed as they were.
  returned: success
  type: int
  sample: 0
kept:
  description: Number of those that differ and stayed as they were.
  returned: success
  type: int
  sample: 0
size:
  description: Bytes that were written, or would be in check mode.
  returned: success
  type: int
  sample: 48234496
changes:
  description: The first 100 changes in words.
  returned: success
  type: list
  elements: str
  sample: [create /etc/app/app.yaml]
phases:
  description: Seconds that each phase took.
  returned: success
  type: dict
  sample: {"plan": 0.2, "restore": 9.5}
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.files_restore import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
