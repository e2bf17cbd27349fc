# Copyright (c) 2026, vya.backupdb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files, backed up and restored: traps F01 to F05, and everything that files can be."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._errors import BackupError, UsageError

from tests.integration.files.rig import Rig, below, facts, fill, named_acl, unpacked

pytestmark = pytest.mark.usefixtures("as_root")


def test_everything_that_files_can_be_comes_back(rig: Rig, source: Path, target: Path) -> None:
    top = source / "tree"
    fill(top)
    before = list(facts(top))
    outcome = rig.backup(top)
    assert outcome.omissions == ()
    rig.restore(target)
    assert list(facts(below(target, top))) == before
    assert rig.messages(target) == []
    assert rig.messages() == []


def test_f02_holes_stay_holes(rig: Rig, source: Path, target: Path) -> None:
    fill(source / "tree")
    rig.backup(source / "tree")
    rig.restore(target)
    for name in ("sparse", "hole"):
        restored = below(target, source / "tree" / name)
        assert restored.stat().st_blocks * 512 < restored.stat().st_size / 10
    assert rig.archive(source / "tree").stat().st_size < 4 << 20


def test_a_second_restore_changes_nothing(rig: Rig, source: Path, target: Path) -> None:
    fill(source / "tree")
    rig.backup(source / "tree")
    first = rig.restore(target)
    assert first.changed
    before = [(path, path.lstat().st_ctime_ns) for path in sorted(target.rglob("*"))]
    second = rig.restore(target)
    assert not second.changed
    assert second.equal == len(rig.entries())
    assert [(path, path.lstat().st_ctime_ns) for path in sorted(target.rglob("*"))] == before


def test_f01_names_of_owners_win_over_numbers(rig: Rig, source: Path, target: Path) -> None:
    """The archive says that a number belongs to a name which has another number on this host."""
    (source / "file").write_text("x")
    os.chown(source / "file", 65534, 65534)
    rig.backup(source)
    _rewrite_owner(rig, source, b"nobody", b"daemon", b"nogroup", b"daemon")
    rig.restore(target)
    restored = below(target, source / "file").stat()
    assert (restored.st_uid, restored.st_gid) == (1, 1)
    numeric = target.with_name("numeric")
    rig.restore(numeric, numeric_owner=True)
    restored = below(numeric, source / "file").stat()
    assert (restored.st_uid, restored.st_gid) == (65534, 65534)


def test_f01_a_name_that_this_host_lacks_is_a_problem_before_anything_changes(
    rig: Rig, source: Path, target: Path
) -> None:
    (source / "file").write_text("x")
    os.chown(source / "file", 65534, 65534)
    rig.backup(source)
    _rewrite_owner(rig, source, b"nobody", b"absent", b"nogroup", b"missing")
    with pytest.raises(BackupError, match=r"no user absent(.|\n)*no group missing"):
        rig.restore(target)
    assert list(target.iterdir()) == []
    rig.restore(target, numeric_owner=True)
    assert below(target, source / "file").stat().st_uid == 65534


def _rewrite_owner(rig: Rig, pattern: Path, user: bytes, new_user: bytes, group: bytes, new_group: bytes) -> None:
    """Let the set say that its files belong to others, as if it came from another host."""
    from tests.integration.files.forge import forge

    def header(block: bytes) -> bytes:
        names = block[265:297], block[297:329]
        if names[0].rstrip(b"\0") == user:
            block = block[:265] + new_user.ljust(32, b"\0") + block[297:]
        if names[1].rstrip(b"\0") == group:
            block = block[:297] + new_group.ljust(32, b"\0") + block[329:]
        return block

    def listing(data: bytes) -> bytes:
        return data.replace(b'"user":"%s"' % user, b'"user":"%s"' % new_user).replace(
            b'"group":"%s"' % group, b'"group":"%s"' % new_group
        )

    forge(rig, pattern, header=header, listing=listing, owners={user: new_user, group: new_group})


