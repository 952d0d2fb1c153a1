"""An exception is one line, with its notes."""

from __future__ import annotations

import pytest

from proofbook.checks.exceptions import describe


def test_an_exception_is_told_with_its_notes() -> None:
    error = ValueError("too short\nby two")
    assert describe(error) == "ValueError: too short by two"
    error.add_note("while reading\nrow 3")
    assert describe(error) == "ValueError: too short by two while reading row 3"
    with pytest.raises(SyntaxError) as caught:
        compile("a b", "x.py", "exec")
    assert describe(caught.value) == "SyntaxError: invalid syntax"


def test_an_exception_is_one_line_of_400_characters_at_most() -> None:
    assert describe(ValueError("a\n  b")) == "ValueError: a b"
    assert len(describe(ValueError("x" * 1000))) == 400
