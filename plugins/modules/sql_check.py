#!/usr/bin/python
# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sql_check
short_description: Check whether queries give the expected values
version_added: 0.1.0
author:
  - vya.backupdb contributors (@vya)
description:
  - Asks a PostgreSQL, MySQL or MariaDB server and compares each answer with the expected value, for example whether the orders of yesterday are there.
  - Each query runs in a transaction that is read-only, with a time limit. It is a single statement that returns one value.
  - What is wrong with one assertion does not hide what is wrong with another.
options:
  assertions:
    description:
      - What to ask, and what the answer should be.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - How messages call it. The beginning of its query where it is not given.
        type: str
      database:
        description:
          - Database to ask in.
        type: str
        required: true
      sql:
        description:
          - A query that returns one row with one column.
        type: str
        required: true
      expect:
        description:
          - The value that it should give. V(true) where it is not given, so that a query can compare by itself.
          - V(true) and V(false) fit also what servers write instead, such as V(t) and V(1). Numbers are compared as numbers, everything else
            as text.
          - An answer of C(NULL) never fits.
        type: raw
  timeout:
    description:
      - How many seconds the server may take for each query.
    type: int
    default: 300
  fail_on_mismatch:
    description:
      - Whether to fail when an answer is not the expected one.
    type: bool
    default: true
extends_documentation_fragment:
  - vya.backupdb._attributes
  - vya.backupdb._attributes.info
  - vya.backupdb._attributes.actiongroup
  - vya.backupdb._connection
seealso:
  - module: vya.backupdb.proof_info
notes:
  - Functions that a query calls run with the rights of the login. A transaction that is read-only keeps them from changing tables, not from
    doing other things that the login may do.
"""

EXAMPLES = r"""
- name: Make sure that the orders of yesterday are there
  vya.backupdb.sql_check:
    engine: postgresql
    assertions:
      - name: orders of yesterday
        database: shop
        sql: SELECT count(*) > 0 FROM orders WHERE placed >= current_date - 1
      - database: shop
        sql: SELECT version FROM schema_version
        expect: 42
"""

RETURN = r"""
ok:
  description: Whether every answer is the expected one.
  returned: success
  type: bool
  sample: true
total:
  description: Number of assertions.
  returned: success
  type: int
  sample: 2
failed_checks:
  description: Names of the assertions that do not hold.
  returned: success
  type: list
  elements: str
  sample: []
checks:
  description: What became of each assertion.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      returned: always
      sample: orders of yesterday
    database:
      description: Where it was asked.
      type: str
      returned: always
      sample: shop
    ok:
      description: Whether it holds.
      type: bool
      returned: always
      sample: true
    found:
      description: The value that the query gave, at most 200 characters.
      type: str
      returned: always
      sample: t
    message:
      description: What is wrong, none if nothing is.
      type: str
      returned: always
      sample:
    seconds:
      description: How long it took.
      type: float
      returned: always
      sample: 0.012
phases:
  description: Seconds that each phase took.
  returned: success
  type: dict
  sample: {"check": 0.03}
"""

from ansible_collections.vya.backupdb.plugins.module_utils._modules._entry import run_module
from ansible_collections.vya.backupdb.plugins.module_utils._modules.sql_check import SPEC, run


def main() -> None:
    run_module(SPEC, run)


if __name__ == "__main__":
    main()
