# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Patterns of paths: what they mean, and whether a path matches. Private to this collection.

* ``*`` stands for any characters of one name, also a leading dot: a backup that passes over hidden files loses data.
* ``?`` stands for one character, ``[abc]``, ``[a-z]`` for one of a set, ``[!abc]`` for one outside of it.
* ``**`` as a whole name stands for any number of directories, also none.
* ``{a,b}`` stands for each alternative, also nested, also across ``/``.
* A backslash takes the meaning from the character after it.

Whatever a pattern matches is meant whole: a directory with everything below it. Paths are bytes; names are matched as
UTF-8, bytes that are none of it stand for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Callable, Optional, Union

from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError

_SPECIAL = "*?[]{}\\"
_MOST_ALTERNATIVES = 1000
_DIRECTORIES = "**"
#: ``[:alpha:]`` and the like, up to the last bracket.
_NAMED_CLASS = re.compile(r"(?<!\\)\[([:.=])[^\\]*\1\Z")

#: A name in a pattern: bytes stand for themselves, a text is the pattern of a name.
Component = Union[bytes, str]


def to_bytes(text: str) -> bytes:
    """A path as the operating system knows it."""
    return text.encode("utf-8", "surrogateescape")


def to_text(path: bytes) -> str:
    """A path as text that turns back into the same bytes."""
    return path.decode("utf-8", "surrogateescape")


def escape(path: bytes) -> str:
    """The pattern that matches exactly one path."""
    return "".join("\\" + char if char in _SPECIAL else char for char in to_text(path))


@dataclass(frozen=True)
class Glob:
    """An absolute pattern without alternatives.

    Args:
        components: its names from the root on; none stands for the root.
    """

    components: tuple[Component, ...]

    @property
    def text(self) -> str:
        """The pattern, in a form that parses to the same."""
        return "/" + "/".join(escape(item) if isinstance(item, bytes) else item for item in self.components)

    @property
    def literal(self) -> tuple[bytes, ...]:
        """The leading names that stand for themselves."""
        names: list[bytes] = []
        for item in self.components:
            if not isinstance(item, bytes):
                break
            names.append(item)
        return tuple(names)

    @property
    def is_path(self) -> bool:
        """Whether the pattern is simply a path."""
        return all(isinstance(item, bytes) for item in self.components)

    @property
    def expression(self) -> str:
        """A regular expression for the paths that the pattern matches, and everything below them."""
        parts = []
        for index, item in enumerate(self.components):
            if item == _DIRECTORIES:
                # The tail below covers a last one; in between, any number of names.
                parts.append("" if index == len(self.components) - 1 else "(?:/[^/]+)*")
            else:
                parts.append("/" + (re.escape(to_text(item)) if isinstance(item, bytes) else _translate(item)))
        return "(?:" + "".join(parts) + "(?:/.*)?)"


def parse(pattern: str) -> tuple[Glob, ...]:
    """The alternatives of an absolute pattern, in the order in which they stand.

    Raises:
        UsageError: the pattern is relative, climbs with ``..``, or is malformed.
    """
    return tuple(_parse_alternative(pattern, text) for text in _expand(pattern))


def parse_exclude(pattern: str) -> tuple[Glob, ...]:
    """The alternatives of a pattern of what to leave out; a relative one matches at any depth.

    Raises:
        UsageError: the pattern climbs with ``..``, or is malformed.
    """
    return tuple(
        _parse_alternative(pattern, text if text.startswith("/") else "/**/" + text) for text in _expand(pattern)
    )


def matcher(globs: Iterable[Glob]) -> Optional[Callable[[bytes], bool]]:
    """A function that says whether an absolute path, or a directory above it, is matched by one of some patterns.

    Returns:
        None if there are no patterns.
    """
    expressions = list(dict.fromkeys(glob.expression for glob in globs))
    if not expressions:
        return None
    match = re.compile("|".join(expressions), re.DOTALL).fullmatch
    return lambda path: match(to_text(path)) is not None


def name_matcher(component: str) -> Callable[[bytes], bool]:
    """A function that says whether a name is matched by the pattern of a name."""
    if component == "*":
        return lambda _name: True
    match = re.compile(_translate(component), re.DOTALL).fullmatch
    return lambda name: match(to_text(name)) is not None


def _malformed(pattern: str, what: str, remedy: str) -> UsageError:
    return UsageError(f"The pattern {pattern!r} {what}.", remedy)


def _parse_alternative(pattern: str, text: str) -> Glob:
    if "\0" in text:
        raise _malformed(pattern, "holds a NUL character", "remove it; no file name can hold one")
    if not text.startswith("/"):
        raise _malformed(pattern, "is not absolute", "begin it with /")
    components: list[Component] = []
    for name in text.split("/"):
        if name in ("", "."):
            continue
        if name == "..":
            raise _malformed(pattern, "climbs with '..'", "write the path that is meant")
        component = _component(pattern, name)
        if component == _DIRECTORIES and components and components[-1] == _DIRECTORIES:
            continue
        components.append(component)
    return Glob(tuple(components))


