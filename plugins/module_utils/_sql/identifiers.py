# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and writing identifiers. Private to this collection.

A name that was quoted stays quoted; one that was not is quoted when it must be. So a dump that quotes as its tool does
(mysqldump always, pg_dump where needed) is the same bytes again after renaming there and back.
"""

from __future__ import annotations

import re
from typing import Optional

from ansible_collections.vya.backupdb.plugins.module_utils._sql.charsets import decode, encode
from ansible_collections.vya.backupdb.plugins.module_utils._sql.keywords import MYSQL_RESERVED, POSTGRES_QUOTED
from ansible_collections.vya.backupdb.plugins.module_utils._sql.tokens import QUOTED, WORD, SqlError, Token

_MYSQL_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_POSTGRES_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_UNICODE = re.compile(r"\\(?:\\|\+([0-9A-Fa-f]{6})|([0-9A-Fa-f]{4}))")


def _encoded(text: str, codec: str) -> bytes:
    try:
        return encode(text, codec)
    except UnicodeEncodeError as error:
        raise SqlError(
            f"the dump is written in {codec}, which has no letters for the name {text!r}.",
            remedy="choose a new name that the dump's character set can write",
        ) from error


def decode_mysql(token: Token, codec: str = "utf-8") -> Optional[str]:
    """The name that a token is, None when it is none."""
    kind, text = token
    if kind == WORD:
        return decode(text, codec)
    if kind == QUOTED and len(text) > 1:
        quote = text[:1].decode("ascii")
        return decode(text[1:-1], codec).replace(quote * 2, quote)
    return None


def spell_mysql(old: Token, new: str, codec: str = "utf-8") -> bytes:
    """A name quoted as `old` is, or quoted because it must be.

    Raises:
        SqlError: the dump's character set cannot write the name.
    """
    kind, text = old
    if kind == WORD and _MYSQL_PLAIN.fullmatch(new) and new.upper() not in MYSQL_RESERVED:
        return _encoded(new, codec)
    quote = '"' if kind == QUOTED and text[:1] == b'"' else "`"
    return _encoded(quote + new.replace(quote, quote * 2) + quote, codec)


def decode_postgres(token: Token, codec: str = "utf-8", escape: str = "\\") -> Optional[str]:
    """The name that a token is, None when it is none; `escape` is what UESCAPE says."""
    kind, text = token
    if kind == WORD:
        # the server folds ASCII letters only, in every multi-byte encoding
        return decode(text.lower(), codec)
    if kind != QUOTED or len(text) < 2:
        return None
    if text[:1] == b'"':
        return decode(text[1:-1], codec).replace('""', '"')
    name = decode(text[3:-1], codec).replace('""', '"')
    if escape != "\\":
        name = name.replace("\\", "\\\\").replace(escape, "\\")
    return _UNICODE.sub(_unescape, name)


def _unescape(match: re.Match[str]) -> str:
    digits = match.group(1) or match.group(2)
    if not digits:
        return "\\"
    code = int(digits, 16)
    return chr(code) if code < 0x110000 else match.group()


def spell_postgres(old: Token, new: str, codec: str = "utf-8") -> bytes:
    """A name quoted as pg_dump quotes: where needed, and where `old` was quoted without need.

    Raises:
        SqlError: the dump's character set cannot write the name.
    """
    kept = old[0] == QUOTED and old[1][:1] == b'"' and not needs_quotes(decode_postgres(old, codec) or "")
    if kept or needs_quotes(new):
        return _encoded('"' + new.replace('"', '""') + '"', codec)
    return _encoded(new, codec)


def needs_quotes(name: str) -> bool:
    """Whether PostgreSQL's tools write a name in quotes."""
    return not _POSTGRES_PLAIN.fullmatch(name) or name.upper() in POSTGRES_QUOTED
