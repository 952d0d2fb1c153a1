"""``musicgen/key_mapping`` and ``musicgen/large_offload``: green when sound, red when broken."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from proofbook_subjects.musicgen.audiocraft.reference import reference_checkpoints, write_checkpoint
from proofbook_systems.musicgen.checkpoints import CODEC_FILE, LANGUAGE_FILE, open_checkpoint

pytestmark = pytest.mark.slow
Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROOFBOOK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def mine(cache: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoints."""
    return Path(shutil.copytree(reference_checkpoints("tiny", "pair", cache), tmp_path / "mine"))


def change(folder: Path, file: str, how: Callable[[dict[str, torch.Tensor]], object]) -> None:
    found = open_checkpoint(folder / file)
    state = {name: tensor.clone() for name, tensor in found.tensors.items()}
    how(state)
    write_checkpoint(folder / file, state, json.dumps(found.config))


@pytest.mark.exhaustive
def test_mapping_is_green_and_leaves_the_debug_files(run_cells: Run, mine: Path, tmp_path: Path):
    done = run_cells("musicgen/key_mapping", checkpoints=str(mine), output_dir=str(tmp_path / "o"))
    assert (done.error, done.red) == (None, [])
    debug = {p.name for p in (tmp_path / "o" / "debug").iterdir()}
    assert {"comp_applied_mapping.json", "lm_match_summary.json"} <= debug
    assert (tmp_path / "o" / "logs" / "large_applymap_save.log").is_file()
    assert done.checks["codec-decode-reproduced"].status == "passed"


def test_a_dry_run_proposes_and_converts_nothing(run_cells: Run, cache: Path, tmp_path: Path):
    done = run_cells("musicgen/key_mapping", checkpoints="reference:tiny/scrambled",
                     dry_run=True, output_dir=str(tmp_path / "o"))  # fmt: skip
    assert done.checks["outputs-compared"].status == "skipped"
    debug = tmp_path / "o" / "debug"
    assert len(json.loads((debug / "comp_proposed_matches_simple.json").read_text())) == 116
    assert not (debug / "comp_applied_mapping.json").exists()
    assert not list((tmp_path / "cache").rglob("converted-*"))


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("file", "how", "red"),
    [
        (LANGUAGE_FILE, lambda s: s.pop("linears.2.weight"), ["parameters-complete"]),
        (CODEC_FILE, lambda s: s.update(odd=torch.zeros(2)), ["codec-keys-used"]),
        (LANGUAGE_FILE, lambda s: s.update({"out_norm.bias": torch.zeros(63)}),
         ["language-sources-accepted", "language-keys-used", "parameters-complete"]),
        (CODEC_FILE, lambda s: s["decoder.model.15.conv.conv.bias"].add_(0.001),
         ["codec-decode-reproduced"]),
        (LANGUAGE_FILE, lambda s: s["linears.1.weight"].mul_(1.01), ["language-logits-reproduced"]),
    ],
)  # fmt: skip
def test_mapping_is_red_where_something_is_wrong(
    run_cells: Run, mine: Path, tmp_path: Path, file: str, how: Any, red: list[str]
):
    change(mine, file, how)
    done = run_cells("musicgen/key_mapping", checkpoints=str(mine), output_dir=str(tmp_path / "o"))
    assert done.red == red


def test_a_contradicting_configuration_is_red(run_cells: Run, mine: Path, tmp_path: Path):
    found = open_checkpoint(mine / LANGUAGE_FILE)
    config = {**(found.config or {})}
    config["transformer_lm"] = {**config["transformer_lm"], "hidden_scale": 3}
    state = {name: tensor.clone() for name, tensor in found.tensors.items()}
    write_checkpoint(mine / LANGUAGE_FILE, state, json.dumps(config))
    done = run_cells("musicgen/key_mapping", checkpoints=str(mine), output_dir=str(tmp_path / "o"))
    assert "shapes-as-configured" in done.red


@pytest.mark.exhaustive
def test_offload_is_green_with_a_prompt_from_a_file(run_cells: Run, mine: Path, tmp_path: Path):
    prompt = tmp_path / "song.json"
    prompt.write_text('{"lyrics": ["rain"], "style": "jazz"}')
    done = run_cells("musicgen/large_offload", checkpoints=str(mine), prompt_file=str(prompt),
                     duration=0.4, output_dir=str(tmp_path / "o"))  # fmt: skip
    assert (done.error, done.red) == (None, [])
    assert done.checks["same-tokens"].status == "passed"
    question = next(r for r in done.records if r.kind == "question")
    assert "jazz, a song about: rain" in question.text
    assert (tmp_path / "o" / "output" / "out_large.wav").stat().st_size > 10_000
    weights = {r.labels["device"] for r in done.records
               if r.kind == "metric" and r.name == "weights"}  # fmt: skip
    assert weights == {"cpu", "disk"}


