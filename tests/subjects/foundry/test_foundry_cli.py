"""Every command does its part, and a mistake is one line with exit code 1."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from proofbook_subjects.foundry.cli import main
from proofbook_subjects.foundry.data.corpora import clean_texts, read_texts
from proofbook_subjects.foundry.writing import write_corpus, write_stories

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
]

Run = Callable[..., str]


@pytest.fixture
def config(values: dict[str, Any], tmp_path: Path) -> Path:
    write_corpus(tmp_path / "raw", 6, 2)
    values["data"] |= {"source_corpus": "raw", "training_corpus": "data/clean.jsonl"}
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command and returns what it prints."""

    def act(name: str, *more: str, code: int = 0) -> str:
        words = [name, "--config", str(config), "--project", str(config.parent), *more]
        assert main(words) == code
        captured = capsys.readouterr()
        return captured.out if code == 0 else captured.err

    return act


def test_the_commands_one_after_the_other(run: Run, config: Path) -> None:
    place = config.parent
    assert "6 documents" in run("preprocess")
    assert "300 tokens" in run("train-tokenizer")
    assert "c_tokenized" not in run("tokenize-dataset")
    assert (place / "data" / "clean_tokenized" / "state.json").exists()
    counted = run("preprocess-data")
    assert "chunk_length: 16" in counted and "dropped: 0" in counted
    output = place / "planned.yaml"
    assert "checkpoint_schedule: [1, 2, 3, 4, 5, 6]" in run(
        "generate-checkpoints", "--output", str(output)
    )
    assert yaml.safe_load(output.read_text())["training"]["checkpoint_schedule"][-1] == 6
    assert "checkpoints: none" in run("info")
    assert "Saved model" in run("run", "--train-steps", "4", "--output-dir", "out")
    assert (place / "out" / "checkpoint-4" / "manifest.json").exists()
    assert "Resuming from step 4" in run("run", "--train-steps", "4", "--output-dir", "out",
                                         "--resume")  # fmt: skip


@pytest.mark.parametrize("name", ["tokenize-dataset", "preprocess-data"])
def test_a_tokenizer_that_is_not_there_is_trained_first(run: Run, name: str) -> None:
    run("preprocess")
    assert "300 tokens" in run(name)


def test_a_config_is_validated(run: Run) -> None:
    assert "valid, test" in run("validate-config")


def test_info_names_sizes_and_writes_nothing(run: Run, config: Path) -> None:
    before = sorted(config.parent.rglob("*"))
    said = run("info")
    assert "model: gpt2, " in said and "parameters" in said and "(not there yet)" in said
    assert sorted(config.parent.rglob("*")) == before


def test_an_invalid_config_is_one_line(config: Path, run: Run) -> None:
    config.write_text(config.read_text().replace("vocab_size: 300", "vocab_size: -300"))
    said = run("validate-config", code=1)
    assert said.count("\n") == 1
    assert said.startswith("foundry: ") and "tokenizer.vocab_size" in said


@pytest.mark.exhaustive
def test_a_model_that_fits_no_memory_is_one_line(config: Path, run: Run) -> None:
    values = yaml.safe_load(config.read_text())
    values["model"] |= {"hidden_size": 2**21, "embedding_size": 2**21}
    del values["model"]["intermediate_hidden_size"]
    config.write_text(yaml.safe_dump(values))
    said = run("info", code=1)
    assert said.startswith("foundry: out of memory") and said.count("\n") == 1


@pytest.mark.parametrize("name", ["run", "preprocess", "tokenize-dataset", "info"])
def test_a_missing_config_is_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--config", str(tmp_path / "none.yaml")]) == 1
    assert "does not exist; give the experiment's YAML file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["train-tokenizer", "tokenize-dataset", "preprocess-data"])
def test_a_missing_corpus_is_one_line(run: Run, name: str) -> None:
    assert "does not exist" in run(name, code=1)


