#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: provision_info
short_description: Tell what a bare host needs so that a set can be rebuilt on it
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Works out packages, locales, options for making a cluster, settings and rules of authentication from what a set recorded of its server and from
    what is on the host. Changes nothing; the role P(vya.backupdb.provision#role) applies it.
  - As long as the server's programs are not there, RV(files) is empty, since only they can say which settings they know.
  - A host whose server holds databases, or was set up by somebody else, is a problem.
options:
  release:
    description:
      - Major version of PostgreSQL such as V(17), or series of MariaDB such as V(11.8), that is to be set up. The recorded one where it is not given.
    type: str
  cluster:
    description:
      - Name of the cluster of PostgreSQL that is to be made, since a host can have several. The recorded one where it is not given, V(main) where that
        is not known.
    type: str
  settings:
    description:
      - Settings that win over the recorded ones. An empty value leaves a recorded one out.
    type: dict
    default: {}
  packages:
    description:
      - Further packages that are needed, such as those of extensions that the role does not know.
    type: list
    elements: str
    default: []
  platform:
    description:
      - Names of packages and directories of the operating system. The files in C(roles/provision/vars) are what it looks like.
    type: dict
    required: true
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.info
  - vya.backupdb._attributes.readers
  - vya.backupdb._attributes.action
  - vya.backupdb._repository
  - vya.backupdb._repository.set
  - vya.backupdb._keys
seealso:
  - module: vya.backupdb.preflight_info
"""

EXAMPLES = r"""
- name: See what a bare host needs for the server of db1
  vya.backupdb.provision_info:
    repository: /mnt/backups/backupdb
    source: db1
    instance: main
    release: "17"
    platform: "{{ lookup('file', 'debian.yml') | from_yaml }}"
  register: needed
"""

RETURN = r"""
set:
  description: The set, with the keys id, path and snapshot_at.
  returned: success
  type: dict
  sample: {"id": "20261121T080000Z", "path": "/mnt/backups/backupdb/db1/main/20261121T080000Z", "snapshot_at": "2026-11-21T08:00:01Z"}
flavour:
  description: What the server was, V(postgresql) or V(mariadb).
  returned: success
  type: str
  sample: postgresql
recorded_version:
  description: The version of the recorded server.
  returned: success
  type: str
  sample: "15.18"
release:
  description: The major version or series to set up.
  returned: success
  type: str
  sample: "17"
cluster:
  description: The name of the cluster to make. Empty where a host has one server of this kind.
  returned: success
  type: str
  sample: main
programs:
  description: Packages of the server's programs.
  returned: success
  type: list
  elements: str
  sample: [postgresql-17]
packages:
  description: All other packages.
  returned: success
  type: list
  elements: str
  sample: [postgresql-client-17, python3-psycopg]
locales:
  description: Locales of the operating system that are missing.
  returned: success
  type: list
  elements: str
  sample: [de_DE.UTF-8]
locale_lines:
  description: Lines of C(/etc/locale.gen) that make them. Empty where locales come in packages.
  returned: success
  type: list
  elements: str
  sample: [de_DE.UTF-8 UTF-8]
initialise:
  description: Options for making the cluster.
  returned: success
  type: list
  elements: str
  sample: ["--encoding=UTF8", "--lc-collate=de_DE.UTF-8", "--lc-ctype=de_DE.UTF-8", "--data-checksums"]
components:
  description: Components of MySQL to install, by their URNs.
  returned: success
  type: list
  elements: str
  sample: ["file://component_validate_password"]
files:
  description: Files of the configuration, with the keys path and content. They hold no secrets.
  returned: success
  type: list
  elements: dict
  sample: [{"path": "/etc/postgresql/17/main/conf.d/backupdb.conf", "content": "work_mem = '16MB'"}]
left_out:
  description: Recorded settings and rules that are not applied, with the keys instance, name and reason.
  returned: success
  type: list
  elements: dict
  sample: [{"instance": "main", "name": "archive_command", "reason": "it reaches out, or runs commands: set it after fencing"}]
problems:
  description: What forbids it, each with what to do.
  returned: success
  type: list
  elements: str
  sample: []
installed:
  description: Whether the server's programs are there.
  returned: success
  type: bool
  sample: false
initialised:
  description: Whether there is a server's data directory.
  returned: success
  type: bool
  sample: false
holds_data:
  description: Whether somebody's databases are in it.
  returned: success
  type: bool
  sample: false
time_zones:
  description: Whether the server knew named time zones by tables of its own.
  returned: success
  type: bool
  sample: false
encrypted:
  description: Whether the set is encrypted.
  returned: success
  type: bool
  sample: false
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.provision_info import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
