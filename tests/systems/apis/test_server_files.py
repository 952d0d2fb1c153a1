"""What names a server, and what its ``server.json`` must say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.apis.servers import RunningServer, ServerFile, find_server, is_url

DOCUMENT: dict[str, Any] = {
    "name": "mine", "implementation": "REAL", "command": ["serve", "{port}"],
    "serves": {"openai_api": {"base_path": "/v1", "model": "m", "actions": ["chat"]}},
}  # fmt: skip


def written(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps({**DOCUMENT, **changes}))
    return path


def test_a_url_is_left_as_it_is() -> None:
    assert find_server("http://127.0.0.1:8000/v1/") == "http://127.0.0.1:8000/v1"
    assert is_url("https://a") and not is_url("server.json")
    assert RunningServer(url="http://a/v1", file=None).base_url("openai_api") == "http://a/v1"


def test_a_file_says_where_each_protocol_is(tmp_path: Path) -> None:
    file = find_server(str(written(tmp_path / "server.json")))
    assert isinstance(file, ServerFile)
    server = RunningServer(url="http://127.0.0.1:1", file=file)
    assert server.base_url("openai_api") == "http://127.0.0.1:1/v1"
    with pytest.raises(SubjectError, match="mine does not speak claude; it speaks openai_api"):
        server.base_url("claude")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"implementation": "FAKE"}, "implementation"),
        ({"command": []}, "command"),
        ({"port": 1}, "port"),
        ({"serves": {"a": {"path": "/"}}}, "serves.a.path"),
    ],
)
def test_a_file_that_says_something_else_is_named(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(SubjectError, match=words):
        find_server(str(written(tmp_path / "server.json", **changes)))


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(SubjectError, match=r"gone.json: No such file.*give a URL"):
        find_server("gone.json")
