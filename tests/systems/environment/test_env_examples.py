"""Keys that an example of ``.env`` asks for are looked for; its defaults and options are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from accounts import write_files

from proofbook_systems.environment.keys.env_examples import find_example_keys, own_file
from proofbook_systems.environment.keys.project_keys import ProjectKeys, inspect_project_keys

SECRET = "sk-proj-4uN8qWfZ0Lr7"


def required(root: Path, text: str, name: str = ".env.example") -> dict[str, bool]:
    write_files(root, [(name, text)])
    return {key.name: key.required for key in find_example_keys(root)}


@pytest.mark.parametrize(
    "value",
    ["your-key-here", "your_openai_api_key", "<key>", "changeme", "changethis", "sk-...", "sk-xxxx",
     "fixme-postgres-password", "---", "REPLACE_WITH_YOUR_KEY", "insert-token", "{{ key }}", "TODO",
     "my-secret-key", "hf_your_token_here", "'your key'", "yourApiKey", "api_key", "xxxxx"],
)  # fmt: skip
def test_a_placeholder_asks_for_a_value(value: str, tmp_path: Path):
    assert required(tmp_path, f"ANY_NAME={value}\n") == {"ANY_NAME": True}


@pytest.mark.parametrize(
    "value",
    ["info", "8000", "localhost", "postgres", "True", "/data", "gpt-4o", "a@example.org",
     "https://here.example.org", "xxl", "everywhere"],
)  # fmt: skip
def test_a_default_asks_for_nothing(value: str, tmp_path: Path):
    assert required(tmp_path, f"API_KEY={value}\n") == {}


def test_an_empty_secret_asks_for_a_value_and_an_empty_setting_does_not(tmp_path: Path):
    assert required(tmp_path, "OPENAI_API_KEY=\nPROXY=\nHF_TOKEN=''\n") == {
        "OPENAI_API_KEY": True,
        "HF_TOKEN": True,
    }


def test_what_is_called_optional_is_until_the_next_empty_line(tmp_path: Path):
    text = "A_KEY=  # optional\n# Optional:\nB_KEY=<key>\nC_KEY=\n\nD_KEY=\n# E_KEY=<key>\n"
    assert required(tmp_path, text) == {
        "A_KEY": False, "B_KEY": False, "C_KEY": False, "D_KEY": True,
    }  # fmt: skip


def test_a_catalogue_of_empty_secrets_asks_for_its_placeholders_alone(tmp_path: Path):
    text = "SECRET_KEY=---\n" + "".join(f"SERVICE_{n}_TOKEN=\n" for n in range(12))
    found = required(tmp_path, text)
    assert [name for name, needed in found.items() if needed] == ["SECRET_KEY"]
    assert len(found) == 13


@pytest.mark.parametrize(
    ("example", "own"),
    [(".env.example", ".env"), ("env.example", ".env"), ("example.env", ".env"),
     (".env.dist", ".env"),
     (".env.production.template", ".env.production"), ("prod.env.example", "prod.env"),
     (".env-sample", ".env")],
)  # fmt: skip
def test_an_example_is_copied_to_its_own_name(example: str, own: str):
    assert own_file(Path("config") / example) == Path("config") / own


def look(root: Path, *names: str, env_file: str = "", **environ: str) -> ProjectKeys:
    return inspect_project_keys(root, names, env_file, environ)


def test_keys_are_looked_for_beside_their_example_and_in_the_environment(tmp_path: Path):
    write_files(tmp_path, [("config/.env.example", "A_KEY=<a>\nB_KEY=<b>\nC_KEY=<c>\nD_KEY=<d>\n"),
                           ("config/.env", f"A_KEY={SECRET}\nC_KEY=<c>\n")])  # fmt: skip
    found = look(tmp_path, B_KEY=SECRET)
    states = {key.name: key.state for key in found.needed}
    assert states == {
        "A_KEY": "present", "B_KEY": "present", "C_KEY": "placeholder", "D_KEY": "missing",
    }  # fmt: skip
    assert found.looked_in == "the environment and config/.env"
    assert SECRET not in repr(found)


def test_a_file_that_is_not_there_is_said(tmp_path: Path):
    write_files(tmp_path, [(".env.example", "A_KEY=<a>\n")])
    assert look(tmp_path).looked_in == "the environment and .env (which is not there)"


def test_options_that_are_unset_are_told_and_can_be_asked_for(tmp_path: Path):
    write_files(tmp_path, [(".env.example", "A_KEY=  # optional\nB_KEY= # optional\n"),
                           (".env", f"B_KEY={SECRET}\n")])  # fmt: skip
    assert look(tmp_path).unset_options == ("A_KEY",)
    asked = look(tmp_path, "A_KEY")
    assert ([key.state for key in asked.needed], asked.unset_options) == (["missing"], ())


def test_a_given_file_is_the_one_that_is_looked_in(tmp_path: Path):
    write_files(tmp_path, [(".env", "A_KEY=\n"), ("secrets/keys.env", f"A_KEY={SECRET}\n")])
    assert look(tmp_path, "A_KEY", env_file="secrets/keys.env").needed[0].state == "present"


def test_without_an_example_only_what_is_asked_for_is_looked_for(tmp_path: Path):
    write_files(tmp_path, [(".env", "SECRET_KEY=changethis\n")])
    assert look(tmp_path).needed == ()
