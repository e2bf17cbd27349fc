# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Character sets that matter to a lexer. Private to this collection.

In most character sets every byte below 128 is what it is in ASCII. In some, the second byte of a character may be one of
``@A-Z[\\]^_`a-z{|}~``: a lexer that does not know them takes half a character for a backslash or a backtick.
"""

from __future__ import annotations

import codecs
from functools import lru_cache

_SJIS = rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]"
_GBK = rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]"
_BIG5 = rb"[\xa1-\xf9][\x40-\x7e\xa1-\xfe]"

#: Patterns of the two-byte characters, by the name that a server gives to the character set, in lower case.
PAIRS = {
    "gbk": _GBK,
    "gb18030": _GBK,
    "big5": _BIG5,
    "sjis": _SJIS,
    "cp932": _SJIS,
    "shift_jis_2004": _SJIS,
    "uhc": _GBK,
    "johab": _GBK,
}

_CODECS = {
    "binary": "utf-8",
    "big5": "big5hkscs",
    "cp850": "cp850",
    "dec8": "latin-1",
    "eucjpms": "euc_jp",
    "ujis": "euc_jp",
    "euckr": "euc_kr",
    "geostd8": "latin-1",
    "greek": "iso8859-7",
    "hebrew": "iso8859-8",
    "johab": "johab",
    "keybcs2": "latin-1",
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    "latin1": "cp1252",
    "latin2": "iso8859-2",
    "latin5": "iso8859-9",
    "latin7": "iso8859-13",
    "macce": "mac-latin2",
    "macroman": "mac-roman",
    "shift_jis_2004": "shift_jis_2004",
    "sjis": "cp932",
    "sql_ascii": "utf-8",
    "swe7": "latin-1",
    "tis620": "tis-620",
    "uhc": "cp949",
    "unicode": "utf-8",
    "utf8mb3": "utf-8",
    "utf8mb4": "utf-8",
    "win": "cp1251",
    "alt": "cp866",
}


def pair_pattern(charset: str) -> bytes:
    """The pattern of the two-byte characters of a server's character set whose second byte may be ASCII; empty if none."""
    return PAIRS.get(charset.lower(), b"")


@lru_cache(maxsize=256)
def codec_of(charset: str) -> str:
    """Python's name for a server's character set; UTF-8 for one that Python does not know."""
    name = charset.lower()
    for candidate in (_CODECS.get(name, name), name.replace("win", "cp", 1)):
        try:
            return codecs.lookup(candidate).name
        except (LookupError, ValueError):
            continue
    return "utf-8"


def encode(text: str, codec: str) -> bytes:
    """A name in a dump's character set; bytes that could not be decoded come back as they were.

    Raises:
        UnicodeEncodeError: the character set cannot write the name.
    """
    return text.encode(codec, "surrogateescape")


def decode(text: bytes, codec: str) -> str:
    """The inverse of `encode`; never fails."""
    return text.decode(codec, "surrogateescape")