def _component(pattern: str, name: str) -> Component:
    if name == _DIRECTORIES:
        return _DIRECTORIES
    literal: Optional[list[str]] = []
    index = 0
    while index < len(name):
        char = name[index]
        if char == "\\":
            if index + 1 == len(name):
                raise _malformed(pattern, "ends a name with a backslash", "write \\\\ for a backslash in a name")
            index += 1
            char = name[index]
        elif char in "*?":
            literal = None
        elif char == "[":
            literal = None
            index = _class_end(pattern, name, index)
        if literal is not None:
            literal.append(char)
        index += 1
    if literal is not None:
        return to_bytes("".join(literal))
    try:
        re.compile(_translate(name))
    except re.error as error:
        raise _malformed(pattern, f"holds a malformed set of characters: {error}", "correct what is in [...]") from None
    return name


def _class_end(pattern: str, name: str, begin: int) -> int:
    """Index of the ``]`` that closes a set of characters."""
    end = _find_class_end(name, begin)
    if end < 0:
        raise _malformed(
            pattern, "opens '[' and does not close it", "close it with ], or write \\[ for the character itself"
        )
    named = _NAMED_CLASS.search(name, begin + 1, end)
    if named:
        raise _malformed(pattern, f"uses {named.group()}], which is not supported", "list the characters")
    return end


def _find_class_end(text: str, begin: int) -> int:
    """Index of the ``]`` that closes a set of characters, -1 if the name ends before it."""
    index = begin + 1
    if text[index : index + 1] in ("!", "^"):
        index += 1
    first = index
    while index < len(text) and text[index] != "/":
        if text[index] == "\\":
            index += 1
        elif text[index] == "]" and index > first:
            return index
        index += 1
    return -1


def _translate(name: str) -> str:
    """A regular expression for the pattern of a name."""
    if not name.strip("*"):
        return "[^/]+"
    parts: list[str] = []
    index = 0
    while index < len(name):
        char = name[index]
        if char == "*":
            if not parts or parts[-1] != "[^/]*":
                parts.append("[^/]*")
        elif char == "?":
            parts.append("[^/]")
        elif char == "[":
            end = _class_end(name, name, index)
            parts.append(_translate_class(name[index + 1 : end]))
            index = end
        else:
            if char == "\\":
                index += 1
                char = name[index]
            parts.append(re.escape(char))
        index += 1
    return "".join(parts)


def _translate_class(inner: str) -> str:
    negated = inner[0] in "!^"
    chars = []
    index = 1 if negated else 0
    while index < len(inner):
        char = inner[index]
        if char == "\\":
            index += 1
            char = inner[index]
            chars.append("\\" + char if not char.isalnum() else char)
        elif char == "-" and 0 < index < len(inner) - 1 and chars:
            chars.append("-")
        else:
            chars.append("\\" + char if char in "\\]^[-&~|" else char)
        index += 1
    return "[" + ("^/" if negated else "") + "".join(chars) + "]"


def _expand(pattern: str) -> list[str]:
    """Every alternative of a pattern with braces, in order, without repetitions."""
    return list(dict.fromkeys(_expand_from(pattern, 0, False)[0]))


def _expand_from(pattern: str, index: int, inside: bool) -> tuple[list[str], int]:
    """Expand from an index on, to the end or, inside of braces, to the ``,`` or ``}`` that ends this alternative."""
    found = [""]
    while index < len(pattern):
        char = pattern[index]
        if char == "\\":
            found = [text + pattern[index : index + 2] for text in found]
            index += 2
            continue
        if char == "[":
            end = _find_class_end(pattern, index)
            if end > 0:
                found = [text + pattern[index : end + 1] for text in found]
                index = end + 1
                continue
        if char == "{":
            choices, index = _expand_braces(pattern, index)
            found = list(dict.fromkeys(text + choice for text in found for choice in choices))
            if len(found) > _MOST_ALTERNATIVES:
                raise _malformed(
                    pattern, f"has more than {_MOST_ALTERNATIVES} alternatives", "use * or several patterns"
                )
            continue
        if inside and char in ",}":
            return found, index
        if char == "}":
            char = "\\}"
        found = [text + char for text in found]
        index += 1
    if inside:
        raise _malformed(
            pattern, "opens '{' and does not close it", "close it with }, or write \\{ for the character itself"
        )
    return found, index


def _expand_braces(pattern: str, begin: int) -> tuple[list[str], int]:
    choices: list[str] = []
    index = begin + 1
    count = 0
    while True:
        alternatives, index = _expand_from(pattern, index, True)
        choices.extend(alternatives)
        count += 1
        if pattern[index] == "}":
            break
        index += 1
    if count == 1:
        # Braces without a comma are characters like any other, as in a shell.
        choices = ["\\{" + text + "\\}" for text in choices]
    return choices, index + 1