def test_f02_access_lists_follow_the_name(rig: Rig, source: Path, target: Path) -> None:
    (source / "file").write_text("x")
    os.setxattr(source / "file", "system.posix_acl_access", named_acl(65534))
    rig.backup(source)
    entry = next(line for line in rig.listing() if line.get("path") == str(source / "file"))
    assert "user:nobody:r--" in entry["acl"]
    rig.restore(target)
    assert os.getxattr(below(target, source / "file"), "system.posix_acl_access") == named_acl(65534)


def test_f02_access_lists_are_stored_as_tar_itself_does(rig: Rig, source: Path, reachable_tmp: Path) -> None:
    """They are put into the archive in passing, which must not be seen in it."""
    tree = source / "tree"
    (tree / "default").mkdir(parents=True)
    for number in range(3000):
        (tree / f"{number:04}").write_text("x" * number)
        os.utime(tree / f"{number:04}", ns=(0, number * 10**15 // 7 - 10**18))
        if number % 3 == 0:
            os.setxattr(tree / f"{number:04}", "system.posix_acl_access", named_acl(65534 if number % 2 else number))
            os.setxattr(tree / f"{number:04}", "user.x", b"1")
    os.setxattr(tree / "default", "system.posix_acl_default", named_acl(1))
    rig.backup(tree)
    plain = reachable_tmp / "reference.tar"
    subprocess.run(
        ["tar", "--create", "--format=posix", "--acls", "--xattrs", f"--file={plain}", "--directory=/", str(tree)[1:]],
        check=True,
    )

    def read(path: Path) -> dict[str, tuple[dict[str, str], object]]:
        with tarfile.open(path) as archive:
            return {
                member.name: (
                    {key: value for key, value in member.pax_headers.items() if ".acl." in key or ".user." in key},
                    member.mtime,
                )
                for member in archive
            }

    ours = reachable_tmp / "ours.tar"
    ours.write_bytes(unpacked(rig.archive(tree)))
    expected, stored = read(plain), read(ours)
    # For a directory that only has a default access list, tar repeats the mode as an access list.
    expected[str(tree)[1:] + "/default"][0].pop("SCHILY.acl.access")
    assert {name: stored[name] for name in expected} == expected
    assert len(expected) == 3002


def test_f02_a_default_access_list_of_the_place_is_not_inherited(rig: Rig, source: Path, target: Path) -> None:
    (source / "sub").mkdir()
    (source / "sub" / "file").write_text("x")
    os.setxattr(source / "sub" / "file", "user.x", b"1")
    rig.backup(source)
    os.setxattr(target, "system.posix_acl_default", named_acl(65534))
    rig.restore(target)
    for path in (below(target, source / "sub"), below(target, source / "sub" / "file")):
        assert [name for name in os.listxattr(path) if "acl" in name] == []


def test_f03_directories_above_come_with_their_attributes(rig: Rig, source: Path, target: Path) -> None:
    (source / "a" / "b" / "c").mkdir(parents=True)
    (source / "a" / "b" / "c" / "x.conf").write_text("x")
    (source / "a" / "other").mkdir()
    os.chown(source / "a", 1, 1)
    (source / "a").chmod(0o751)
    (source / "a" / "b").chmod(0o2710)
    os.utime(source / "a" / "b", ns=(1, 123_456_789_012_345_678))
    rig.backup(source / "**" / "*.conf")
    rig.restore(target)
    restored = below(target, source / "a").stat()
    assert (restored.st_mode & 0o7777, restored.st_uid, restored.st_gid) == (0o751, 1, 1)
    restored = below(target, source / "a" / "b").stat()
    assert (restored.st_mode & 0o7777, restored.st_mtime_ns) == (0o2710, 123_456_789_012_345_678)
    assert not below(target, source / "a" / "other").exists()
    assert rig.entries() == [str(source / "a" / "b" / "c" / "x.conf")]


def test_f04_a_directory_above_that_exists_is_never_changed(rig: Rig, source: Path, target: Path) -> None:
    (source / "x").write_text("x")
    rig.backup(source / "*")
    existing = below(target, source)
    existing.mkdir(parents=True)
    for path in (target, existing.parent, existing):
        path.chmod(0o1770)
        os.chown(path, 5, 6)
    rig.restore(target, if_exists="replace")
    for path in (target, existing.parent, existing):
        status = path.stat()
        assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o1770, 5, 6)
    assert rig.messages(target) == []


def test_files_go_to_their_original_place(rig: Rig, source: Path) -> None:
    fill(source / "tree")
    before = list(facts(source / "tree"))
    rig.backup(source / "tree")
    subprocess.run(["rm", "-rf", source / "tree"], check=True)
    assert rig.restore().created == len(before)
    assert list(facts(source / "tree")) == before
    assert rig.messages() == []


def test_many_small_files_come_back_as_they_were(rig: Rig, source: Path, target: Path) -> None:
    """Several tars share them: links, modes, times and access lists must not depend on which gets what."""
    tree = source / "tree"
    for number in range(40):
        directory = tree / f"{number % 7}" / f"{number}"
        directory.mkdir(parents=True)
        for name in range(150):
            (directory / f"{name}").write_text(f"{number} {name}" * (name * 5))
            os.utime(directory / f"{name}", ns=(0, number * 10**12 + name))
        for name in range(0, 150, 10):
            (directory / f"{name}-more").hardlink_to(directory / f"{name}")
            (tree / f"{number}-{name}").hardlink_to(directory / f"{name}")
            (directory / f"{name}-link").symlink_to(f"/{name}")
        os.setxattr(directory / "7", "system.posix_acl_access", named_acl(65534))
        os.setxattr(directory, "system.posix_acl_default", named_acl(number))
        (directory / "empty").mkdir(mode=0o2711)
        os.chown(directory, number, 100 + number)
        directory.chmod(0o2500)
        os.utime(directory, ns=(0, number * 10**15 + 1))
    (source / "large").write_bytes(os.urandom(5 << 20))
    before = list(facts(source))
    rig.backup(source, jobs=4)
    assert len(before) > 6000
    rig.restore(target, jobs=3)
    assert list(facts(below(target, source))) == before
    assert rig.messages(target) == []
    assert not rig.restore(target).changed
    gone = [*below(target, tree).rglob("?1"), *below(target, tree).rglob("3*-more"), below(target, tree) / "3-20"]
    for path in gone:
        if path.is_file():
            path.unlink()
    assert rig.restore(target, jobs=3).created > 400
    assert rig.messages(target) == []
    one = target.with_name("one")
    rig.restore(one, jobs=1)
    assert list(facts(below(one, source))) == before


def test_only_what_is_missing_is_made(rig: Rig, source: Path) -> None:
    top = source / "tree"
    fill(top)
    rig.backup(top)
    before = list(facts(top))
    kept = (top / "plain").stat()
    for name in ("large", "linked", "ü", "dangling"):
        (top / name).unlink()
    subprocess.run(["rm", "-rf", top / ("d" * 120)], check=True)
    outcome = rig.restore()
    assert (outcome.created, outcome.replaced) == (7, 0)
    assert list(facts(top)) == before
    assert (top / "plain").stat().st_ino == kept.st_ino


def test_a_file_that_differs_stops_everything(rig: Rig, source: Path) -> None:
    (source / "a").write_text("a")
    (source / "b").write_text("b")
    rig.backup(source)
    (source / "a").unlink()
    (source / "b").write_text("changed")
    with pytest.raises(BackupError, match=r"b exists and differs: .*it holds 7 bytes, recorded 1 bytes"):
        rig.restore()
    assert not (source / "a").exists()
    assert (source / "b").read_text() == "changed"


def test_a_file_that_differs_can_be_kept(rig: Rig, source: Path) -> None:
    (source / "a").write_text("a")
    (source / "b").write_text("b")
    rig.backup(source)
    (source / "a").unlink()
    (source / "b").write_text("changed")
    outcome = rig.restore(if_exists="skip")
    assert (outcome.created, outcome.replaced, outcome.skipped) == (1, 0, 1)
    assert (source / "a").read_text() == "a"
    assert (source / "b").read_text() == "changed"


def test_a_file_that_differs_can_be_replaced(rig: Rig, source: Path) -> None:
    top = source / "tree"
    fill(top)
    rig.backup(top)
    before = list(facts(top))
    (top / "plain").write_text("changed")
    (top / "large").chmod(0o777)
    (top / "relative").unlink()
    (top / "relative").symlink_to("elsewhere")
    os.removexattr(top / "set-id", "security.capability")
    (top / "linked").unlink()
    (top / "linked").write_text("hard")
    (top / "empty-directory").chmod(0o700)
    os.setxattr(top / "empty-directory", "user.new", b"1")
    os.chown(top / "shut", 9, 9)
    (top / "fifo").unlink()
    (top / "fifo").mkdir()
    (top / "fifo").rmdir()
    (top / "fifo").write_text("no fifo")
    assert rig.plan(if_exists="replace").changes
    outcome = rig.restore(if_exists="replace")
    assert outcome.created == 0
    assert outcome.replaced == 8
    assert list(facts(top)) == before
    assert not rig.restore(if_exists="replace").changed


def test_a_directory_is_never_replaced_by_a_file(rig: Rig, source: Path) -> None:
    (source / "x").write_text("x")
    rig.backup(source)
    (source / "x").unlink()
    (source / "x").mkdir()
    (source / "x" / "precious").write_text("precious")
    with pytest.raises(BackupError, match="is a directory where a file was"):
        rig.restore(if_exists="replace")
    assert (source / "x" / "precious").exists()


@pytest.mark.parametrize("if_exists", ["skip", "replace"])
def test_f05_a_link_in_the_place_of_a_directory_is_not_followed(
    rig: Rig, source: Path, target: Path, reachable_tmp: Path, if_exists: str
) -> None:
    (source / "tree" / "conf").mkdir(parents=True)
    (source / "tree" / "conf" / "file").write_text("x")
    rig.backup(source / "tree")
    outside = reachable_tmp / "outside"
    outside.mkdir()
    below(target, source / "tree").mkdir(parents=True)
    below(target, source / "tree" / "conf").symlink_to(outside)
    rig.restore(target, if_exists=if_exists)
    assert list(outside.iterdir()) == []
    assert below(target, source / "tree" / "conf").is_symlink() == (if_exists == "skip")


def test_f05_a_link_above_does_not_lead_out_of_the_root(
    rig: Rig, source: Path, target: Path, reachable_tmp: Path
) -> None:
    (source / "file").write_text("x")
    rig.backup(source / "*")
    outside = reachable_tmp / "outside"
    outside.mkdir()
    below(target, source).parent.mkdir(parents=True)
    below(target, source).symlink_to(outside)
    with pytest.raises(BackupError, match="is a symbolic link where a directory was"):
        rig.restore(target, if_exists="replace")
    assert list(outside.iterdir()) == []


def test_a_link_above_is_followed_at_the_original_place(rig: Rig, source: Path, reachable_tmp: Path) -> None:
    """The data has moved to another disk, and a link stands in its old place."""
    (source / "data").mkdir()
    (source / "data" / "file").write_text("x")
    rig.backup(source / "data" / "*")
    elsewhere = reachable_tmp / "elsewhere"
    (source / "data").rename(elsewhere)
    (elsewhere / "file").unlink()
    (source / "data").symlink_to(elsewhere)
    rig.restore()
    assert (elsewhere / "file").read_text() == "x"
    assert (source / "data").is_symlink()
    assert rig.messages() == []


def test_sockets_and_devices_are_left_out_and_named(rig: Rig, source: Path, target: Path) -> None:
    import socket

    (source / "file").write_text("x")
    os.mknod(source / "null", 0o20666, os.makedev(1, 3))
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(source / "socket"))
    server.close()
    outcome = rig.backup(source)
    assert [line for line in outcome.omissions if "device" in line and str(source / "null") in line]
    assert [line for line in outcome.omissions if "socket" in line and str(source / "socket") in line]
    rig.restore(target)
    assert sorted(path.name for path in below(target, source).iterdir()) == ["file"]
    assert rig.messages(target) == []


