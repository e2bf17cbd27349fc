#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: check_info
short_description: Tell whether all instances of a host can be backed up
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Looks at every instance of a host in one task, several at a time.
  - Connects to servers, looks for missing privileges, programs and room, and for the files that patterns name. Changes nothing.
options:
  repository:
    description:
      - Directory of the backup sets, an absolute path on the target.
    type: path
    required: true
  instances:
    description:
      - The instances, as in the variable C(backupdb_instances) of the roles.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the instance, unique on its host.
        type: str
        required: true
      engine:
        description: What it is. V(mysql) stands for MySQL and MariaDB.
        type: str
        required: true
        choices: [postgresql, mysql, files]
      login_host:
        description: See O(vya.backupdb.instance_info#module:login_host).
        type: str
        aliases: [host]
      login_port:
        description: See O(vya.backupdb.instance_info#module:login_port).
        type: int
        aliases: [port]
      login_user:
        description: See O(vya.backupdb.instance_info#module:login_user).
        type: str
        aliases: [login]
      login_password:
        description: See O(vya.backupdb.instance_info#module:login_password).
        type: str
      login_unix_socket:
        description: See O(vya.backupdb.instance_info#module:login_unix_socket).
        type: path
        aliases: [unix_socket]
      login_os_user:
        description: See O(vya.backupdb.instance_info#module:login_os_user).
        type: str
      login_db:
        description: See O(vya.backupdb.instance_info#module:login_db).
        type: str
      ssl_mode:
        description: See O(vya.backupdb.instance_info#module:ssl_mode).
        type: str
        choices: [disable, allow, prefer, require, verify-ca, verify-full]
      ca_cert:
        description: See O(vya.backupdb.instance_info#module:ca_cert).
        type: path
        aliases: [ssl_ca, ssl_rootcert]
      client_cert:
        description: See O(vya.backupdb.instance_info#module:client_cert).
        type: path
        aliases: [ssl_cert]
      client_key:
        description: See O(vya.backupdb.instance_info#module:client_key).
        type: path
        aliases: [ssl_key]
      connect_timeout:
        description: See O(vya.backupdb.instance_info#module:connect_timeout).
        type: int
        default: 10
      container:
        description: See O(vya.backupdb.instance_info#module:container).
        type: str
      container_engine:
        description: See O(vya.backupdb.instance_info#module:container_engine).
        type: str
        choices: [docker, podman]
      databases:
        description: See O(vya.backupdb.dump#module:databases).
        type: list
        elements: str
      exclude_databases:
        description: See O(vya.backupdb.dump#module:exclude_databases).
        type: list
        elements: str
      paths:
        description: See O(vya.backupdb.files_archive#module:paths).
        type: list
        elements: str
      exclude:
        description: See O(vya.backupdb.files_archive#module:exclude).
        type: list
        elements: str
      allow_missing:
        description: See O(vya.backupdb.files_archive#module:allow_missing).
        type: bool
      allow_unreadable:
        description: See O(vya.backupdb.files_archive#module:allow_unreadable).
        type: bool
      one_file_system:
        description: See O(vya.backupdb.files_archive#module:one_file_system).
        type: bool
  fail_on_problems:
    description:
      - Whether to fail when an instance cannot be backed up.
    type: bool
    default: false
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.info
  - vya.backupdb._progress.jobs
seealso:
  - module: vya.backupdb.instance_info
  - module: vya.backupdb.files_archive
"""

EXAMPLES = r"""
- name: Make sure that everything on this host can be backed up
  vya.backupdb.check_info:
    repository: /var/backups/backupdb
    instances:
      - name: main
        engine: postgresql
      - name: app-files
        engine: files
        paths: [/srv/app]
    fail_on_problems: true
"""

RETURN = r"""
ok:
  description: Whether every instance can be backed up.
  returned: success
  type: bool
  sample: true
instances:
  description: What was found, in the order of O(instances).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The instance.
      type: str
      returned: always
      sample: main
    engine:
      description: What it is.
      type: str
      returned: always
      sample: postgresql
    ok:
      description: Whether it can be backed up.
      type: bool
      returned: always
      sample: true
    message:
      description: What forbids it, with what to do about it; none if nothing does.
      type: str
      returned: always
      sample:
    flavour:
      description: What the server is.
      type: str
      returned: when the server could be reached
      sample: postgresql
    version:
      description: The server's version.
      type: str
      returned: when the server could be reached
      sample: "15.18"
    address:
      description: Where it was reached.
      type: str
      returned: when the server could be reached
      sample: /var/run/postgresql:5432
    user:
      description: The login in use.
      type: str
      returned: when the server could be reached
      sample: postgres
    databases:
      description: Number of databases that a backup would take.
      type: int
      returned: when the server could be reached
      sample: 2
    files:
      description: Number of files, directories and links.
      type: int
      returned: for files
      sample: 4711
    size:
      description: Bytes of all databases or files together.
      type: int
      returned: when it could be looked at
      sample: 48234496
    estimated_bytes:
      description: A careful upper estimate of the room that a set needs.
      type: int
      returned: when it could be looked at
      sample: 30000000
    repository_free_bytes:
      description: Room that is left in the repository.
      type: int
      returned: when a server could be reached
      sample: 120034123776
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.check_info import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
