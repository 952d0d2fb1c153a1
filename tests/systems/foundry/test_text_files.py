"""Texts in the forms that public corpora have: read, shortened, and written in their own form."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.foundry.changes import UNUSUAL, shorten_texts, write_unusual
from proofbook_systems.foundry.text_files import iterate_documents, write_text

TEXTS = [f"A king of France, number {number}:\u2028he did ride.\nHe did." for number in range(20)]


def _lines(texts: list[str]) -> str:
    return "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)


def _list(texts: list[str]) -> str:
    return json.dumps([{"story": text, "source": "ours"} for text in texts], indent=1)


NAMES: dict[str, Callable[[list[str]], str]] = {
    "x.jsonl": _lines, "x.json": _list, "strings.json": json.dumps, "lines.json": _lines,
    "x.jsonl.gz": _lines, "x.jsonl.zst": _lines, "x.json.xz": _list, "x.jsonl.bz2": _lines,
}  # fmt: skip


def made(folder: Path, name: str) -> Path:
    """Return a file of the texts, packed as its name says."""
    path = folder / name
    path.write_bytes(gzip.compress(b"") if name.endswith(".gz") else b"")
    plain = folder / "plain"
    plain.write_text(NAMES[name](TEXTS))
    if path.suffix in (".zst", ".xz", ".bz2", ".gz"):
        write_packed(path, plain.read_bytes())
    else:
        path.write_bytes(plain.read_bytes())
    plain.unlink()
    return path


def write_packed(path: Path, raw: bytes) -> None:
    """Pack with other code than that which is tested."""
    import pyarrow as pa

    if path.suffix == ".xz":
        import lzma

        path.write_bytes(lzma.compress(raw))
        return
    with pa.output_stream(str(path), compression="detect") as file:
        file.write(raw)


@pytest.mark.parametrize("name", NAMES)
def test_documents_of_each_form_are_read_and_shortened(name: str, tmp_path: Path) -> None:
    path = made(tmp_path, name)
    assert list(iterate_documents(path)) == TEXTS
    before = path.read_bytes()[:1]
    shorten_texts([path])
    assert list(iterate_documents(path)) == TEXTS[:18]
    assert path.read_bytes()[:1] == before


@pytest.mark.parametrize("kind", UNUSUAL)
@pytest.mark.parametrize("name", NAMES)
def test_unusual_texts_have_the_form_of_what_was_there(
    name: str, kind: str, tmp_path: Path
) -> None:
    path = made(tmp_path, name)
    write_unusual(kind, [path])
    found = list(iterate_documents(path))
    wanted = {"empty": 0, "single": 1, "short": 1, "unicode": 21}
    assert len(found) == wanted[kind]
    assert kind != "short" or found == ["A king of"]


def test_what_is_no_list_of_texts_is_refused_with_the_forms(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"texts": [1]}\n')
    with pytest.raises(SubjectError, match=r"JSON lines or a list .* text, content"):
        list(iterate_documents(tmp_path / "x.json"))


def test_a_text_is_written_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("[a text that begins as a list does]")
    write_text(path, "another")
    assert path.read_text() == "another"
