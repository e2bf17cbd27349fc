# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the values of a manifest may be. Private to this collection.

Engines put some of them into paths and into SQL. A manifest that somebody else wrote must not get further than this: every
value that is used has its shape here. Members that are not known are passed over.

A shape is a function that raises Misshapen; a list with the shape of its items; a tuple with the shape of each item; a
dictionary with the shape of each member, where ``?`` behind a name says that it may be missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Union


class Misshapen(ValueError):
    """A value does not have its shape."""


Shape = Union[Callable[[Any], None], list[Any], tuple[Any, ...], dict[str, Any]]

_BIGGEST = 1 << 63


def check(value: Any, shape: Shape, where: str) -> None:
    """Make sure that a value has a shape.

    Raises:
        Misshapen: it has not; the message says where.
    """
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise Misshapen(f"{where} is not an object")
        for key, inner in shape.items():
            name = key.rstrip("?")
            if name in value:
                check(value[name], inner, f"{where}.{name}")
            elif name == key:
                raise Misshapen(f"{where} has no {name}")
    elif isinstance(shape, (list, tuple)):
        if not isinstance(value, (list, tuple)):
            raise Misshapen(f"{where} is not a list")
        if isinstance(shape, tuple) and len(value) != len(shape):
            raise Misshapen(f"{where} has {len(value)} items instead of {len(shape)}")
        for number, item in enumerate(value):
            check(item, shape[number] if isinstance(shape, tuple) else shape[0], f"{where}[{number}]")
    else:
        try:
            shape(value)
        except Misshapen as error:
            raise Misshapen(f"{where} {error}") from None


def anything(_value: Any) -> None:
    """Any value."""


def text(value: Any) -> None:
    """A text; no byte of it ends it early where C reads it."""
    if not isinstance(value, str) or "\0" in value:
        raise Misshapen("is not a text")


def name(value: Any) -> None:
    """A text that is not empty."""
    text(value)
    if not value:
        raise Misshapen("is empty")


def whole(value: Any) -> None:
    """A number that every program can hold, without a fraction."""
    if not isinstance(value, int) or isinstance(value, bool) or not -_BIGGEST <= value < _BIGGEST:
        raise Misshapen("is not a whole number")


def amount(value: Any) -> None:
    """A whole number that is not negative."""
    whole(value)
    if value < 0:
        raise Misshapen("is negative")


def number(value: Any) -> None:
    """A number."""
    if not isinstance(value, float):
        whole(value)


def truth(value: Any) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise Misshapen("is neither true nor false")


def digits(value: Any) -> None:
    """A whole number, or the text of one."""
    if not isinstance(value, str):
        whole(value)
    elif not re.fullmatch(r"[0-9]{0,19}", value):
        raise Misshapen("is not a number")


def relative(value: Any) -> None:
    """A path that stays below where it begins."""
    if not isinstance(value, str) or "\0" in value or any(part in ("", ".", "..") for part in value.split("/")):
        raise Misshapen(f"{value!r} leaves the set")


def absolute(value: Any) -> None:
    """A path from the root that does not climb."""
    text(value)
    if not value.startswith("/") or ".." in value.split("/"):
        raise Misshapen("is not a path from the root")


def _matching(pattern: str, words: str) -> Callable[[Any], None]:
    compiled = re.compile(pattern)

    def shape(value: Any) -> None:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise Misshapen(words)

    return shape


def maybe(inner: Shape) -> Callable[[Any], None]:
    """A shape, or none."""

    def shape(value: Any) -> None:
        if value is not None:
            check(value, inner, "")

    return shape


def every(inner: Shape) -> Callable[[Any], None]:
    """An object whose members all have a shape, whatever they are called."""

    def shape(value: Any) -> None:
        if not isinstance(value, dict):
            raise Misshapen("is not an object")
        for key, item in value.items():
            text(key)
            check(item, inner, f".{key}"[:80])

    return shape


#: stands in SQL without quotes
word = _matching(r"[A-Za-z0-9_]{0,64}", "is not one word")
#: names of privileges stand in SQL without quotes; the server's letter for those that this version has no name for
privilege = _matching(r"[A-Z]{2,12}( [A-Z]{2,12})?|[A-Za-z]", "is not a privilege")
mode = _matching(r"[0-7]{1,6}", "is not a mode")
sha256 = _matching(r"[0-9a-f]{64}", "is not a SHA-256")

_ACL: Shape = [(privilege, text, truth, text)]

