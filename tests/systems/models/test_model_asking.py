"""What a model's own error says about the inputs that it misses."""

from __future__ import annotations

import pytest

from proofbook_systems.models.asking import Asked, read_counts, read_error


class Reader:
    """Takes words, pictures and sounds."""

    def forward(
        self, input_ids: object, visual_feats: object = None, input_values: object = None
    ) -> None:
        """Read them."""


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (ValueError("`visual_feats` cannot be `None`"), Asked(("visual_feats",), ())),
        (TypeError("missing 1 required positional argument: 'input_values'"),
         Asked(("input_values",), ())),
        (ValueError("cannot specify both input_ids and visual_feats at the same time"),
         Asked((), ("input_ids", "visual_feats"))),
        (RuntimeError("`visual_feats` cannot be `None`"), Asked((), ())),
        (ValueError("odd: visual_feats"), Asked((), ())),
    ],
)  # fmt: skip
def test_an_error_names_what_is_missing(error: Exception, asked: Asked) -> None:
    given = ["input_ids", "visual_feats"] if asked.less else ["input_ids"]
    assert read_error(error, Reader(), given) == asked


def test_an_error_counts_places() -> None:
    words = "Image features and image tokens do not match, tokens: 0, features: 16"
    assert read_counts(ValueError(words)) == ("image", 16)
    assert read_counts(ValueError("something else: 3")) is None
