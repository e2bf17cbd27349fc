# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that say what to restore, and what becomes of what is there. Private to this collection."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules include."""

    DOCUMENTATION = r"""
options:
  repository:
    description:
      - Directory of the backup sets, an absolute path on the target. Needs O(source) and O(instance).
      - A set lies in C(<repository>/<source>/<instance>/<set id>/).
    type: path
  source:
    description:
      - Host that the instance lives or lived on, by its name in the inventory.
    type: str
  instance:
    description:
      - Name of the instance, unique on its host.
    type: str
  set:
    description:
      - Which set to read, one of a set id such as V(20261121T080000Z), the absolute path of a set, or V(latest).
      - It is V(latest) where it is not given. A damaged newest set is an error then; an older one is never taken in its place silently.
    type: str
  src:
    description:
      - A dump that another tool made, in place of a set. An absolute path on the target.
      - Plain SQL of pg_dump, pg_dumpall, mysqldump, mariadb-dump, phpMyAdmin, Adminer or HeidiSQL; pg_dump's custom, tar and directory format; each
        of them also packed with gzip, zstd, bzip2, xz, lz4 or zip. What it is, is found from its bytes, never from its name.
      - What another tool writes has no proof. Whether every statement succeeded is known, whether anything was missing in the dump is not.
    type: path
  databases:
    description:
      - Databases to restore, as names or as patterns with C(*), C(?) and C([…]).
      - One that matches nothing is an error. An empty list restores the roles alone.
    type: list
    elements: str
    default:
      - "*"
  schemas:
    description:
      - Schemas to restore of each database, as names or patterns, with everything in them. Only of PostgreSQL.
      - What is chosen comes with all that it depends on in other schemas.
      - Together with O(tables), what either of them selects.
      - One that matches nothing is an error.
    type: list
    elements: str
    default: []
  tables:
    description:
      - Tables to restore of each database, as names or patterns. One that matches nothing is an error.
      - For PostgreSQL V(schema.table), or V(table) for one in whatever schema. Views are meant too. A table comes with all that belongs to it, such as
        keys, indexes, triggers, privileges, sequences and partitions, and with all that it depends on, such as types, functions and extensions.
      - For MySQL and MariaDB V(table). A table comes with its triggers and sequences. Views, routines and events stay out.
      - A foreign key to a table that is not restored is left out, with a warning.
    type: list
    elements: str
    default: []
  content:
    description:
      - What of the databases or chosen tables to restore.
      - With V(schema) everything but rows. Sequences and counters are at their start.
      - With V(data) rows alone, and the values of sequences and counters. The database must exist, and the tables must be there and empty. They are
        filled in one transaction, with all rows or none. Roles stay as they are, whatever O(roles) says.
    type: str
    choices:
      - all
      - schema
      - data
    default: all
  rename:
    description:
      - New names, a mapping from the recorded name of a database to the name to restore it under.
      - Those that are not named keep their names.
      - In a dump of SQL, names are changed exactly where they are names of the database, never in data, texts or comments. Where that cannot be decided,
        as in statements that a routine puts together at run time, the place is named in a warning.
    type: dict
    default: {}
  target:
    description:
      - The new name, where a single database is restored. Needed where a dump does not say what its database is called.
    type: str
  roles:
    description:
      - With V(all) every role or user that was recorded is created, or made as it was. The one that is connected is never touched.
      - With V(referenced) those that the chosen databases need.
      - With V(none) roles stay as they are.
    type: str
    choices:
      - all
      - referenced
      - none
    default: all
  if_exists:
    description:
      - What to do with a database whose name exists on the server.
      - With V(fail) nothing is restored at all. With V(skip) that database stays as it is.
      - With V(replace) the restored one takes its name when it is complete, and not before. What had the name until then is kept as
        C(<name>__before_<set id>), see O(keep_previous).
    type: str
    choices:
      - fail
      - replace
      - skip
    default: fail
  keep_previous:
    description:
      - How many databases that had the name before are kept when one is replaced. They take room, and M(vya.backupdb.rollback) brings one back.
      - With V(0) what is replaced is removed as soon as the new one has its name.
    type: int
    default: 1
  tablespaces:
    description:
      - Where tablespaces of the set lie on this server, a mapping from the recorded name of a tablespace to a directory. Only for sets of PostgreSQL.
      - One that is missing is made there, with its owner, rights, options and comment. On the server's own host the directory is made too, for the
        account that the server's data belong to.
      - With an empty value it is not made. What lay in it goes where the objects of its database go by default, and a database into C(pg_default).
    type: dict
    default: {}
  create_tablespaces:
    description:
      - Whether to make tablespaces that are missing in the directories where they were, unless O(tablespaces) names others.
      - Otherwise one that is missing and used forbids the restore.
    type: bool
    default: false
  disconnect:
    description:
      - Whether to end sessions that use a database that is to be replaced. Otherwise they forbid that, and are listed.
    type: bool
    default: false
"""
