"""No other cell may set parameters again after those that were asked for."""

from __future__ import annotations

import nbformat
import pytest

from proofbook.errors import UsageError
from proofbook.runner.injection import refuse_other_parameters


def notebook(*tags: str, asked: bool = True) -> nbformat.NotebookNode:
    """Return a notebook with a cell for each tag, named by its place."""
    cells = [
        nbformat.v4.new_code_cell("x = 1", id=f"{i}-{tag}", metadata={"tags": [tag]} if tag else {})
        for i, tag in enumerate(tags)
    ]
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata["papermill"] = {"parameters": {"x": 2} if asked else {}}
    return made


P, I = "parameters", "injected-parameters"  # noqa: E741


@pytest.mark.parametrize("tags", [(P, I), (P, "", I, ""), (I,), (P,), ("",), (P, "", P), (P, I, P)])
def test_one_cell_after_the_defaults_may_set_parameters(tags: tuple[str, ...]) -> None:
    refuse_other_parameters(notebook(*tags))


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ((P, I, "", I), f"cell 3-{I}, tagged {I},"),
        ((I, P), f"cell 1-{P}, tagged {P},"),
        ((I, P, I), f"cell 1-{P}, tagged {P},"),
        ((I, "", I, P), f"cell 2-{I}, tagged {I},"),
    ],
)
def test_another_one_is_named(tags: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        refuse_other_parameters(notebook(*tags))


@pytest.mark.parametrize("tags", [(P, I, I), (I, P)])
def test_where_nothing_was_asked_for_nothing_is_undone(tags: tuple[str, ...]) -> None:
    refuse_other_parameters(notebook(*tags, asked=False))
    bare = notebook(*tags)
    del bare.metadata["papermill"]
    refuse_other_parameters(bare)
