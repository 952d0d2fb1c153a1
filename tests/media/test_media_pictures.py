"""Images, plots and texts as evidence."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from proofbook.errors import SubjectError
from proofbook.media import Media, image, measure_image, plot, text


def facts(media: Media) -> dict[str, object]:
    return {fact.name: fact.value for fact in media.facts}


def gradient(height: int = 20, width: int = 30) -> np.ndarray:
    return np.tile(np.linspace(0, 1, width), (height, 1))


def test_an_array_is_stored_as_png_and_measured() -> None:
    media = image(gradient(), name="ramp", caption="a ramp", step=3)
    assert (media.kind, media.suffix, media.name, media.labels) == (
        "image",
        ".png",
        "ramp",
        {"step": 3},
    )
    assert isinstance(media.source, bytes)
    assert Image.open(io.BytesIO(media.source)).size == (30, 20)
    assert facts(media)["size"] == "30 × 20"  # noqa: RUF001 - the sign a reader sees
    assert facts(media)["blank"] == "no"
    assert facts(media)["brightness"] == pytest.approx(50, abs=0.5)


def test_a_png_file_is_kept_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 4), "red").save(path)
    media = image(path)
    assert (media.source, media.suffix, media.name) == (path, ".png", "a")


def test_a_file_that_browsers_cannot_show_is_stored_as_png(tmp_path: Path) -> None:
    path = tmp_path / "a.tiff"
    Image.new("CMYK", (8, 4)).save(path)
    media = image(path)
    assert isinstance(media.source, bytes)
    assert media.suffix == ".png"


@pytest.mark.parametrize("value", [0, 128, 255])
def test_one_flat_colour_is_blank(value: int) -> None:
    found = measure_image(np.full((9, 9, 3), value, dtype=np.uint8))
    assert found.blank
    assert found.black_share == (1.0 if value == 0 else 0.0)
    assert found.mean == pytest.approx(value / 255, abs=0.005)


def test_noise_is_not_blank() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    assert not measure_image(noise).blank


def test_half_black_is_reported_as_half() -> None:
    array = np.zeros((10, 10))
    array[:, 5:] = 1.0
    found = measure_image(array)
    assert (found.black_share, found.contrast) == (0.5, 0.5)


def test_nan_in_an_array_is_counted() -> None:
    array = gradient()
    array[0, :4] = np.nan
    assert facts(image(array))["NaN or infinite"] == 4


def test_a_pillow_image_is_taken_as_it_is() -> None:
    media = image(Image.new("RGBA", (3, 3), (1, 2, 3, 4)))
    assert facts(media)["mode"] == "RGBA"


@pytest.mark.parametrize("shape", [(3,), (4, 4, 2), (2, 4, 4, 3), (0, 4)])
def test_an_array_that_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SubjectError, match="array of shape"):
        image(np.zeros(shape))


def test_an_integer_array_that_is_not_bytes_is_refused() -> None:
    with pytest.raises(SubjectError, match="int64"):
        image(np.zeros((4, 4), dtype=np.int64))


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n broken"])
def test_a_file_that_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(SubjectError, match=r"a\.png: "):
        image(path)


def test_a_truncated_png_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:6000])
    with pytest.raises(SubjectError, match="not a picture that can be read"):
        image(path)


def test_a_figure_becomes_png_and_keeps_its_canvas() -> None:
    figure = Figure()
    canvas = figure.canvas
    figure.subplots().plot([1, 2, 3])
    media = plot(figure, name="loss", caption="loss over steps")
    assert (media.kind, media.suffix, media.name) == ("plot", ".png", "loss")
    assert isinstance(media.source, bytes)
    assert Image.open(io.BytesIO(media.source)).width > 100
    assert facts(media) == {"axes": 1}
    assert figure.canvas is canvas


def test_a_label_outside_of_the_figure_is_not_cut_off() -> None:
    def height(label: str) -> int:
        figure = Figure(figsize=(3, 1))
        figure.subplots().set_xlabel(label)
        source = plot(figure).source
        assert isinstance(source, bytes)
        return Image.open(io.BytesIO(source)).height

    assert height("steps") > height("")


def test_a_pyplot_figure_is_closed() -> None:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    axes.plot([1, 2])
    plot(figure)
    assert not pyplot.fignum_exists(figure.number)


def test_what_is_no_figure_or_an_empty_one_is_refused() -> None:
    with pytest.raises(SubjectError, match="needs a matplotlib Figure"):
        plot("figure")  # type: ignore[arg-type]
    with pytest.raises(SubjectError, match="nothing was plotted"):
        plot(Figure())


def test_a_string_becomes_a_text_file() -> None:
    media = text("one\ntwo ✓", name="script", suffix=".md", model="tiny")
    assert (media.kind, media.suffix, media.name) == ("text", ".md", "script")
    assert media.source == "one\ntwo ✓".encode()
    assert facts(media) == {"lines": 2, "characters": 9}


def test_a_text_file_keeps_its_suffix_where_it_is_known(tmp_path: Path) -> None:
    for name, kept in [("a.json", ".json"), ("b.yaml", ".txt")]:
        (tmp_path / name).write_text("{}")
        assert text(tmp_path / name).suffix == kept


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"ab\xff")
    with pytest.raises(SubjectError, match="byte 2"):
        text(path)


def test_a_lone_surrogate_can_be_stored() -> None:
    assert text("a\ud800").source == b"a\\ud800"