@pytest.mark.exhaustive
def test_offload_is_red_where_the_codec_is_silent(run_cells: Run, mine: Path, tmp_path: Path):
    change(mine, CODEC_FILE, lambda s: s["decoder.model.15.conv.conv.weight_g"].mul_(1e-5))
    done = run_cells("musicgen/large_offload", checkpoints=str(mine), duration=0.3,
                     compare_whole=False, warmup=0.0, output_dir=str(tmp_path / "o"))  # fmt: skip
    assert done.red == ["weights-like-their-peers", "audible"]
    assert "decoder.model.15.conv.conv.weight_g" in str(done.checks["weights-like-their-peers"])


@pytest.mark.exhaustive
def test_an_offset_of_the_models_own_is_not_blamed_on_offloading(
    run_cells: Run, mine: Path, tmp_path: Path
):
    change(mine, CODEC_FILE, lambda s: s["decoder.model.15.conv.conv.bias"].add_(0.1))
    done = run_cells("musicgen/large_offload", checkpoints=str(mine), duration=0.4, warmup=0.0,
                     output_dir=str(tmp_path / "o"))  # fmt: skip
    assert (done.error, done.red) == (None, [])
    offset = next(r for r in done.records if r.kind == "metric" and r.name == "dc_offset")
    assert offset.value > 0.03


@pytest.mark.exhaustive
def test_a_model_in_shards_and_its_average_beside_it_is_offloaded(
    run_cells: Run, mine: Path, tmp_path: Path
):
    found = open_checkpoint(mine / LANGUAGE_FILE)
    both = {f"{prefix}.{name}": tensor * scale for prefix, scale in (("lm", 1), ("ema_lm", 1.001))
            for name, tensor in found.tensors.items()}  # fmt: skip
    (mine / LANGUAGE_FILE).unlink()
    files = {name: f"model-{n % 2}.safetensors" for n, name in enumerate(both)}
    for file in set(files.values()):
        save_file({name: both[name].contiguous() for name, at in files.items() if at == file},
                  mine / file, {"xp.cfg": json.dumps(found.config)})  # fmt: skip
    (mine / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    done = run_cells("musicgen/large_offload", checkpoints=str(mine), duration=0.3, warmup=0.0,
                     output_dir=str(tmp_path / "o"))  # fmt: skip
    assert (done.error, done.red) == (None, [])


@pytest.mark.exhaustive
def test_a_buffer_that_is_no_weight_can_be_named(run_cells: Run, mine: Path, tmp_path: Path):
    change(mine, LANGUAGE_FILE, lambda s: s.update({"rope.inv_freq": torch.rand(8)}))
    red = run_cells("musicgen/key_mapping", checkpoints=str(mine), output_dir=str(tmp_path / "o"))
    assert red.red == ["language-keys-used"]
    assert "allow_unused" in red.checks["language-keys-used"].why
    done = run_cells("musicgen/key_mapping", checkpoints=str(mine), allow_unused=["*inv_freq"],
                     output_dir=str(tmp_path / "p"))  # fmt: skip
    assert (done.error, done.red) == (None, [])


@pytest.mark.exhaustive
def test_offload_checks_what_mapping_checks(run_cells: Run, mine: Path, tmp_path: Path):
    def spoil(state: dict[str, torch.Tensor]) -> None:
        state["odd"] = torch.randn(2)
        state["out_norm.bias"] = torch.randn(63)
        state["emb.1.weight"][5, 5] = float("nan")

    change(mine, LANGUAGE_FILE, spoil)
    done = run_cells("musicgen/large_offload", checkpoints=str(mine),
                     output_dir=str(tmp_path / "o"))  # fmt: skip
    assert done.red == ["language-sources-accepted", "language-keys-used", "finite-weights",
                        "parameters-complete"]  # fmt: skip
    both = run_cells("musicgen/key_mapping", checkpoints=str(mine),
                     output_dir=str(tmp_path / "m"))  # fmt: skip
    assert both.red == done.red


@pytest.mark.exhaustive
@pytest.mark.parametrize("cpu_memory", ["100%", "3200kB"])
def test_offload_keeps_any_budget_with_the_codec_on_the_cpu(
    run_cells: Run, mine: Path, tmp_path: Path, cpu_memory: str
):
    done = run_cells("musicgen/large_offload", checkpoints=str(mine), cpu_memory=cpu_memory,
                     duration=0.3, warmup=0.0, output_dir=str(tmp_path / "o"))  # fmt: skip
    assert (done.error, done.red) == (None, [])


@pytest.mark.exhaustive
def test_without_known_outputs_mapping_says_what_it_did_not_see(
    run_cells: Run, mine: Path, tmp_path: Path
):
    (mine / "reference_outputs.safetensors").unlink()
    done = run_cells("musicgen/key_mapping", checkpoints=str(mine), output_dir=str(tmp_path / "o"))
    assert (done.error, done.red) == (None, [])
    assert "changed places" in done.checks["outputs-compared"].reason
    assert done.checks["text-is-heard"].status == "passed"


def test_offload_is_red_where_a_parameter_has_no_source(run_cells: Run, mine: Path, tmp_path: Path):
    change(mine, LANGUAGE_FILE, lambda s: s.pop("emb.0.weight"))
    done = run_cells("musicgen/large_offload", checkpoints=str(mine),
                     output_dir=str(tmp_path / "o"))  # fmt: skip
    assert done.red == ["parameters-complete"]