def test_hard_links_across_patterns_are_links_again(rig: Rig, source: Path, target: Path) -> None:
    for name in ("one", "two"):
        (source / name).mkdir()
    (source / "one" / "a").write_text("same")
    (source / "one" / "b").hardlink_to(source / "one" / "a")
    (source / "two" / "c").hardlink_to(source / "one" / "a")
    (source / "two" / "d").hardlink_to(source / "one" / "a")
    rig.backup(source / "one", source / "two")
    rig.restore(target)
    inodes = {below(target, source / path).stat().st_ino for path in ("one/a", "one/b", "two/c", "two/d")}
    assert len(inodes) == 1
    assert rig.messages(target) == []
    part = target.with_name("part")
    rig.restore(part, source / "two")
    assert below(part, source / "two/c").stat().st_ino == below(part, source / "two/d").stat().st_ino
    assert rig.messages(part, source / "two") == []
    assert not rig.restore(part, source / "two").changed


def test_a_further_name_is_restored_without_its_first_one(rig: Rig, source: Path, target: Path) -> None:
    (source / "a").mkdir()
    (source / "a" / "first").write_text("same")
    (source / "second").hardlink_to(source / "a" / "first")
    (source / "third").hardlink_to(source / "a" / "first")
    rig.backup(source)
    outcome = rig.restore(target, source / "{second,third}")
    assert outcome.created == 2
    assert sorted(path.name for path in below(target, source).iterdir()) == ["second", "third"]
    assert below(target, source / "second").read_text() == "same"
    assert below(target, source / "third").samefile(below(target, source / "second"))


