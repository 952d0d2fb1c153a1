"""What a project's files name is proposed; what is not there, or only an alternative, is told."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from accounts import write_files

from proofbook.fingerprints import fingerprint
from proofbook.suggestions import Suggestion
from proofbook_systems.environment.ports import inspect_ports
from proofbook_systems.environment.proposals.suggesting import suggest_parameters


def suggest(root: Path, **files: str) -> list[Suggestion]:
    write_files(root, files.items())
    return suggest_parameters({"project": str(root)})


def proposed(found: list[Suggestion]) -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = {}
    for each in found:
        if not each.doubt:
            values.setdefault(each.parameter, []).append(each.value)
    return values


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("entry", "ports"),
    [
        ('"8000:80"', [8000]),
        ("8000:80", [8000]),
        ('"127.0.0.1:8001:80/tcp"', [8001]),
        ('"[::1]:8001:80"', [8001]),
        ('"9000-9002:9000-9002"', [9000, 9001, 9002]),
        ('"80"', []),
        ("{target: 80, published: 8080}", [8080]),
        ('{target: 80, published: "8080", protocol: tcp}', [8080]),
        ('"${WEB_PORT:-8300}:80"', [8300]),
        ('"${API_PORT}:80"', [8400]),
        ('"$API_PORT:80"', [8400]),
        ('"${NOWHERE}:80"', []),
    ],
)
def test_published_ports_are_proposed(entry: str, ports: list[int], tmp_path: Path):
    text = f"services:\n  web:\n    image: x\n    ports:\n      - {entry}\n"
    found = suggest(tmp_path, **{"compose.yml": text, ".env": "API_PORT=8400\n"})
    values = [each.value for each in found if "compose.yml" in each.origin]
    assert [value for value in values if value not in ports] == []
    assert [value for value in ports if value not in proposed(found).get("ports", [])] == []


def test_mounted_folders_are_proposed_where_they_are(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "certificate.pem").touch()
    found = suggest(tmp_path, **{"docker/docker-compose.yml": """
services:
  web:
    volumes:
      - ../data:/data
      - ../outputs:/outputs:rw
      - named:/var/lib
      - ../certificate.pem:/c.pem
      - /var/run/docker.sock:/var/run/docker.sock
      - {type: bind, source: ../data, target: /again}
volumes: {named: {}}
"""})  # fmt: skip
    assert proofs(found, "folders") == {"data": "", "outputs": "it is not there"}


def proofs(found: list[Suggestion], parameter: str) -> dict[str, str]:
    return {str(each.value): each.doubt for each in found if each.parameter == parameter}


def test_keys_that_compose_and_sources_cannot_do_without_are_proposed(tmp_path: Path):
    found = suggest(
        tmp_path,
        **{"compose.yml": "services:\n  db:\n    environment:\n"
                          "      - A=${POSTGRES_PASSWORD:?not set}\n      - B=${API_TOKEN:-none}\n"
                          "      - C=${DOMAIN?not set}\n",
           "app.py": "import os\nk = os.environ['OPENAI_API_KEY']\nos.environ['MY_TOKEN'] = '1'\n"
                     "x = os.environ.get('OTHER_KEY')\nhome = os.environ['HOME']\n"},
    )  # fmt: skip
    assert proposed(found) == {"keys": ["POSTGRES_PASSWORD", "OPENAI_API_KEY"]}
    assert {each.origin for each in found} == {"compose.yml", "app.py:2"}


def test_programs_of_dockerfiles_and_sources_are_proposed(tmp_path: Path):
    found = suggest(
        tmp_path,
        Dockerfile="FROM python\nRUN apt-get update && apt-get install -y --no-recommends \\\n"
                   "    ffmpeg=7.* libsndfile1 \\\n    sqlite3 && rm -rf /x\n",
        **{"app.py": """import shutil, subprocess, sys
subprocess.run(["sox", "a.wav"], check=True)
subprocess.run([sys.executable, "x.py"])
subprocess.run(["python", "x.py"])
shutil.which("espeak-ng")
try:
    subprocess.check_output(["git", "rev-parse"])
except OSError:
    pass
subprocess.run(["nvidia-smi"])
"""},
    )  # fmt: skip
    values = proposed(found)
    assert values["programs"] == ["ffmpeg", "sqlite3", "sox"]
    assert sorted(values["optional_programs"]) == ["espeak-ng", "git", "nvidia-smi"]


@pytest.mark.exhaustive
def test_databases_are_proposed_with_their_tables(tmp_path: Path):
    for name in ("data/app.db", "named.sqlite3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            connection.execute("CREATE TABLE topics (id)")
            connection.commit()
    (tmp_path / "not.db").write_text("text")
    found = suggest(
        tmp_path,
        **{".env.example": "DATABASE_URL=sqlite:///./data/app.db\nOTHER=postgres://x/y\n",
           "settings.py": "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', "
                          "'NAME': BASE / 'named.sqlite3'}}\n",
           "app.py": "import sqlite3\nsqlite3.connect('later.db')\n"},
    )  # fmt: skip
    assert proposed(found)["databases"] == [
        {"data/app.db": ["topics"]},
        {"named.sqlite3": ["topics"]},
    ]
    assert [each.value for each in found if each.doubt] == [{"later.db": []}]


def test_folders_of_settings_are_proposed_whatever_language_they_are_in(tmp_path: Path):
    for name in ("a", "b", "c", "d", "e"):
        (tmp_path / name).mkdir()
    found = suggest(
        tmp_path,
        **{"config/train.yaml": "data:\n  output_dir: a\n  name: b\n",
           "config.toml": "cache-dir='b'\n",
           "config.json": '{"paths": {"log_folder": "c"}}', ".env": "DATA_DIR=./d\n",
           "settings.py": "from pathlib import Path\nMEDIA_ROOT = Path(__file__).parent / 'e'\n"},
    )  # fmt: skip
    assert sorted(proposed(found)["folders"]) == ["a", "b", "c", "d", "e"]


def test_a_gpu_is_proposed_where_every_way_to_start_wants_one(tmp_path: Path):
    gpu = (
        "services:\n  a:\n    deploy: {resources: {reservations: {devices: [{driver: nvidia}]}}}\n"
    )
    assert proposed(suggest(tmp_path, **{"compose.yml": gpu})) == {"hardware": [{"gpu": 1}]}
    found = suggest(tmp_path, **{"compose.cpu.yml": "services:\n  a: {image: x}\n"})
    assert proofs(found, "hardware") == {"{'gpu': 1}": "another compose file does without"}


def test_broken_and_templated_files_propose_nothing(tmp_path: Path):
    found = suggest(
        tmp_path,
        **{"compose.yml": "services: [{{ cookiecutter }}\n", "x.json": "{", "a.yaml": "a: b: c",
           "y.toml": "=", "z.yml": "---\na: 1\n---\nb: 2\n", "broken.py": "def ("},
    )  # fmt: skip
    assert found == []


def test_nothing_is_written_and_no_secret_is_shown(tmp_path: Path):
    write_files(tmp_path, [(".env", "API_KEY=sk-live-secret\nDATA_DIR=data\n"), ("a.py", "")])
    before = fingerprint(tmp_path)
    assert "sk-live-secret" not in repr(suggest(tmp_path))
    assert fingerprint(tmp_path) == before


def test_a_free_port_is_free_and_one_in_use_is_not():
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        assert inspect_ports([number])[0].state == "in use"
    assert inspect_ports([number])[0].state == "free"


@pytest.mark.parametrize("number", [-1, 70000])
def test_a_number_that_is_no_port_is_said(number: int):
    assert inspect_ports([number])[0].state == "not a port"
