"""A full disk is one line, wherever it is met, and leaves nothing that is half."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.cli import main
from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.data.corpora import write_texts
from proofbook_subjects.foundry.disk import explain_disk
from proofbook_subjects.foundry.tokenizers.hugging_face import HuggingFaceTokenizer
from proofbook_subjects.foundry.trainer import train
from proofbook_subjects.foundry.writing import write_corpus

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
]
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "x", "a.bin"), "a file a.bin cannot be written: No space left"),
        (OSError(errno.ENOSPC, "x"), "a file in out cannot be written: No space left"),
        (OSError(errno.EDQUOT, "x"), "quota exceeded; make room"),
        (OSError(errno.EFBIG, "x"), "File too large; raise the limit"),
        (OSError(errno.EROFS, "x"), "Read-only file system; give another folder"),
        (PermissionError(errno.EACCES, "x", "b"), "file b cannot be written: Permission denied"),
        (Exception("No space left on device (os error 28)"), "in out cannot be written: No space"),
    ],
)
def test_what_a_disk_refuses_is_one_line(error: Exception, words: str) -> None:
    with pytest.raises(SubjectError, match=words), explain_disk(Path("out")):
        raise error


@pytest.mark.parametrize("error", [OSError(errno.ENOENT, "x"), KeyError("x"), Exception("os 28")])
def test_another_error_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, explain_disk():
        raise error
    assert caught.value is error


@needs_full
def test_a_log_that_takes_no_line_ends_the_training(
    make: Callable[..., ExperimentConfig], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make()
    logs = Path(config.training.output_dir) / "logs"
    logs.mkdir(parents=True)
    (logs / "test.log").symlink_to(FULL)
    with pytest.raises(SubjectError, match="cannot be written: No space left on device"):
        train(config, project)
    assert "Traceback" not in capsys.readouterr().err


def test_a_tokenizer_is_there_whole_or_not_at_all(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    write_corpus(tmp_path / "texts", 4, 5)
    config = tmp_path / "c.yaml"
    config.write_text(yaml.safe_dump(values))
    words = ["train-tokenizer", "--config", str(config), "--project", str(tmp_path)]

    def full(self: object, folder: Path) -> None:
        folder.mkdir()
        (folder / "tokenizer.json").write_text('{"half')
        raise Exception("No space left on device (os error 28)")

    with monkeypatch.context() as patched:
        patched.setattr(HuggingFaceTokenizer, "save_pretrained", full)
        assert main(words) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "No space left on device" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.yaml", "texts"]
    assert main(words) == 0
    assert (tmp_path / "tokenizer" / "tokenizer.json").is_file()


def test_texts_that_cannot_be_written_leave_nothing(tmp_path: Path) -> None:
    def texts() -> Any:
        yield "one"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_texts(texts(), tmp_path / "a.jsonl")
    assert [*tmp_path.iterdir()] == []
