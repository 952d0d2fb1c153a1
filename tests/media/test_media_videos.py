"""Films are measured as they are, broken ones are refused, and a contact sheet is drawn."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from proofbook.errors import SubjectError
from proofbook.media import measure_video, video
from proofbook_subjects.checklists.films import write_film


def small(path: Path, **more: object) -> Path:
    return write_film(path, **{"width": 90, "height": 160, "seconds": 2.0, **more})  # type: ignore[arg-type]


def test_a_film_is_measured(tmp_path: Path) -> None:
    found = measure_video(small(tmp_path / "a.mp4"))
    assert (found.width, found.height, found.frames, found.codec) == (90, 160, 20, "h264")
    assert found.seconds == pytest.approx(2.0)
    assert found.rate == pytest.approx(10)
    assert found.black_share == 0
    assert found.frozen_seconds == 0
    assert found.sound is not None
    assert found.sound_seconds == pytest.approx(2.0, abs=0.1)
    assert found.sound.rms_dbfs == pytest.approx(-17, abs=1)


def test_a_picture_that_stands_and_a_missing_track_are_seen(tmp_path: Path) -> None:
    found = measure_video(small(tmp_path / "a.mp4", moving=False, sound=False))
    assert found.frozen_seconds == pytest.approx(1.9)
    assert (found.sound, found.sound_seconds) == (None, 0)


def test_black_pictures_are_counted(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "b.mp4"), "w") as container:
        stream = container.add_stream("h264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"  # type: ignore[attr-defined]
        for number in range(10):
            level = 0 if number < 5 else 200
            picture = np.full((64, 64, 3), level, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))  # type: ignore[attr-defined]
        container.mux(stream.encode())  # type: ignore[attr-defined]
    assert measure_video(tmp_path / "b.mp4").black_share == 0.5


@pytest.mark.exhaustive
def test_evidence_has_a_contact_sheet(tmp_path: Path) -> None:
    media = video(small(tmp_path / "film.mp4"), caption="a bar", take=3)
    assert (media.kind, media.name, media.suffix) == ("video", "film", ".mp4")
    sheet = Image.open(io.BytesIO(media.views["contact-sheet"]))
    assert sheet.size == (6 * 154, 2 * 271)
    assert {fact.name for fact in media.facts} >= {"duration", "size", "codec", "sound", "RMS"}


@pytest.mark.parametrize("damage", ["text", "cut", "sound"])
def test_what_is_no_film_is_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "x.mp4"
    if damage == "text":
        path.write_text("no film at all")
    elif damage == "cut":
        whole = small(path).read_bytes()
        path.write_bytes(whole[: len(whole) // 3])
    else:
        import soundfile

        path = tmp_path / "x.wav"
        soundfile.write(path, np.zeros(8000), 8000)
    with pytest.raises(SubjectError, match=rf"{path.name}: (not a film that can be|no pictures)"):
        measure_video(path)
    with pytest.raises(SubjectError, match="no such video file"):
        measure_video(tmp_path / "none.mp4")
