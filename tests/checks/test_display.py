"""What a notebook shows links media by hash, and escapes everything."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from proofbook.checks.display import (
    check_html,
    evidence_html,
    show_check,
    show_evidence,
    show_output,
    show_question,
    show_summary,
    summary_html,
)
from proofbook.records import Check, Evidence, Fact, MediaFile, Output, Question
from proofbook.values import short_words

WIDE = 'style="max-width:100%"'
HIGH = 'style="max-width:100%;max-height:28rem"'
MARK = "text-align:left;white-space:nowrap"
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


def test_a_clip_is_shown_with_its_views_its_caption_and_its_facts() -> None:
    shown = Evidence(
        name="clip",
        media_kind="audio",
        file=FILE,
        caption="a chord",
        facts=(Fact(name="rate", value=32000.0, unit="Hz"), Fact(name="peak", value=-1.23456)),
        views={"waveform": PICTURE},
    )
    assert evidence_html(shown, "m") == (
        f"<figure style='margin:0'>"
        f'<audio controls preload="metadata" src="m/{"a" * 64}.wav"></audio>'
        f'<br><img src="m/{"b" * 64}.png" alt="waveform" style="max-width:100%">'
        "<figcaption><b>a chord</b><br><small>rate 32,000 Hz · peak -1.235</small></figcaption>"
        "</figure>"
    )
    unnamed = shown.model_copy(update={"caption": "", "facts": (), "views": {}})
    assert evidence_html(unnamed, "m").endswith(
        "<b>clip</b><br><small></small></figcaption></figure>"
    )


@pytest.mark.parametrize(
    ("kind", "media_type", "element"),
    [
        ("video", "video/mp4", f'<video controls preload="metadata" src="{{}}" {HIGH}></video>'),
        ("plot", "image/png", f'<img src="{{}}" alt="" {WIDE}>'),
        ("text", "text/plain", f'<a href="{{}}">{html.escape(HOSTILE)}.wav</a>'),
    ],
)  # fmt: skip
def test_each_kind_has_an_element_that_plays_or_opens_it(
    kind: str, media_type: str, element: str
) -> None:
    shown = evidence(kind, FILE.model_copy(update={"media_type": media_type}))
    name = f"{'a' * 64}.wav"
    assert element.replace("{}", f"m/{name}", 1) in evidence_html(shown, "m")


FAILED = Check(
    name="duration", status="failed", expected="30 ± 0.5", actual=29.0, unit="s", why="too short"
)
SKIPPED = Check(name="gpu", status="skipped", expected="", reason="no GPU")


def test_a_check_is_one_line() -> None:
    assert check_html(FAILED) == (
        "<span style='color:#c0362c'>✗</span> duration <small>29 s (expected 30 ± 0.5)</small>"
    )
    assert check_html(SKIPPED) == "<span style='color:#777'>-</span> gpu <small>no GPU</small>"
    nothing = Check(name="a", status="failed", expected="3")
    assert check_html(nothing).endswith("a <small> (expected 3)</small>")


@pytest.mark.parametrize(
    ("status", "expected", "actual", "shown"),
    [
        ("passed", "''", "", "none"),
        ("passed", "none", [], "none"),
        ("passed", "exited with code 0", "exited with code 0", "exited with code 0"),
        ("passed", "3", 3, "3 s"),
        ("failed", "''", "it drifts", "it drifts s (expected none)"),
        ("failed", "nan", float("nan"), "nan s (expected nan)"),
        (
            "passed",
            "0.9890841588822128 ± 0.3649154938606652",
            1.0163,
            "1.016 s (expected 0.989084 ± 0.364915)",
        ),
    ],
)
def test_what_is_as_it_should_be_is_said_once_and_in_short(
    status: Any, expected: str, actual: JsonValue, shown: str
) -> None:
    unit = "" if shown in ("none", expected) else "s"
    check = Check(name="a", status=status, expected=expected, actual=actual, unit=unit)
    assert check_html(check).endswith(f"a <small>{shown}</small>")


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ("''", "none"),
        ("[]", "none"),
        ("{}", "none"),
        ("≤ 0.30000000000000004", "≤ 0.3"),
        ("≥ -1.23456789e-07", "≥ -1.23457e-07"),
        ("0.1234567 to 12345.678", "0.123457 to 12345.7"),
        ("≤ 123456789", "≤ 123456789"),
        ("≤ 1234567.8912", "≤ 1234567.8912"),
        ("0.30000000000000004", "0.30000000000000004"),  # it is to be that very number
        ("one of 0.1234567891, 2", "one of 0.1234567891, 2"),
        ("matches /1.23456789/", "matches /1.23456789/"),
        ("'none'", "'none'"),
        ("", ""),
    ],
)
def test_bounds_are_told_with_six_digits_and_all_else_as_it_is(expected: str, said: str) -> None:
    assert short_words(expected) == said


def test_the_table_has_a_row_a_check_and_the_faults_below() -> None:
    cell = "<td style='text-align:left'>"
    headings = "".join(
        f"<th style='text-align:left'>{name}</th>"
        for name in ("", "check", "expected", "actual", "why")
    )
    assert summary_html("demo/one", [FAILED, SKIPPED], ["thread <x> raised"]) == (
        f"<table><caption>demo/one</caption><thead><tr>{headings}</tr></thead><tbody>"
        f"<tr><td style='color:#c0362c;{MARK}'>✗ failed</td>{cell}duration</td>"
        f"{cell}30 ± 0.5 s</td>"
        f"{cell}29 s</td>{cell}too short</td></tr>"
        f"<tr><td style='color:#777;{MARK}'>- skipped</td>{cell}gpu</td>{cell}</td>{cell}</td>"
        f"{cell}no GPU</td></tr>"
        "</tbody></table><p style='color:#c0362c'>! thread &lt;x&gt; raised</p>"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [(True, "True"), ("x", "x"), (9_999, "9999"), (10_000, "10,000"), (-10_000.4, "-10,000"),
     (0.123456, "0.1235")],
)  # fmt: skip
def test_a_value_is_as_short_as_a_reader_needs_it(value: JsonValue, shown: str) -> None:
    check = Check(name="a", status="passed", expected="e", actual=value)
    assert f"<small>{shown} (expected e)</small>" in check_html(check)


Displayed = list[dict[str, str]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a/path", "→ model: a/path"),
        ({"a": [1]}, '→ model: {"a": [1]}'),
        ("x" * 200, f"→ model: {'x' * 200}"),
        ("x" * 201, f"→ model: {'x' * 200}…"),
    ],
)
def test_an_output_is_shown_in_part_where_it_is_long(
    displayed: Displayed, value: JsonValue, text: str
) -> None:
    show_output(Output(name="model", value=value))
    (bundle,) = displayed
    assert bundle["text/plain"] == text
    shown = html.escape(text.removeprefix("→ "))
    assert bundle["text/html"] == f"<b>→</b> {shown} <small>for other jobs</small>"


def test_a_question_says_that_it_waits(displayed: Displayed) -> None:
    show_question(Question(name="good", text="Is it <good>?"))
    assert displayed == [
        {
            "text/html": "<b>?</b> Is it &lt;good&gt;? <small>waits for a person</small>",
            "text/plain": "? Is it <good>?",
        }
    ]


def test_a_notebook_shows_what_the_functions_return(
    displayed: Displayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROOFBOOK_JOB_FOLDER", "x")
    show_check(FAILED)
    show_evidence(evidence(), Path("anywhere"))
    show_summary("demo/one", iter([FAILED, FAILED, SKIPPED]), ["late"])
    show_summary("demo/one", [])
    assert displayed == [
        {"text/html": check_html(FAILED), "text/plain": "✗ duration: failed"},
        {
            "text/html": evidence_html(evidence(), "../../media"),
            "text/plain": f"audio: {HOSTILE}",
        },
        {
            "text/html": summary_html("demo/one", [FAILED, FAILED, SKIPPED], ["late"]),
            "text/plain": "demo/one: 2 failed, 1 skipped\n! late",
        },
        {"text/html": summary_html("demo/one", []), "text/plain": "demo/one: no checks"},
    ]


def test_no_secret_is_displayed(displayed: Displayed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "Zq81xyzw42")
    show_check(Check(name="Zq81xyzw42", status="passed"))
    assert "[redacted:HF_TOKEN]" in displayed[0]["text/html"]
    assert displayed[0]["text/plain"] == "✓ [redacted:HF_TOKEN]: passed"


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
