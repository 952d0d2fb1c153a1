"""``musicgen/generate``: green on a sound model, red on each broken one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from runbook_defaults import config_of

from proofbook.errors import ChecksFailed, SubjectError
from proofbook_systems.musicgen.clips import write_wav

NAME = "musicgen/generate"
LAST_WEIGHT = "audio_encoder.decoder.layers.15.conv.parametrizations.weight.original0"
LAST_BIAS = "audio_encoder.decoder.layers.15.conv.bias"


@pytest.mark.parametrize(
    "wrong", [{"duration": 0}, {"device": "gpu"}, {"guidance_scale": 0.5}, {"modle": "x"}]
)
def test_parameters_out_of_bounds_are_refused(wrong: dict[str, Any]):
    with pytest.raises(ValidationError):
        config_of(NAME, **wrong)


@pytest.mark.slow
def test_the_reference_is_green_and_leaves_clip_log_and_question(
    run_cells: Callable[..., Any], reference: Path, tmp_path: Path
):
    done = run_cells(NAME, model=str(reference), output_dir=str(tmp_path / "out"))
    assert done.error is None
    assert done.red == []
    assert not any(check.status == "skipped" for check in done.checks.values())
    kinds = [record.kind for record in done.records]
    assert (kinds.count("evidence"), kinds.count("question"), kinds[-1]) == (2, 1, "finish")
    metrics = {r.name: r.value for r in done.records if r.kind == "metric"}
    assert metrics["tokens_per_second"] > 0
    assert metrics["real_time_factor"] > 0
    assert {"load_seconds", "load_memory", "generate_memory"} <= set(metrics)
    assert {p.suffix for p in (tmp_path / "out").iterdir()} == {".wav", ".log"}


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "red"),
    [
        (lambda t: t[LAST_WEIGHT].zero_(), ["audible"]),
        (lambda t: t[LAST_WEIGHT].mul_(100), ["within-full-scale"]),
        (lambda t: t[LAST_BIAS].fill_(1.5), ["within-full-scale", "no-dc-offset"]),
        (lambda t: t[LAST_BIAS].fill_(0.2), ["no-dc-offset"]),
        (lambda t: t[LAST_BIAS].fill_(float("nan")), ["no-broken-samples"]),
    ],
    ids=["silent", "too loud", "clipped", "offset", "nan"],
)
def test_a_model_with_a_broken_codec_is_red(
    run_cells: Callable[..., Any], rewrite: Callable[..., Path], change: Any, red: list[str]
):
    done = run_cells(NAME, model=str(rewrite(change)), duration=1.0)
    assert set(red) <= set(done.red)
    assert isinstance(done.error, ChecksFailed)


@pytest.mark.slow
def test_weights_that_are_not_all_there_stop_the_runbook(
    run_cells: Callable[..., Any], rewrite: Callable[..., Path]
):
    folder = rewrite(lambda tensors: tensors.pop("decoder.lm_heads.0.weight"))
    done = run_cells(NAME, model=str(folder))
    assert done.red == ["weights-complete"]
    assert isinstance(done.error, ChecksFailed)


def test_a_truncated_model_stops_with_the_name_of_the_file(
    run_cells: Callable[..., Any], folder: Path
):
    os.truncate(folder / "model.safetensors", 1000)
    done = run_cells(NAME, model=str(folder))
    assert isinstance(done.error, SubjectError)
    assert "model.safetensors is truncated" in str(done.error)
    assert [record.kind for record in done.records] == ["begin"]


def test_a_model_that_does_not_exist_stops_with_one_line(run_cells: Callable[..., Any]):
    done = run_cells(NAME, model="/no/such/model")
    assert isinstance(done.error, SubjectError)
    assert "/no/such/model does not exist" in str(done.error)


@pytest.mark.slow
def test_a_traceback_in_the_log_is_red(run_cells: Callable[..., Any], reference: Path):
    def spoil(names: dict[str, Any]) -> None:
        with names["log"].open("a") as file:
            file.write("Traceback (most recent call last):\n  File x\nOSError: lost\n")

    done = run_cells(NAME, after={"generate": spoil}, model=str(reference), duration=1.0)
    assert done.red == ["log-without-traceback"]


@pytest.mark.slow
def test_a_clip_of_another_length_is_red(run_cells: Callable[..., Any], reference: Path):
    def shorten(names: dict[str, Any]) -> None:
        clip, wav = names["takes_made"][1]
        object.__setattr__(clip, "samples", np.ascontiguousarray(clip.samples[:16_000]))
        write_wav(clip, wav)

    done = run_cells(NAME, after={"generate": shorten}, model=str(reference), duration=1.0)
    assert done.red == ["duration"]


@pytest.mark.slow
def test_a_clip_that_was_not_written_is_red(run_cells: Callable[..., Any], reference: Path):
    remove = {"generate": lambda names: names["takes_made"][1][1].unlink()}
    done = run_cells(NAME, after=remove, model=str(reference), duration=0.5)
    assert done.red == ["wav-exists"]


@pytest.mark.slow
def test_a_clip_too_short_for_loudness_skips_that_check_with_a_reason(
    run_cells: Callable[..., Any], reference: Path
):
    done = run_cells(NAME, model=str(reference), duration=0.3)
    assert done.checks["loudness"].status == "skipped"
    assert "0.4 s" in done.checks["loudness"].reason
    assert done.error is None


@pytest.mark.exhaustive
@pytest.mark.slow
def test_every_clip_of_a_batch_has_its_own_file_checks_and_question(
    run_cells: Callable[..., Any], reference: Path, tmp_path: Path
):
    done = run_cells(NAME, model=str(reference), duration=1.0, prompts=["a drum beat"], takes=2,
                     output_dir=str(tmp_path / "out"))  # fmt: skip
    assert (done.error, done.red) == (None, [])
    assert len(list((tmp_path / "out").glob("out_*.wav"))) == 4
    assert {"duration", "duration-2", "audible-4"} <= set(done.checks)
    questions = [record.text for record in done.records if record.kind == "question"]
    assert [text.endswith("a drum beat?") for text in questions] == [False, False, True, True]


@pytest.mark.slow
def test_a_clip_that_its_seed_does_not_bring_back_is_red(
    run_cells: Callable[..., Any], reference: Path
):
    def disturb(names: dict[str, Any]) -> None:
        import torch

        noise = torch.Generator().manual_seed(1)
        head = names["loaded"].network.decoder.lm_heads[0]
        head.register_forward_hook(
            lambda _module, _inputs, scores: scores + torch.randn(scores.shape, generator=noise)
        )

    done = run_cells(NAME, after={"load": disturb}, model=str(reference), duration=0.4, takes=2)
    assert done.red == ["repeatable"]
    assert done.checks["repeatable"].actual == [1, 2]


@pytest.mark.slow
def test_only_the_clip_of_a_batch_that_does_not_come_back_is_named(
    run_cells: Callable[..., Any], reference: Path
):
    def change(names: dict[str, Any]) -> None:
        names["batch"][1].tokens[0, 0] += 1

    done = run_cells(NAME, after={"generate": change}, model=str(reference), duration=0.4, takes=2)
    assert done.red == ["repeatable"]
    assert done.checks["repeatable"].actual == [2]


@pytest.mark.slow
def test_an_empty_clip_is_red(run_cells: Callable[..., Any], reference: Path):
    empty = {"generate": lambda names: os.truncate(names["takes_made"][1][1], 0)}
    done = run_cells(NAME, after=empty, model=str(reference), duration=0.4)
    assert done.red == ["wav-not-empty"]


@pytest.mark.slow
def test_memory_that_nothing_tells_is_not_measured_as_nothing(
    run_cells: Callable[..., Any], reference: Path
):
    def forget(names: dict[str, Any]) -> None:
        for each in ("loading", "generating"):
            if each in names:
                names[each].known = False

    hooks = {"load": forget, "generate": forget}
    done = run_cells(NAME, after=hooks, model=str(reference), duration=0.4)
    metrics = {record.name for record in done.records if record.kind == "metric"}
    assert "tokens_per_second" in metrics
    assert not {name for name in metrics if "memory" in name}


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_silent_clip_in_a_batch_is_red_by_its_number(
    run_cells: Callable[..., Any], reference: Path
):
    def mute(names: dict[str, Any]) -> None:
        clip, wav = names["takes_made"][2]
        object.__setattr__(clip, "samples", np.zeros_like(clip.samples))
        write_wav(clip, wav)

    done = run_cells(NAME, after={"generate": mute}, model=str(reference), duration=1.0, takes=2)
    assert done.red == ["audible-2"]


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "red"),
    [
        (lambda x: np.concatenate([x[:16_000], *[x[16_000:16_640]] * 25]), ["no-repeats"]),
        (lambda x: np.where(np.arange(len(x))[:, None] % 700 < 500, x, 0), ["whole"]),
        (lambda x: np.random.default_rng(1).normal(0, 0.1, x.shape), ["not-noise"]),
        (lambda x: np.repeat(x, 2, axis=1), ["channels"]),
        (lambda x: np.round(x * 256) / 256, ["full-quality"]),
    ],
    ids=["stuck", "gaps", "noise", "two channels", "few bits"],
)
def test_a_clip_that_a_listener_would_object_to_is_red_for_that_alone(
    run_cells: Callable[..., Any], reference: Path, spoil: Callable[[Any], Any], red: list[str]
):
    def apply(names: dict[str, Any]) -> None:
        clip, wav = names["takes_made"][1]
        samples = np.ascontiguousarray(spoil(clip.samples), dtype=np.float32)
        object.__setattr__(clip, "samples", samples)
        write_wav(clip, wav)

    done = run_cells(NAME, after={"generate": apply}, model=str(reference), duration=1.0)
    assert done.red == red


@pytest.mark.slow
def test_a_limit_that_does_not_exist_stops_with_the_names_of_those_that_do(
    run_cells: Callable[..., Any], reference: Path
):
    done = run_cells(NAME, model=str(reference), duration=0.4, audio_limits={"click": 1.0})
    assert isinstance(done.error, SubjectError)
    assert "no audio limit 'click'; there are quietest, " in str(done.error)
