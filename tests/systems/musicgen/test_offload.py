"""A model spread over memory and disk keeps to its budget and computes the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from proofbook.errors import SubjectError
from proofbook_systems.musicgen import generation, offload
from proofbook_systems.musicgen.memory import AnonymousPeak
from proofbook_systems.musicgen.subject import find_model


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GiB", 4 * 2**30), ("500 MB", 500_000_000), ("12", 12), ("50%", 500), ("1.5kB", 1500),
     ("2ki", 2048), ("0", 0)],
)  # fmt: skip
def test_budgets_are_sizes_or_shares(text: str, size: int):
    assert offload.parse_budget(text, 1000) == size


@pytest.mark.parametrize("text", ["", "half", "-1GB", "4 GiB of it", "GiB", "1e9"])
def test_what_is_no_size_is_named(text: str):
    with pytest.raises(SubjectError, match="is not a size; write 4GiB"):
        offload.parse_budget(text, 1000)


def test_what_does_not_fit_goes_to_the_disk(reference: Path):
    whole = offload.place(reference, cpu="100%")
    half = offload.place(reference, cpu="60%")
    assert whole.bytes_by_device == {"cpu": whole.model_bytes}
    assert set(half.bytes_by_device) == {"cpu", "disk"}
    assert half.bytes_by_device["cpu"] <= 0.6 * half.model_bytes
    assert sum(half.bytes_by_device.values()) == half.model_bytes
    assert not any(".layers.0." in name for name in half.device_map)


@pytest.mark.exhaustive
def test_half_precision_needs_half_of_it(reference: Path):
    single, half = (offload.place(reference, cpu="100%", dtype=d) for d in ("float32", "float16"))
    assert half.model_bytes == pytest.approx(single.model_bytes / 2, rel=0.01)


def test_the_codec_stays_on_the_cpu_if_asked(reference: Path):
    placed = offload.place(reference, cpu="60%", codec_on_cpu=True)
    assert placed.device_map["audio_encoder"] == "cpu"
    with pytest.raises(SubjectError, match=r"the codec needs .* raise the budget"):
        offload.place(reference, cpu="1kB", codec_on_cpu=True)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("cpu", "codec_on_cpu"), [("60%", True), ("100%", True), ("200%", True), ("30%", False)]
)
def test_no_budget_names_a_module_or_counts_a_byte_twice(
    reference: Path, cpu: str, codec_on_cpu: bool
):
    placed = offload.place(reference, cpu=cpu, codec_on_cpu=codec_on_cpu)
    size = placed.model_bytes
    names = sorted(placed.device_map)
    inside = [n for n in names for other in names
              if n != other and (not other or n.startswith(f"{other}."))]  # fmt: skip
    assert inside == []
    assert sum(placed.bytes_by_device.values()) == size
    assert placed.bytes_by_device.get("cpu", 0) <= offload.parse_budget(cpu, size)


def test_a_codec_on_the_cpu_and_all_else_on_the_disk_are_placed_apart(reference: Path):
    with pytest.raises(SubjectError) as refused:
        offload.place(reference, cpu="1kB", codec_on_cpu=True)
    (codec,) = re.findall(r"the codec needs ([\d,]+) bytes", str(refused.value))
    placed = offload.place(reference, cpu=codec.replace(",", ""), codec_on_cpu=True)
    assert placed.device_map["audio_encoder"] == "cpu"
    assert {v for k, v in placed.device_map.items() if k != "audio_encoder"} == {"disk"}
    assert sum(placed.bytes_by_device.values()) == placed.model_bytes


@pytest.mark.exhaustive
@pytest.mark.slow
def test_budgeted_and_whole_generate_the_same_bits(reference: Path, tmp_path: Path):
    found = find_model(str(reference))
    placed = offload.place(reference, cpu="40%")
    spread = generation.load(found, device_map=placed.device_map, offload_folder=tmp_path)
    assert offload.stranded_weights(spread.network) == []
    assert any(p.is_meta for p in spread.network.parameters())
    whole = generation.load(found, "cpu")
    first, second = (generation.generate(m, "a song", 0.3, seed=5) for m in (spread, whole))
    assert np.array_equal(first.tokens, second.tokens)
    assert np.array_equal(first.samples, second.samples)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_weight_that_nothing_brings_in_is_named(reference: Path, tmp_path: Path):
    placed = offload.place(reference, cpu="40%")
    model = generation.load(
        find_model(str(reference)), device_map=placed.device_map, offload_folder=tmp_path
    )
    model.network.decoder.lm_heads[2]._hf_hook.weights_map = None
    assert offload.stranded_weights(model.network) == ["decoder.lm_heads.2.weight"]


def test_a_peak_is_seen_although_it_has_passed():
    with AnonymousPeak() as watched:
        block = torch.ones(50_000_000, dtype=torch.uint8)
        del block
    assert watched.known
    assert watched.added > 40_000_000
    with AnonymousPeak() as quiet:
        pass
    assert quiet.added < 10_000_000


_FRESH = """
from proofbook_systems.musicgen.memory import AnonymousPeak, load_libraries
{prepare}
with AnonymousPeak() as watched:
    from transformers import MusicgenForConditionalGeneration
    import accelerate
print(watched.added)
"""


@pytest.mark.exhaustive
@pytest.mark.slow
def test_libraries_are_not_counted_as_a_models():
    def added(prepare: str) -> int:
        command = [sys.executable, "-c", _FRESH.format(prepare=prepare)]
        return int(subprocess.run(command, check=True, capture_output=True).stdout)

    assert added("load_libraries()") < 10_000_000 < 60_000_000 < added("")


def test_threads_are_set_only_where_they_are_asked_for():
    before = torch.get_num_threads()
    assert offload.use_threads(0) == before
    assert offload.use_threads(2) == 2
    assert offload.use_threads(before) == before
