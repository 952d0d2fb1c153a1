"""Whatever file a person names for a review or a verification: a device is refused in one line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from proofbook.errors import UsageError
from proofbook.signoff.anchors import read_anchor
from proofbook.signoff.certificates import read_authorities
from proofbook.signoff.importing import import_answers
from proofbook.signoff.signers import read_signers
from proofbook.signoff.signing import load_key
from proofbook.signoff.timestamps import holds_stamps, read_stamps

READERS: dict[str, Callable[[Path], object]] = {
    "signers": read_signers,
    "key": load_key,
    "authorities": read_authorities,
    "anchor": lambda path: read_anchor(str(path), path, path.parent),
    "export": lambda path: import_answers(cast("Any", None), path),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("name", "problem"),
    [("/dev/zero", "it is a device, and no file"), ("/tmp", "Is a directory")],
)
def test_what_is_no_file_is_refused_in_one_line(reader: str, name: str, problem: str) -> None:
    with pytest.raises(UsageError, match=re.escape(problem)) as caught:
        READERS[reader](Path(name))
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize("reader", READERS)
def test_what_is_far_too_large_is_refused_in_one_line(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    with pytest.raises(UsageError, match="it is larger than 64 MB"):
        READERS[reader](path)


def test_a_device_holds_no_timestamps() -> None:
    assert not holds_stamps(Path("/dev/zero"))
    with pytest.raises(OSError, match="it is a device"):
        read_stamps(Path("/dev/zero"))
