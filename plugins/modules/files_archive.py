#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: files_archive
short_description: Back up files as one sealed set
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Archives the files that some patterns name into one set, with their modes, times, owners, links, ACLs and extended attributes, together with a
    listing that holds the digest of every file as the proof.
  - The set appears in the repository in one step when everything has succeeded. A backup that fails leaves nothing.
options:
  paths:
    description:
      - What to back up, as absolute paths or patterns with C(*), C(**), C(?), C([…]), C([!…]) and C({a,b}). A backslash takes the meaning from the
        character after it.
      - Whatever is matched is stored whole, a directory with everything in it. C(*) matches hidden files, too; C(**) stands for any number of directories.
      - A symbolic link is stored as a link. What a pattern names through a link, or by one, is stored with the link.
      - A file that two patterns match is stored once, with the first of them. Sockets and devices are left out and named as omissions.
      - One that matches nothing is an error, unless O(allow_missing) says otherwise.
    type: list
    elements: str
    required: true
  exclude:
    description:
      - Patterns of what to leave out, with everything below. One that does not begin with C(/) is left out wherever it is.
      - The repository itself is always left out.
    type: list
    elements: str
    default: []
  allow_missing:
    description:
      - Whether a pattern may match nothing. It is named as an omission then.
    type: bool
    default: false
  allow_unreadable:
    description:
      - Whether files that cannot be read may be left out. Each is named as an omission then.
    type: bool
    default: false
  one_file_system:
    description:
      - Whether to stay on the file system that a path begins on.
    type: bool
    default: false
  compression_level:
    description:
      - Level of zstd, from 1 (fast) to 19 (small).
    type: int
    default: 3
  run_id:
    description:
      - Ties together the sets of one run over several instances and hosts.
      - A new one is made where it is not given.
    type: str
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.sets
  - vya.backupdb._attributes.progress
  - vya.backupdb._repository
  - vya.backupdb._keys.recipients
  - vya.backupdb._progress
  - vya.backupdb._progress.jobs
attributes:
  check_mode:
    support: full
    details:
      - Looks for the files, checks everything that would forbid the backup, and returns the plan.
  diff_mode:
    support: full
    details:
      - Shows the sets of the instance before and afterwards.
requirements:
  - Python 3.9 or newer on the target
  - The programs GNU C(tar) and C(zstd), and C(age) for encrypted sets
seealso:
  - module: vya.backupdb.files_restore
  - module: vya.backupdb.dump
notes:
  - Every run makes a new set, so the task is always changed.
"""

EXAMPLES = r"""
- name: Back up the application's files
  vya.backupdb.files_archive:
    paths:
      - /srv/app
      - /etc/app/*.{yaml,json}
    exclude:
      - "*.tmp"
      - /srv/app/cache/**
    repository: /var/backups/backupdb
    source: "{{ inventory_hostname }}"
    instance: app-files
"""

RETURN = r"""
set:
  description: The new set, as M(vya.backupdb.dump) returns it.
  returned: when a set was made, not in check mode
  type: dict
  sample:
    id: 20261121T080000Z
    path: /var/backups/backupdb/web1/app-files/20261121T080000Z
    size: 12582912
    snapshot_at: "2026-11-21T08:00:01Z"
run_id:
  description: The run that the set belongs to.
  returned: success
  type: str
  sample: 20261121T080000Z
files:
  description: Number of files, directories and links.
  returned: success
  type: int
  sample: 4711
size:
  description: Bytes of all files together.
  returned: success
  type: int
  sample: 48234496
archives:
  description: The archives in the set, at most 1000, with what each holds.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "/srv/app", "files": 4700, "size": 48200000, "stored": 9437184}]
omissions:
  description: What was left out because it could not be read or did not exist, at most 1000. Each is a warning as well.
  returned: success
  type: list
  elements: str
  sample: []
phases:
  description: Seconds that each phase took.
  returned: when a set was made, not in check mode
  type: dict
  sample: {"plan": 0.2, "archive": 6.1, "seal": 0.1}
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.files_archive import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