def test_a_further_name_of_a_file_that_is_kept_is_not_made(rig: Rig, source: Path) -> None:
    (source / "first").write_text("same")
    (source / "second").hardlink_to(source / "first")
    rig.backup(source)
    (source / "second").unlink()
    (source / "first").write_text("mine")
    outcome = rig.restore(if_exists="skip")
    assert not (source / "second").exists()
    assert not outcome.changed
    assert any("Hard links" in line for line in outcome.warnings)


def test_a_file_of_two_patterns_is_stored_once(rig: Rig, source: Path, target: Path) -> None:
    (source / "a.conf").write_text("a")
    (source / "b.txt").write_text("b")
    rig.backup(source / "*.conf", source / "*")
    assert rig.entries() == [str(source / "a.conf"), str(source / "b.txt")]
    rig.restore(target)
    assert rig.messages(target) == []
    part = target.with_name("part")
    rig.restore(part, source / "*")
    assert sorted(path.name for path in below(part, source).iterdir()) == ["a.conf", "b.txt"]


def test_a_part_is_restored_by_any_pattern(rig: Rig, source: Path, target: Path) -> None:
    for name in ("a.conf", "b.conf", "c.txt"):
        (source / name).write_text(name)
    (source / "sub").mkdir()
    (source / "sub" / "d.conf").write_text("d")
    rig.backup(source / "**")
    outcome = rig.restore(target, source / "**" / "{a,d}.conf")
    assert outcome.created == 2
    assert sorted(path.name for path in target.rglob("*.*")) == ["a.conf", "d.conf"]
    with pytest.raises(BackupError, match="matches nothing in the set"):
        rig.restore(target, source / "nothing")