@pytest.mark.parametrize("words", [[], ["dance"], ["run"]])
def test_a_wrong_command_line_says_how_it_is_used(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: foundry" in capsys.readouterr().err


def with_program(config: Path, *words: str) -> None:
    values = yaml.safe_load(config.read_text())
    values["data"]["preprocess_command"] = list(words)
    config.write_text(yaml.safe_dump(values))


def test_a_program_of_ones_own_can_preprocess(run: Run, config: Path) -> None:
    code = "import pathlib, sys; p = pathlib.Path(sys.argv[2]); p.parent.mkdir(); " \
           "p.write_text('{\"text\": \"own\"}')"  # fmt: skip
    with_program(config, sys.executable, "-c", code, "{source}", "{target}")
    run("preprocess")
    assert [*read_texts(config.parent / "data" / "clean.jsonl")] == ["own"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([sys.executable, "-c", "raise SystemExit('no such corpus')"], "1: no such corpus"),
        ([sys.executable, "-c", "raise SystemExit(3)"], "ended with 3: it printed nothing"),
        (["no-such-program"], "cannot be started"),
        ([sys.executable, "-c", "pass"], "does not exist; run preprocess"),
    ],
)
def test_a_program_that_fails_is_one_line(
    run: Run, config: Path, words: list[str], said: str
) -> None:
    with_program(config, *words)
    assert said in run("preprocess", code=1)


def test_a_corpus_may_be_its_own_source(config: Path, run: Run) -> None:
    values = yaml.safe_load(config.read_text())
    values["data"]["training_corpus"] = "raw"
    config.write_text(yaml.safe_dump(values))
    assert "its own source" in run("preprocess")


def test_it_is_a_program(config: Path) -> None:
    script = Path(main.__code__.co_filename).parent / "scripts" / "foundry.py"
    done = subprocess.run(
        [sys.executable, str(script), "validate-config", "--config", str(config)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "valid, test" in done.stdout


def test_a_config_is_refused_before_a_model_library_is_loaded(config: Path) -> None:
    code = (
        "import sys; from proofbook_subjects.foundry.cli import main; "
        f"main(['validate-config', '--config', {str(config)!r}]); "
        "print({'torch', 'transformers', 'datasets'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")


def test_texts_are_cleaned_in_the_order_of_the_steps() -> None:
    given = ["a  b", "a b", " ", "e\u0301"]
    assert [*clean_texts(iter(given), ("unicode", "spaces", "empty", "duplicates"))] == [
        "a b", "\u00e9",
    ]  # fmt: skip
    assert [*clean_texts(iter(given), ())] == given


def test_texts_are_read_from_lines_and_objects(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("one\n\n  two\n")
    (tmp_path / "a.jsonl").write_text('{"text": "first\\nline"}\n')
    (tmp_path / ".hidden.txt").write_text("no")
    (tmp_path / "c.csv").write_text("no")
    assert [*read_texts(tmp_path)] == ["first\nline", "one", "  two"]
    assert [*read_texts(tmp_path / "b.txt")] == ["one", "  two"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", b'{"text": 1}', r"a.jsonl:1: 'text' is no string"),
        ("a.jsonl", b'{"words": "x"}', r"a.jsonl:1 is no JSON object with the key"),
        ("a.jsonl", b"{", r"a.jsonl:1 is no JSON"),
        ("a.txt", b"\xff\xfe", "is not UTF-8"),
        ("a.csv", b"x", "has no .txt or .jsonl file"),
    ],
)
def test_texts_that_cannot_be_read_are_named(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    from proofbook.errors import SubjectError

    (tmp_path / name).write_bytes(content)
    with pytest.raises(SubjectError, match=words):
        [*read_texts(tmp_path)]


def test_written_texts_follow_from_their_seed() -> None:
    assert [*write_stories(5, 1)] == [*write_stories(5, 1)] != [*write_stories(5, 2)]
