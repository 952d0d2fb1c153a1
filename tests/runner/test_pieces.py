"""Files travel as pieces, and what is received stays in the folder that it is written into."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from proofbook.errors import ProofbookError
from proofbook.runner.executors import pieces
from proofbook.runner.executors.pieces import Piece, pieces_of, write_pieces

FILE = stat.S_IFREG | 0o644
DATA = np.frombuffer(b"123", np.uint8)


def travel(root: Path, to: Path, at: str = "") -> Path:
    to.mkdir()
    for bundle in pieces_of(root, at):
        write_pieces(to, bundle)
    return to / (at or root.name)


def test_a_tree_arrives_with_its_folders_modes_and_inner_links(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "deep" / "empty").mkdir(parents=True)
    (tree / "deep" / "run.sh").write_text("echo")
    (tree / "deep" / "run.sh").chmod(0o750)
    (tree / "nothing").write_bytes(b"")
    (tree / "link").symlink_to("deep/run.sh")
    there = travel(tree, tmp_path / "there")
    assert (there / "deep" / "empty").is_dir()
    assert (there / "deep" / "run.sh").read_text() == "echo"
    assert (there / "deep" / "run.sh").stat().st_mode & 0o777 == 0o750
    assert (there / "nothing").read_bytes() == b""
    assert (there / "link").readlink() == Path("deep/run.sh")


def test_a_large_file_arrives_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "_LARGEST", 1000)
    content = np.random.default_rng(3).bytes(4_321)
    (tmp_path / "model.bin").write_bytes(content)
    assert travel(tmp_path / "model.bin", tmp_path / "there").read_bytes() == content


def test_a_link_that_leads_out_is_sent_as_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "data").write_text("data")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "linked").symlink_to(tmp_path / "shared")
    (tree / "gone").symlink_to(tmp_path / "missing")
    (tree / "up").symlink_to(tree.parent)
    there = travel(tree, tmp_path / "there", "jobs/a/tree")
    assert (there / "linked" / "data").read_text() == "data"
    assert not (there / "linked").is_symlink()
    assert not (there / "gone").exists()
    assert (there / "up" / "tree").is_dir()
    assert not (there / "up" / "tree" / "up").exists()


def test_no_link_leads_out_through_another_link_that_stays_within(tmp_path: Path) -> None:
    link = stat.S_IFLNK | 0o777
    sent = [Piece(path="deep/up", mode=link, link=".."), Piece(path="out", mode=link)]
    (tmp_path / "there" / "deep").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    with pytest.raises(ProofbookError, match="leaves its folder"):
        write_pieces(tmp_path / "there", [sent[0], replace(sent[1], link="deep/up/../secret")])
    write_pieces(tmp_path / "there", [sent[0], replace(sent[1], link="deep/up/deep")])
    assert (tmp_path / "there" / "out").resolve() == tmp_path / "there" / "deep"


def test_odd_but_honest_links_arrive_as_what_they_lead_to(tmp_path: Path) -> None:
    (tmp_path / "shared" / "part").mkdir(parents=True)
    (tmp_path / "shared" / "data").write_text("shared")
    (tmp_path / "shared" / "part" / "beside").symlink_to("../data")
    tree = tmp_path / "tree"
    (tree / "a").mkdir(parents=True)
    (tree / "data").write_text("own")
    (tree / "roundabout").symlink_to("a/../data")
    (tree / "part").symlink_to(tmp_path / "shared" / "part")
    there = travel(tree, tmp_path / "there")
    assert (there / "roundabout").read_text() == "own"
    assert (there / "part" / "beside").read_text() == "shared"  # and not the data beside ``part``


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "", "a\0b"])
def test_a_piece_that_leaves_its_folder_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(ProofbookError, match="leaves its folder"):
        write_pieces(tmp_path, [Piece(path=path, mode=FILE, data=DATA)])


@pytest.mark.parametrize("target", ["/etc", "../..", "a/../../.."])
def test_a_link_that_leaves_its_folder_is_refused(target: str, tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    with pytest.raises(ProofbookError, match="leaves its folder"):
        write_pieces(folder, [Piece(path="link", mode=stat.S_IFLNK | 0o777, link=target)])
    assert list(folder.iterdir()) == []


def test_nothing_is_written_through_a_link_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "out").symlink_to(tmp_path)
    with pytest.raises(ProofbookError, match="behind the link out"):
        write_pieces(tmp_path / "there", [Piece(path="out/x", mode=FILE, data=DATA)])
    (tmp_path / "there" / "file").symlink_to(tmp_path / "x")
    with pytest.raises(OSError, match="symbolic links"):
        write_pieces(tmp_path / "there", [Piece(path="file", mode=FILE, data=DATA)])
    assert not (tmp_path / "x").exists()


def test_no_mode_gives_another_user_s_rights(tmp_path: Path) -> None:
    write_pieces(tmp_path, [Piece(path="x", mode=stat.S_IFREG | 0o4755, data=DATA)])
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o755


def test_small_files_travel_together_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "_BUNDLE", 3)
    for number in range(7):
        (tmp_path / f"{number}").write_bytes(b"x")
    bundles = [[piece.path for piece in bundle] for bundle in pieces_of(tmp_path, "t")]
    assert bundles == [["t", "t/0", "t/1", "t/2"], ["t/3", "t/4", "t/5"], ["t/6"]]


@pytest.mark.parametrize("content", [b"", b"1", b"12", b"123"])
def test_a_file_is_cut_into_as_few_parts_as_its_bytes_need(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    (sent,) = pieces_of(tmp_path / "x", largest=1)
    assert [piece.offset for piece in sent] == list(range(max(len(content), 1)))
    assert b"".join(bytes(piece.data) for piece in sent) == content


def test_a_shorter_file_takes_the_place_of_a_longer_one(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"longer")
    write_pieces(tmp_path, [Piece(path="x", mode=FILE, data=DATA)])
    assert (tmp_path / "x").read_bytes() == b"123"
    write_pieces(tmp_path, [Piece(path="x", mode=FILE, offset=3, data=DATA)])
    assert (tmp_path / "x").read_bytes() == b"123123"


def test_a_folder_that_is_itself_behind_a_link_is_written_into(tmp_path: Path) -> None:
    (tmp_path / "disk" / "there").mkdir(parents=True)
    (tmp_path / "home").symlink_to("disk")
    write_pieces(tmp_path / "home" / "there", [Piece(path="a/b/x", mode=FILE, data=DATA)])
    assert (tmp_path / "disk/there/a/b/x").read_bytes() == b"123"
