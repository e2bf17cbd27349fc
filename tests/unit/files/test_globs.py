# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Patterns of paths, against an obvious model."""

from __future__ import annotations

import itertools
import os
import tempfile
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import UsageError
from ansible_collections.vya.backupdb.plugins.module_utils._files.globs import (
    escape,
    matcher,
    parse,
    parse_exclude,
    to_bytes,
)
from ansible_collections.vya.backupdb.plugins.module_utils._files.walk import Walker
from hypothesis import given, settings
from hypothesis import strategies as st

ALPHABET = "ab.-é[{* ,}]\\\n"

# A pattern of a name as a tree: ("c", char), ("*",), ("?",), ("in", chars), ("out", chars), ("or", [sequences]).
Piece = tuple


def spelled(pieces: list[Piece]) -> str:
    """A pattern as an operator writes it."""
    text = ""
    for piece in pieces:
        if piece[0] == "c":
            text += "\\" + piece[1] if piece[1] in "*?[]{},\\" else piece[1]
        elif piece[0] in "*?":
            text += piece[0]
        elif piece[0] in ("in", "out"):
            inner = "".join("\\" + char if char in "]\\^!-[" else char for char in piece[1])
            text += f"[{'!' if piece[0] == 'out' else ''}{inner}]"
        else:
            text += "{" + ",".join(spelled(choice) for choice in piece[1]) + "}"
    return text


def unfolded(pieces: list[Piece]) -> list[list[Piece]]:
    """The same pattern without alternatives, once for each."""
    choices = [
        [inner for choice in piece[1] for inner in unfolded(choice)] if piece[0] == "or" else [[piece]]
        for piece in pieces
    ]
    return [list(itertools.chain.from_iterable(combination)) for combination in itertools.product(*choices)]


def fits(pieces: list[Piece], name: str) -> bool:
    """Whether a pattern without alternatives fits a name: try everything."""
    if not pieces:
        return not name
    first, rest = pieces[0], pieces[1:]
    if first[0] == "*":
        return any(fits(rest, name[cut:]) for cut in range(len(name) + 1))
    if not name:
        return False
    fitting = {
        "c": lambda: name[0] == first[1],
        "?": lambda: True,
        "in": lambda: name[0] in first[1],
        "out": lambda: name[0] not in first[1],
    }[first[0]]()
    return fitting and fits(rest, name[1:])


def meant(components: list[list[Piece] | None], names: tuple[str, ...]) -> bool:
    """Whether a pattern, None standing for **, means a path or something above it."""
    if not components:
        return True
    if components[0] is None:
        return meant(components[1:], names) or bool(names and meant(components, names[1:]))
    if not names:
        return False
    fitting = any(fits(pieces, names[0]) for pieces in unfolded(components[0]))
    return fitting and meant(components[1:], names[1:])


characters = st.sampled_from(ALPHABET.replace("\n", "") + "\n")
piece = st.recursive(
    st.one_of(
        st.tuples(st.just("c"), characters),
        st.tuples(st.just("*")),
        st.tuples(st.just("?")),
        st.tuples(st.sampled_from(["in", "out"]), st.text(characters, min_size=1, max_size=3)),
    ),
    lambda inner: st.tuples(st.just("or"), st.lists(st.lists(inner, max_size=2), min_size=2, max_size=3)),
    max_leaves=4,
)


def is_name(pieces: list[Piece]) -> bool:
    """No alternative is empty, climbs, or is one of the words with a meaning of their own."""
    return all(
        spelled(choice) not in ("", ".", "..") and not set(spelled(choice)) <= {"*"} for choice in unfolded(pieces)
    )


def few(pieces: list[Piece]) -> bool:
    """Not more alternatives than a test can try."""
    return len(unfolded(pieces)) <= 8


component = st.one_of(st.none(), st.lists(piece, min_size=1, max_size=3).filter(few).filter(is_name), st.just([("*",)]))
name = st.text(characters, min_size=1, max_size=3).filter(lambda text: text not in (".", ".."))


@settings(max_examples=400, deadline=None)
@given(st.lists(component, min_size=1, max_size=4), st.lists(name, min_size=1, max_size=4))
def test_a_pattern_means_what_the_model_says(components: list[list[Piece] | None], names: list[str]) -> None:
    pattern = "/" + "/".join("**" if item is None else spelled(item) for item in components)
    match = matcher(parse(pattern))
    assert match is not None
    assert match(to_bytes("/" + "/".join(names))) == meant(components, tuple(names)), pattern


