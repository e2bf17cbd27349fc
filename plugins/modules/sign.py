#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sign
short_description: Sign sets, on the controller
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Signs sets with Ed25519. What is signed names the set, and holds the SHA-256 of its manifest, which holds those of all its files.
  - The private key stays on the controller. The host says what there is, and gets finished signatures, which become the file C(SIGNATURE.json)
    of each set.
  - A set is signed if O(sets) says which manifest it should have and it has it, if a trusted key has signed it as it is, or with
    O(unsigned=true). One that was altered after a trusted key had signed it is never signed again.
  - A signature of the same key is replaced if it is not valid. Those of other keys stay.
options:
  repository:
    description:
      - Directory of the backup sets, an absolute path on the target.
    type: path
    required: true
  source:
    description:
      - Only sets of this host.
    type: str
  instance:
    description:
      - Only sets of instances of this name.
    type: str
  newest:
    description:
      - Only so many sets of each instance, the newest ones.
    type: int
  sets:
    description:
      - Only these sets, whatever O(source), O(instance) and O(newest) say, each as M(vya.backupdb.dump) and
        M(vya.backupdb.files_archive) return it. Needed are C(source), C(instance) and C(id).
      - What C(run_id) and C(manifest_sha256) say is compared with the set before it is signed.
      - With an empty list only the keys are checked, and the host is not asked.
    type: list
    elements: dict
  signing_key:
    description:
      - The private key, as the text of the file that M(vya.backupdb.signing_key) makes, from Ansible Vault or a credential of AWX.
      - Always needed. It is used on the controller and never sent to the host.
    type: str
  unsigned:
    description:
      - Whether to sign also sets that no trusted key has signed, and of which nothing is said in O(sets). Look at them before.
    type: bool
    default: false
  public_key:
    description:
      - The action plugin gives it. Not to be given by a task.
    type: str
  signatures:
    description:
      - The action plugin gives it. Not to be given by a task.
    type: list
    elements: dict
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.sets
  - vya.backupdb._keys.trusted
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - What is added to each set is in the result.
  action:
    description: Signs on the controller, by an action plugin of the same name.
    support: full
notes:
  - Where O(trusted_keys) are given, the public half of O(signing_key) must be among them.
  - At most 1000 sets are looked at in one task, those first that the key has not signed.
seealso:
  - module: vya.backupdb.signing_key
  - module: vya.backupdb.dump
"""

EXAMPLES = r"""
- name: Back up a server
  vya.backupdb.dump:
    engine: postgresql
    repository: /var/backups/backupdb
    source: "{{ inventory_hostname }}"
    instance: main
  register: backup

- name: Sign what was written
  vya.backupdb.sign:
    repository: /var/backups/backupdb
    sets: ["{{ backup.set }}"]
    signing_key: "{{ backupdb_signing_key }}"
    trusted_keys: "{{ backupdb_trusted_keys }}"

- name: Sign all sets that an older key has signed with the new one
  vya.backupdb.sign:
    repository: /var/backups/backupdb
    signing_key: "{{ backupdb_signing_key }}"
    trusted_keys: "{{ backupdb_trusted_keys }}"
"""

RETURN = r"""
public_key:
  description: The public half of the key, as O(trusted_keys) wants it.
  returned: when the key could be read
  type: str
  sample: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMOoALLedYTpasGjubJAg8Hbg9uy+t9+hhw1dQ/ayEAt
total:
  description: Number of sets that were found.
  returned: when the host was asked
  type: int
  sample: 1
sets:
  description: What became of each set, at most 1000.
  returned: when the host was asked
  type: list
  elements: dict
  contains:
    source:
      description: The host that the instance lives on.
      type: str
      returned: always
      sample: db1
    instance:
      description: The instance.
      type: str
      returned: always
      sample: main
    set:
      description: Its id.
      type: str
      returned: always
      sample: 20261121T080000Z
    ok:
      description: Whether the key has signed it, now or before.
      type: bool
      returned: always
      sample: true
    signed:
      description: Whether it was signed now, or would be in check mode.
      type: bool
      returned: always
      sample: true
    keys:
      description: Fingerprints of the trusted keys that have signed it before, as far as their signatures are valid.
      type: list
      elements: str
      returned: always
      sample: []
    message:
      description: Why it was not signed; none if it was.
      type: str
      returned: always
      sample:
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.sign import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
