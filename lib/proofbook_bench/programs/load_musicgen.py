"""``python -m proofbook_bench.programs.load_musicgen SIDE CHECKPOINTS DTYPE BUDGET FOLDER``.

``subject`` maps, converts and dispatches within a budget; ``peer`` reads the checkpoint with
``torch.load`` and hands it to ``load_state_dict``, as one does. Both end with a model that can
generate, and print seconds and memory as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
import transformers

from proofbook.caching import cache_root
from proofbook_systems.musicgen import conversion, generation, mapping, offload, sources, subject
from proofbook_systems.musicgen.keymap import Part, build_tensor
from proofbook_systems.musicgen.memory import AnonymousPeak
from proofbook_systems.musicgen.sources import CheckpointFiles

__all__ = ["main"]


def main(side: str, checkpoints: str, dtype: str, budget: str, folder: str) -> int:
    """Load as the command line says, print what it took, and return 0."""
    # transformers imports a class when it is first named; that is not what is measured.
    _ = transformers.MusicgenForConditionalGeneration, transformers.T5EncoderModel
    files = sources.find_checkpoints(checkpoints)
    if side == "subject":
        result = _load_within_budget(files, dtype, budget, Path(folder))
    else:
        result = _load_whole(files, dtype)
    print(json.dumps(result))  # noqa: T201 - this is how it answers
    return 0


def _load_within_budget(
    files: CheckpointFiles, dtype: str, budget: str, folder: Path
) -> dict[str, float]:
    began = time.perf_counter()
    with AnonymousPeak() as peak:
        model = mapping.map_checkpoints(files)
        converted = conversion.convert(model, cache_root() / "musicgen", dtype=dtype)
        placed = offload.place(converted.folder, cpu=budget, dtype=dtype, codec_on_cpu=True)
        loaded = generation.load(
            subject.find_model(str(converted.folder)), dtype=dtype,
            device_map=placed.device_map, offload_folder=folder,
        )  # fmt: skip
    seconds = time.perf_counter() - began
    stranded = offload.stranded_weights(loaded.network)
    assert not stranded, stranded
    return {
        "seconds": seconds, "peak": peak.added, "layer": placed.largest_layer_bytes,
        "budget": offload.parse_budget(budget, placed.model_bytes),
    }  # fmt: skip


def _load_whole(files: CheckpointFiles, dtype: str) -> dict[str, float]:
    began = time.perf_counter()
    with AnonymousPeak() as peak:
        network, missing = _fill_network(files, getattr(torch, dtype))
    seconds = time.perf_counter() - began
    assert network is not None
    assert not missing, missing
    return {"seconds": seconds, "peak": peak.added, "layer": 0, "budget": 0}


def _fill_network(files: CheckpointFiles, kind: torch.dtype) -> tuple[Any, list[str]]:
    model = mapping.map_checkpoints(files)
    state: dict[str, torch.Tensor] = {}
    paths: dict[Part, Path] = {"language": files.language, "codec": files.codec}
    for part, path in paths.items():
        tensors = torch.load(path, weights_only=True, map_location="cpu")["best_state"]
        recipes = model.plans[part].recipes.values()
        state |= {r.parameter: build_tensor(r, tensors).to(kind) for r in recipes}
    text = transformers.T5EncoderModel.from_pretrained(files.text, dtype=kind).state_dict()
    state |= {f"text_encoder.{name}": tensor for name, tensor in text.items()}
    torch.set_default_dtype(kind)
    network = transformers.MusicgenForConditionalGeneration(model.architecture.config)
    return network, network.load_state_dict(state, strict=False).missing_keys


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
