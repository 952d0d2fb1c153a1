"""The services' own SDKs take the doubles for their services: answers, streams and exceptions.

Downloads 60 MB and takes minutes, so `make test-apis` runs it, and `make test` does not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from loopback import free_port, wait_for

from proofbook.caching import cache_root
from proofbook.processes import supervise
from proofbook_subjects.apis.doubles.references import SERVES
from proofbook_subjects.apis.environments import make_environment

SDKS = [
    "openai==3.57.0",
    "anthropic==2.14.0",
    "groq==1.7.0",
    "google-genai==3.6.1",
    "ollama==0.6.3",
    "boto3==1.44.8",
]
PROGRAM = Path(__file__).with_name("sdk_calls.py")
TEXT, CUT = "one two three", "one two"
OPENAI = {
    "chat": [TEXT, "stop", 6],
    "cut": [CUT, "length", 5],
    "stream": [TEXT, "stop", 6],
    "models": ["double-small"],
    "wrong key": ["AuthenticationError", 401],
    "wrong model": ["NotFoundError", 404],
    "bad request": ["BadRequestError", 400],
}
MORE = {"completion": TEXT, "completion stream": TEXT, "embeddings": [16, 16]}
NOT_THERE = ["NotFoundError", 404]
EXPECTED: dict[str, dict[str, Any]] = {
    "openai_api": {**OPENAI, **MORE},
    "vllm": {**OPENAI, **MORE},
    "llvm": {**OPENAI, **MORE, "wrong model": "double-small"},
    "opea": {
        **OPENAI,
        **dict.fromkeys(("models", "completion", "completion stream"), NOT_THERE),
        "embeddings": [16, 16],
        "wrong model": ["InternalServerError", 500],
        "bad request": ["UnprocessableEntityError", 422],
    },
    "groq": OPENAI,
    "claude": {
        **OPENAI,
        "chat": [TEXT, "end_turn", 6],
        "cut": [CUT, "max_tokens", 5],
        "stream": [TEXT, "end_turn", 6],
        "count": 3,
    },
    "gemini": {
        "chat": [TEXT, "STOP", 6],
        "cut": [CUT, "MAX_TOKENS", 5],
        "stream": [TEXT, "STOP", 6],
        "embeddings": [16, 16],
        "count": 3,
        "models": ["models/double-small"],
        "wrong key": ["ClientError", 400],
        "wrong model": ["ClientError", 404],
        "bad request": ["ClientError", 400],
    },
    "ollama": {
        "chat": [TEXT, "stop", 6],
        "cut": [CUT, "length", 5],
        "stream": [TEXT, "stop", 6],
        "completion": TEXT,
        "embeddings": [16, 16],
        "models": ["double-small:latest"],
        "loaded": ["double-small:latest"],
        "wrong key": ["ResponseError", 401],
        "wrong model": ["ResponseError", 404],
        "bad request": ["ValidationError", None],  # refused by the SDK itself
    },
    "hf_tgi": {
        "completion": TEXT,
        "completion stream": TEXT,
        "cut": [CUT, "length"],
        "stream": [TEXT, "eos_token", 3],
        "chat": [TEXT, "stop", 6],
        "chat stream": TEXT,
        "wrong key": ["HfHubHTTPError", 401],
        "bad request": ["ValidationError", None],
    },
    "hf_tei": {
        "embeddings": [1, 16],
        "similarity": pytest.approx(1.0),
        "wrong key": ["HfHubHTTPError", 401],
        "bad request": ["BadRequestError", 400],
    },
    "s3_kit": {
        "put": '"5d41402abc4b2a76b9719d911017c592"',
        "get": "hello",
        "head": 5,
        "list": ["a b/ü+.txt", "z"],
        "delete": 204,
        "gone": ["NoSuchKey", "NoSuchKey"],
        "buckets": ["double-small"],
        "wrong key": ["ClientError", "InvalidAccessKeyId"],
        "wrong secret": ["ClientError", "SignatureDoesNotMatch"],
        "wrong bucket": ["NoSuchBucket", "NoSuchBucket"],
    },
}
"""What each call gives; OVMS has no SDK on PyPI that speaks REST."""


@pytest.fixture(scope="module")
def python() -> Path:
    return make_environment("sdks", SDKS, cache_root(), shares_packages=True)


@contextmanager
def running(protocol: str, log: Path) -> Iterator[str]:
    """Yield the base URL of a double that runs."""
    port = free_port()
    words = ["--protocol", protocol, "--port", str(port)]
    command = [sys.executable, "-m", "proofbook_subjects.apis.doubles", *words]
    with supervise(command, log=log, name="the double") as server:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/health", server)
        # OPEA has no SDK; its microservices are called with OpenAI's.
        yield url + ("/v1" if protocol == "opea" else SERVES[protocol].base_path)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", EXPECTED)
def test_official_sdk_takes_the_double_for_its_service(
    protocol: str, python: Path, tmp_path: Path
) -> None:
    kept = {name: value for name, value in os.environ.items() if "TOKEN" not in name}
    with running(protocol, tmp_path / "log") as base:
        told = subprocess.run(
            [python, PROGRAM, protocol, base], env=kept, capture_output=True, text=True, timeout=120
        )
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == EXPECTED[protocol]
    assert "Traceback" not in (tmp_path / "log").read_text()
