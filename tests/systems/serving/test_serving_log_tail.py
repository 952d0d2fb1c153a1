"""The tail of a log shows what the server did, not what it was asked by us."""

from __future__ import annotations

import pytest

from proofbook_systems.serving.log_tail import tail_without
from proofbook_systems.ttsserver.contract_files import load_contract
from proofbook_systems.ttsserver.server import polled_paths

ASKED = polled_paths(load_contract("voicebox"))
FORMS = [
    'INFO:     127.0.0.1:5 - "GET {path} HTTP/1.1" 200 OK',
    '127.0.0.1 - - [26/Nov/2026 13:00:00] "GET {path} HTTP/1.1" 200 -',
    '\x1b[32m01:02:03\x1b[0m | \x1b[1mINFO\x1b[0m | "GET {path} HTTP/1.1" 200',
    '{{"level": "info", "method": "GET", "path": "{path}", "status": 200}}',
    "[GIN] 2026/11/26 - 13:00:00 | 200 | 1.2ms | 127.0.0.1 | GET {path}?x=1",
]
PATHS = ["/health", "/models/status", "/history/3f-a9", "/generate/3f-a9/status"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", PATHS)
def test_our_questions_are_left_out_in_any_form(form: str, path: str) -> None:
    log = "loading\n" + 500 * (form.format(path=path) + "\n")
    assert tail_without(log, ASKED, 100) == (
        "(500 requests of this runbook for the server's state are left out)\nloading"
    )


@pytest.mark.parametrize(
    "line",
    [
        'INFO: "GET /history/3f HTTP/1.1" 500 Internal Server Error',
        'INFO: "GET /generate/3f/status HTTP/1.1" 404 Not Found',
        'INFO: "POST /generate HTTP/1.1" 200 OK',
        'INFO: "POST /generate/3f/cancel HTTP/1.1" 200 OK',
        'INFO: "GET /audio/3f HTTP/1.1" 200 OK',
        'INFO: "GET /healthy HTTP/1.1" 200 OK',
        "WARNING: health of the GPU: poor",
    ],
)
def test_what_the_server_did_stays(line: str) -> None:
    assert tail_without(f"{line}\n", ASKED, 100) == line


def test_the_last_lines_are_kept_and_a_progress_bar_is_its_last_state() -> None:
    bar = "\r".join(f"loading {n} %" for n in range(101))
    log = "".join(f"line {n}\n" for n in range(200)) + bar + "\r\n"
    lines = tail_without(log, ASKED, 100).splitlines()
    assert len(lines) == 100
    assert lines[0] == "line 101"
    assert lines[-1] == "loading 100 %"
