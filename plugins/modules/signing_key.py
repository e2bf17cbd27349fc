#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: signing_key
short_description: Make a key that signs sets, on the controller
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Makes an Ed25519 key for M(vya.backupdb.sign) and returns its public half. A file that exists is never overwritten. If it is such a key, its
    public half is returned.
  - Runs on the controller. Nothing is sent to the host.
options:
  path:
    description:
      - File for the private key on the controller, readable by its owner alone. The public half is put beside it, with C(.pub) at the end of its name.
    type: path
    required: true
extends_documentation_fragment:
  - vya.backupdb._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - A private key is not shown.
  action:
    description: Is an action plugin.
    support: full
seealso:
  - module: vya.backupdb.sign
"""

EXAMPLES = r"""
- name: Make a key that signs sets
  vya.backupdb.signing_key:
    path: "{{ lookup('ansible.builtin.env', 'HOME') }}/backupdb_signing_key.pem"
  register: key
"""

RETURN = r"""
path:
  description: The file with the private key.
  returned: success
  type: str
  sample: /home/ops/backupdb_signing_key.pem
public_key:
  description: The public half, as C(backupdb_trusted_keys) wants it. None in check mode where there is no key yet.
  returned: success
  type: str
  sample: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMOoALLedYTpasGjubJAg8Hbg9uy+t9+hhw1dQ/ayEAt
fingerprint:
  description: Its fingerprint, as C(ssh-keygen -l) says it. None in check mode where there is no key yet.
  returned: success
  type: str
  sample: SHA256:KNPzA0DgKDFXEHJ8OBN8EuhdSBDB2vrVbDQDYUZcSmI
"""
