"""A runbook's file becomes the notebook that is executed."""

from __future__ import annotations

import codecs
import json
from typing import Any

import nbformat
import pytest

from proofbook.runner.source import decode_notebook, load_source


def cell(source: str, *tags: str, **fields: object) -> dict[str, Any]:
    return {
        "cell_type": "code", "metadata": {"tags": list(tags)}, "source": source, "outputs": [],
        "execution_count": None, **fields,
    }  # fmt: skip


def text(*cells: dict[str, Any], minor: int = 5) -> str:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": minor})


@pytest.mark.parametrize(
    ("bom", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (b"", "utf-16-le"),
    ],
)
def test_every_encoding_of_json_is_read(bom: bytes, encoding: str) -> None:
    assert json.loads(decode_notebook(bom + '{"a": "é"}'.encode(encoding))) == {"a": "é"}


def test_no_injected_parameters_of_an_earlier_execution_stay() -> None:
    stale = cell("x = 1", "injected-parameters", id="old")
    source = text(cell("x: int = 0", "parameters", id="p"), stale, cell("print(x)", id="c"), stale)
    assert [c.source for c in load_source(source).cells] == ["x: int = 0", "print(x)"]


def test_missing_and_doubled_ids_become_the_same_at_each_execution() -> None:
    source = text(cell("1", id="a"), cell("2", id="a"), cell("3"), cell("4", id="a"), minor=4)
    loaded = load_source(source)
    assert [c.id for c in loaded.cells] == ["a", "a-2", "cell-2", "a-3"]
    nbformat.validate(loaded)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_old_format_is_converted(version: int) -> None:
    old = nbformat.convert(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), 3)
    old.nbformat = 3
    if version < 3:
        pytest.importorskip(f"nbformat.v{version}")
        old = json.loads(json.dumps(old))
        cells = [{"cell_type": "code", "input": "1", "outputs": [], "language": "python"}]
        old = (
            {"nbformat": 1, "cells": [{**cells[0], "code": "1"}]}
            if version == 1
            else {"nbformat": 2, "worksheets": [{"cells": cells}], "metadata": {"name": ""}}
        )
    loaded = load_source(json.dumps(old))
    assert loaded.nbformat == 4
    assert [c.source for c in loaded.cells] == ["1"]