@settings(max_examples=150, deadline=None)
@given(
    st.lists(component, min_size=1, max_size=3),
    st.lists(component, max_size=2),
    st.lists(
        st.lists(st.sampled_from(["a", "b", ".a", "ab", "é", "-a", "a b", "["]), min_size=1, max_size=3), max_size=8
    ),
)
def test_a_walk_finds_what_the_model_says(
    components: list[list[Piece] | None], left_out: list[list[Piece] | None], paths: list[list[str]]
) -> None:
    with tempfile.TemporaryDirectory() as top:
        for names in paths:
            Path(top, *names).mkdir(parents=True, exist_ok=True)
        prefix = escape(to_bytes(top))
        pattern = prefix + "/" + "/".join("**" if item is None else spelled(item) for item in components)
        exclude = prefix + "/" + "/".join("**" if item is None else spelled(item) for item in left_out)
        walker = Walker(parse(exclude) if left_out else ())
        found = [entry for _segment, entries in walker.pattern(parse(pattern)) for entry in entries]
        everything = {
            Path(parent, child).relative_to(top).parts
            for parent, children, _index in os.walk(top)
            for child in children
        }
        expected = {
            names for names in everything if meant(components, names) and not (left_out and meant(left_out, names))
        }
        if meant(components, ()) and not (left_out and meant(left_out, ())):
            expected.add(())
        elif left_out and meant(left_out, ()):
            expected = set()
        brought = [Path(os.fsdecode(entry.path)).relative_to(top).parts for entry in found if not entry.parent]
        assert sorted(brought) == sorted(expected)
        assert len(set(brought)) == len(brought)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=4), min_size=1, max_size=3))
def test_an_escaped_path_matches_itself_alone(names: list[bytes]) -> None:
    path = b"/" + b"/".join(part.replace(b"/", b"x").replace(b"\0", b"y") for part in names)
    if any(part in (b".", b"..") for part in path.split(b"/")):
        return
    globs = parse(escape(path))
    assert [glob.literal for glob in globs] == [tuple(path[1:].split(b"/"))]
    match = matcher(globs)
    assert match is not None
    assert match(path)
    assert not match(path + b"x")


@settings(max_examples=200, deadline=None)
@given(st.lists(component, min_size=1, max_size=3))
def test_the_text_of_a_pattern_parses_to_the_same(components: list[list[Piece] | None]) -> None:
    for glob in parse("/" + "/".join("**" if item is None else spelled(item) for item in components)):
        again = parse(glob.text)
        assert [item.expression for item in again] == [glob.expression]


@pytest.mark.parametrize(
    ("pattern", "paths", "others"),
    [
        ("/srv/*.conf", ["/srv/a.conf", "/srv/.conf", "/srv/a.conf/below"], ["/srv/a/b.conf", "/srv", "/srv/a.confx"]),
        ("/srv/**/*.conf", ["/srv/a.conf", "/srv/a/b/c.conf"], ["/srv/a", "/srv"]),
        ("/srv/**", ["/srv", "/srv/.a", "/srv/a/b"], ["/srvx"]),
        ("/srv/**/*", ["/srv/a", "/srv/a/b"], ["/srv"]),
        ("/srv", ["/srv", "/srv/a/b"], ["/", "/sr", "/srv2"]),
        ("/srv/", ["/srv/a"], ["/srv2"]),
        ("/", ["/", "/a", "/a/b"], []),
        ("/{a,b/{c,d}}/x", ["/a/x", "/b/c/x", "/b/d/x"], ["/b/x", "/c/x"]),
        ("/etc/{passwd,group}{,-}", ["/etc/passwd", "/etc/passwd-", "/etc/group-"], ["/etc/shadow"]),
        ("/a/{b}", ["/a/{b}"], ["/a/b"]),
        ("/a/[!a-c]", ["/a/d", "/a/-"], ["/a/b", "/a/", "/a/dd"]),
        ("/a/[^a]", ["/a/b"], ["/a/a"]),
        ("/a/[]x]", ["/a/]", "/a/x"], ["/a/y"]),
        ("/a/[a-]", ["/a/-", "/a/a"], ["/a/b"]),
        ("/a/[{,}]", ["/a/{", "/a/,", "/a/}"], ["/a/a"]),
        ("/a/?", ["/a/é", "/a/x"], ["/a/", "/a/xy"]),
        ("/a/\\*", ["/a/*"], ["/a/b"]),
        ("/a//./b", ["/a/b"], ["/a/./b"]),
        ("/a/x**y", ["/a/xy", "/a/x.y"], ["/a/x/y"]),
    ],
)
def test_patterns_by_example(pattern: str, paths: list[str], others: list[str]) -> None:
    match = matcher(parse(pattern))
    assert match is not None
    assert [path for path in paths if not match(to_bytes(path))] == []
    assert [path for path in others if match(to_bytes(path))] == []


def test_a_relative_exclude_matches_at_any_depth() -> None:
    match = matcher(parse_exclude("{*.log,cache/tmp}"))
    assert match is not None
    assert [match(path) for path in (b"/x.log", b"/a/b/x.log", b"/a/cache/tmp/y", b"/a/cache/x")] == [
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("srv/*", "is not absolute"),
        ("/srv/../etc", "climbs"),
        ("/srv/[ab", "does not close"),
        ("/srv/{a,b", "does not close"),
        ("/srv/a\\", "backslash"),
        ("/srv/[[:alpha:]]", "not supported"),
        ("/srv/[b-a]", "malformed"),
        ("/srv/a\0b", "NUL"),
        ("", "is not absolute"),
        ("/" + "{a,b}" * 12, "alternatives"),
    ],
)
def test_a_malformed_pattern_is_refused_with_what_to_do(pattern: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        parse(pattern)
    assert caught.value.remedy