#: manifest.json
MANIFEST: Shape = {
    "set_id": name,
    "run_id": text,
    "source": text,
    "instance": text,
    "engine": word,
    "flavour": word,
    "server_version": text,
    "started": text,
    "snapshot_at": text,
    "finished": text,
    "collection_version": text,
    "tools?": every(text),
    "host?": every(anything),
    "databases?": [{"name": name, "size?": amount, "properties?": every(anything)}],
    "artefacts?": [
        {
            "kind": name,
            "name": name,
            "path": relative,
            "format": word,
            "codec": word,
            "files": [{"path": relative, "size": amount, "sha256": sha256}],
            "details?": every(anything),
        }
    ],
    "warnings?": [text],
    "omissions?": [text],
    "proof_level?": word,
    "phases?": every(number),
    "details?": every(anything),
}

#: engine -> its facts of the whole instance
INSTANCE: dict[str, Shape] = {
    "mysql": {"facts?": {"lower_case_table_names?": maybe(digits), "max_allowed_packet?": maybe(digits)}}
}

#: engine -> its properties of a database
PROPERTIES: dict[str, Shape] = {
    "postgresql": {
        "owner": name,
        "encoding": text,
        "locale_provider?": word,
        "lc_collate": text,
        "lc_ctype": text,
        "locale?": maybe(text),
        "icu_rules?": maybe(text),
        "collation_version?": maybe(text),
        "tablespace?": text,
        "connection_limit?": whole,
        "allow_connections?": truth,
        "is_template?": truth,
        "acl?": maybe(_ACL),
        "comment?": maybe(text),
        "settings?": maybe([{"role": maybe(text), "settings": [text]}]),
        "security_labels?": maybe(every(text)),
    },
    "mysql": {"charset?": word, "collation?": word, "comment?": text},
}

#: format of an artefact -> its details
DETAILS: dict[str, Shape] = {
    "pg_directory": {
        "pg_dump?": text,
        "public_schema?": maybe({"owner": name, "acl": _ACL}),
        "roles?": [text],
        "extensions?": [(text, text)],
        "tablespaces?": [text],
        "event_triggers?": whole,
        "plain_bytes?": amount,
    },
    "mysql_tables": {
        "parts?": [word],
        "tables": [
            {
                "name": name,
                "file": relative,
                "rows": amount,
                "bytes": amount,
                "columns": [(text, text)],
                "auto_increment?": amount,
                "versioned?": truth,
            }
        ],
        "without_rows?": [text],
        "sequences?": [text],
        "views?": [text],
        "routines?": [text],
        "triggers?": [text],
        "events?": [text],
        "definers?": every(maybe(text)),
        "collations?": [word],
        "loosely_referenced?": [text],
        "not_transactional?": [text],
    },
    "tar": {
        "bytes?": amount,
        "entries?": amount,
        "files?": amount,
        "members?": amount,
        "users?": [text],
        "groups?": [text],
        "acls?": truth,
        "above?": [
            {"path": absolute, "mode": mode, "uid": amount, "gid": amount, "user": maybe(text), "group": maybe(text)}
        ],
    },
    "jsonl": {
        "patterns?": [{"pattern": text, "segments": [absolute], "bytes": amount}],
        "exclude?": [text],
        "repository?": maybe(text),
    },
}


def check_manifest(values: Any) -> None:
    """Make sure that JSON values have the shape of a manifest; what only engines understand is not looked into.

    Raises:
        Misshapen: they have not.
    """
    check(values, MANIFEST, "manifest")


def check_described(manifest: Any) -> None:
    """Make sure that what engines understand of a manifest has its shape.

    Args:
        manifest: a :class:`Manifest`; what is encrypted of it is in its place, or all of it is left out.

    Raises:
        Misshapen: it has not.
    """
    if manifest.engine in INSTANCE:
        check(dict(manifest.details), INSTANCE[manifest.engine], "details")
    if manifest.engine in PROPERTIES:
        for item in manifest.databases:
            check(dict(item.properties), PROPERTIES[manifest.engine], f"properties of {item.name!r}")
    for item in manifest.artefacts:
        if item.format in DETAILS:
            check(dict(item.details), DETAILS[item.format], f"details of {item.path!r}")
        if item.format == "mysql_tables" and not item.encrypted:
            stored = {entry.path for entry in item.files}
            for table in item.details["tables"]:
                if f"{item.path}/{table['file']}" not in stored:
                    raise Misshapen(f"details of {item.path!r} name a file that is not in it: {table['file']!r}")
