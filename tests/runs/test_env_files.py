"""A project's ``.env`` files are read as data, as python-dotenv would read them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from proofbook.errors import UsageError
from proofbook.runs.redaction import Redactor
from proofbook.runs.secrets import env_files
from proofbook.runs.secrets.env_files import read_env_files

TEXT = """\
# a comment
PLAIN_TOKEN=Zq81xyzw42
export SPACED_TOKEN = "with spaces and \\"quotes\\""   # not this
SINGLE_TOKEN='it has a # sign'
COMMENTED_TOKEN=abc123def # a comment
MULTI_KEY="-----BEGIN-----
AbCd1234EfGh
-----END-----"
EMPTY=
not a line
"""


def test_every_way_to_write_a_variable_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(TEXT)
    assert dict(read_env_files(tmp_path)) == {
        "PLAIN_TOKEN": "Zq81xyzw42",
        "SPACED_TOKEN": 'with spaces and "quotes"',
        "SINGLE_TOKEN": "it has a # sign",
        "COMMENTED_TOKEN": "abc123def",
        "MULTI_KEY": "-----BEGIN-----\nAbCd1234EfGh\n-----END-----",
        "EMPTY": "",
    }


def test_escapes_and_remarks_are_read_as_they_are_elsewhere(tmp_path: Path) -> None:
    lines = ['A="a\\nb\\tc\\qd"', 'B="a\\', 'b"', "C=a # b # c", "D=a#b"]
    (tmp_path / ".env").write_text("\n".join(lines))
    assert dict(read_env_files(tmp_path)) == {
        "A": "a\nb\tcqd", "B": "a\nb", "C": "a", "D": "a#b",
    }  # fmt: skip


def test_a_file_is_read_past_a_folder_of_such_a_name_and_in_part_where_it_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(env_files, "_LARGEST", 8)
    (tmp_path / ".env").mkdir()
    (tmp_path / ".env.local").write_text("A=123456789\nB=1")
    assert dict(read_env_files(tmp_path)) == {"A": "123456"}
    assert dict(read_env_files(tmp_path / ".env", tmp_path / "elsewhere")) == {}


def test_files_above_count_up_to_the_project(tmp_path: Path) -> None:
    project = tmp_path / "project"
    inner = project / "runbooks" / "demo"
    inner.mkdir(parents=True)
    for folder, name in ((tmp_path, "OUTSIDE"), (project, "ROOT"), (inner, "INNER")):
        (folder / ".env.local").write_text(f"{name}=1")
    assert [name for name, _ in read_env_files(inner, project)] == ["INNER", "ROOT"]
    assert [name for name, _ in read_env_files(inner)] == ["INNER"]


def test_what_is_no_such_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    (tmp_path / ".envrc").write_text("A_TOKEN=1")
    (tmp_path / ".env.bin").write_bytes(b"\xff\xfe\x00A_TOKEN=Zq81xyzw\n")
    assert dict(read_env_files(tmp_path)) == {}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_read_as_a_password_manager_fills_it(tmp_path: Path) -> None:
    pipe = tmp_path / ".env"
    os.mkfifo(pipe)

    def fill() -> None:
        with pipe.open("wb", buffering=0) as file:  # waits for a reader
            file.write(b"A_TOKEN=Zq81")
            file.write(b"xyzw42\n")

    writer = threading.Thread(target=fill)
    writer.start()
    assert dict(read_env_files(tmp_path, patience=30)) == {"A_TOKEN": "Zq81xyzw42"}
    writer.join()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_that_nobody_fills_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    with pytest.raises(UsageError, match=r"\.env is a pipe, and nobody writes into it"):
        read_env_files(tmp_path, patience=0.01)


def test_a_device_is_read_in_part(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to("/dev/zero")
    assert read_env_files(tmp_path) == []


def test_a_project_knows_the_secrets_of_its_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(TEXT)
    assert Redactor.of_project(tmp_path)("see Zq81xyzw42") == "see [redacted:PLAIN_TOKEN]"
