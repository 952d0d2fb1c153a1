"""What a notebook shows links media by hash, and escapes everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from proofbook.checks.display import check_html, evidence_html, show_check, summary_html
from proofbook.records import Check, Evidence, Fact, MediaFile

HOSTILE = "<script>alert(1)</script>\"'&"
FILE = MediaFile(sha256="a" * 64, suffix=".wav", size=3, media_type="audio/wav")
PICTURE = MediaFile(sha256="b" * 64, suffix=".png", size=3, media_type="image/png")


def evidence(kind: str = "audio", file: MediaFile = FILE) -> Evidence:
    return Evidence(
        name=HOSTILE,
        media_kind=kind,
        file=file,
        caption=HOSTILE,
        facts=(Fact(name=HOSTILE, value=HOSTILE, unit=HOSTILE), Fact(name="rate", value=32000.0)),
        views={"waveform": PICTURE},
    )


def test_a_clip_is_played_from_its_own_file() -> None:
    markup = evidence_html(evidence(), "../../media")
    assert f'<audio controls preload="metadata" src="../../media/{"a" * 64}.wav">' in markup
    assert f'src="../../media/{"b" * 64}.png"' in markup
    assert "32,000" in markup


@pytest.mark.parametrize(
    ("kind", "file", "tag"),
    [
        ("image", PICTURE, "<img"),
        ("video", FILE, "<video"),
        ("text", FILE.model_copy(update={"media_type": "text/plain"}), "<a href"),
    ],
)
def test_each_kind_has_its_element(kind: str, file: MediaFile, tag: str) -> None:
    assert tag in evidence_html(evidence(kind, file), "media")


def test_nothing_recorded_becomes_markup() -> None:
    check = Check(
        name=HOSTILE, status="failed", expected=HOSTILE, actual=HOSTILE, unit=HOSTILE, why=HOSTILE
    )
    for markup in (
        evidence_html(evidence(), "m"),
        check_html(check),
        summary_html(HOSTILE, [check]),
    ):
        assert "<script" not in markup


def test_a_check_says_what_was_found_and_expected() -> None:
    check = Check(name="duration", status="failed", expected="30 ± 0.5", actual=29.0, unit="s")
    assert "29 s (expected 30 ± 0.5)" in check_html(check)
    skipped = Check(name="gpu", status="skipped", reason="no GPU")
    assert "no GPU" in check_html(skipped)


def test_outside_of_a_notebook_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show_check(Check(name="one", status="passed"))
    assert capsys.readouterr().out == ""


def test_the_link_outside_of_a_run_is_relative_to_the_kernels_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from proofbook.checks.display import _link

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PROOFBOOK_JOB_FOLDER", raising=False)
    assert _link(tmp_path.parent / "media") == "../media"
    monkeypatch.setenv("PROOFBOOK_JOB_FOLDER", "x")
    assert _link(tmp_path / "elsewhere") == "../../media"