def test_a_pattern_that_matches_nothing_is_an_error_unless_allowed(rig: Rig, source: Path) -> None:
    (source / "a").write_text("a")
    with pytest.raises(AssertionError, match="matches nothing"):
        rig.backup(source / "a", source / "*.missing")
    outcome = rig.backup(source / "a", source / "*.missing", allow_missing=True)
    assert rig.entries() == [str(source / "a")]
    assert outcome.omissions == (f"The pattern {source}/*.missing matches nothing.",)


def test_excludes_take_everything_below_with_them(rig: Rig, source: Path) -> None:
    for path in ("keep/a.log", "keep/a.txt", "cache/deep/x", "sub/cache/y", "sub/z"):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(path)
    rig.backup(source / "**/*", exclude=["*.log", str(source / "cache"), "sub/cache"])
    assert rig.entries() == [str(source / path) for path in ("keep", "keep/a.txt", "sub", "sub/z")]
    assert rig.messages() == []


def test_the_repository_does_not_back_up_itself(rig: Rig, reachable_tmp: Path) -> None:
    (reachable_tmp / "file").write_text("x")
    rig.backup(reachable_tmp)
    rig.backup(reachable_tmp)
    assert rig.entries() == [str(reachable_tmp), str(reachable_tmp / "file")]


def test_links_that_a_pattern_goes_through_are_stored_with_what_they_lead_to(
    rig: Rig, source: Path, target: Path
) -> None:
    (source / "releases" / "1").mkdir(parents=True)
    (source / "releases" / "1" / "app.conf").write_text("1")
    (source / "site").mkdir()
    (source / "site" / "current").symlink_to(source / "releases" / "1")
    (source / "named").symlink_to("releases")
    outcome = rig.backup(source / "s*/current/*.conf", source / "named/1")
    assert rig.entries() == [
        str(source / path) for path in ("site/current", "releases/1/app.conf", "named", "releases/1")
    ]
    # Links on the way are stored, but are not what the patterns ask for.
    assert [item.entries for item in outcome.patterns] == [1, 1]
    rig.restore(target)
    assert (below(target, source / "named")).readlink() == Path("releases")
    assert below(target, source / "releases/1/app.conf").read_text() == "1"
    assert rig.messages(target) == []


def test_a_link_that_is_named_itself_is_stored_with_what_it_points_to(rig: Rig, source: Path, target: Path) -> None:
    (source / "releases" / "1").mkdir(parents=True)
    (source / "releases" / "1" / "file").write_text("1")
    (source / "current").symlink_to("releases/1")
    rig.backup(source / "current")
    assert rig.entries() == [str(source / path) for path in ("current", "releases/1", "releases/1/file")]
    rig.restore(target)
    assert below(target, source / "current" / "file").read_text() == "1"


def test_a_link_on_the_way_to_nothing_is_no_match(rig: Rig, source: Path) -> None:
    (source / "releases").mkdir()
    (source / "link").symlink_to("releases")
    for pattern in ("link/x*", "l*/x"):
        with pytest.raises(AssertionError, match="matches nothing"):
            rig.backup(source / pattern)


def test_links_in_a_circle_end(rig: Rig, source: Path) -> None:
    (source / "a").symlink_to("b")
    (source / "b").symlink_to("a")
    (source / "self").symlink_to(".")
    (source / "file").write_text("x")
    rig.backup(source / "*" / "file")
    assert str(source / "file") in rig.entries()
    with pytest.raises(AssertionError, match="matches nothing"):
        rig.backup(source / "a" / "x")


def test_restoring_by_hand_as_the_instructions_say(rig: Rig, source: Path, target: Path) -> None:
    fill(source / "tree")
    rig.backup(source / "tree")
    before = list(facts(source / "tree"))
    from ansible_collections.vya.backupdb.plugins.module_utils._files.instructions import restore_instructions

    reader = rig.reader()
    text = restore_instructions(reader.manifest)
    command = next(line for line in text.splitlines() if "/somewhere" in line).replace("/somewhere", str(target))
    subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=reader.directory, check=True)
    assert list(facts(below(target, source / "tree"))) == before


def test_unknown_policies_and_foreign_roots_are_refused(rig: Rig, source: Path) -> None:
    (source / "a").write_text("a")
    rig.backup(source)
    with pytest.raises(UsageError, match="if_exists"):
        rig.plan(if_exists="maybe")
    with pytest.raises(UsageError, match="not an absolute path"):
        rig.plan(Path("relative"))


def test_the_listing_says_what_is_in_the_archive(rig: Rig, source: Path) -> None:
    import hashlib

    fill(source / "tree")
    rig.backup(source / "tree")
    recorded = {line["path"]: line for line in rig.listing() if "path" in line}
    data = unpacked(rig.archive(source / "tree"))
    plain = source / "plain.tar"
    plain.write_bytes(data)
    with tarfile.open(plain) as archive:
        members = archive.getmembers()
        assert ["/" + member.name for member in members] == list(recorded)
        for member in members:
            if member.isreg():
                stream = archive.extractfile(member)
                assert stream is not None
                contents = stream.read()
                line = recorded["/" + member.name]
                assert (len(contents), hashlib.sha256(contents).hexdigest()) == (line["size"], line["sha256"])
