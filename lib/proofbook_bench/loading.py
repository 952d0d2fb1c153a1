"""Load a MusicGen in a process of its own, both ways, and say how long and with how much memory.

The subject maps, converts and dispatches within a budget; the peer reads the checkpoint with
``torch.load`` and hands it to ``load_state_dict``, as one does. Both end with a model that can
generate.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["PEER", "SUBJECT", "Loading", "measure_loading"]

_COMMON = """
import json, sys, time
import torch, transformers
from proofbook_systems.musicgen import conversion, generation, mapping, offload, sources, subject
from proofbook.caching import cache_root
from proofbook_systems.musicgen.memory import AnonymousPeak
checkpoints, dtype, budget, folder = sys.argv[1:]
transformers.MusicgenForConditionalGeneration, transformers.T5EncoderModel
files = sources.find_checkpoints(checkpoints)
began = time.perf_counter()
"""
SUBJECT = (
    _COMMON
    + """
with AnonymousPeak() as peak:
    model = mapping.map_checkpoints(files)
    converted = conversion.convert(model, cache_root() / "musicgen", dtype=dtype)
    placed = offload.place(converted.folder, cpu=budget, dtype=dtype, codec_on_cpu=True)
    loaded = generation.load(subject.find_model(str(converted.folder)), dtype=dtype,
                             device_map=placed.device_map, offload_folder=folder)
stranded = offload.stranded_weights(loaded.network)
assert not stranded, stranded
print(json.dumps({"seconds": time.perf_counter() - began, "peak": peak.added,
                  "layer": placed.largest_layer_bytes,
                  "budget": offload.parse_budget(budget, placed.model_bytes)}))
"""
)
PEER = (
    _COMMON
    + """
from proofbook_systems.musicgen.keymap import build_tensor
with AnonymousPeak() as peak:
    kind = getattr(torch, dtype)
    model = mapping.map_checkpoints(files)
    state = {}
    for part, path in (("language", files.language), ("codec", files.codec)):
        tensors = torch.load(path, weights_only=True, map_location="cpu")["best_state"]
        recipes = model.plans[part].recipes.values()
        state |= {r.parameter: build_tensor(r, tensors).to(kind) for r in recipes}
    text = transformers.T5EncoderModel.from_pretrained(files.text, dtype=kind).state_dict()
    state |= {f"text_encoder.{name}": tensor for name, tensor in text.items()}
    torch.set_default_dtype(kind)
    network = transformers.MusicgenForConditionalGeneration(model.architecture.config)
    missing = network.load_state_dict(state, strict=False).missing_keys
assert not missing, missing
print(json.dumps({"seconds": time.perf_counter() - began, "peak": peak.added,
                  "layer": 0, "budget": 0}))
"""
)


class Loading(NamedTuple):
    """What one process took."""

    seconds: float
    peak: int
    """Anonymous memory beyond what its imports took, in bytes."""
    layer: int
    """Largest piece that is moved at once, in bytes; of the subject alone."""
    budget: int
    """In bytes; of the subject alone."""


def measure_loading(
    script: str, checkpoints: str, *, dtype: str, budget: str, folder: Path, cache: Path
) -> Loading:
    """Run one side in a new process, with ``cache`` for what it converts.

    Raises:
        CalledProcessError: The side failed: it has no time.
    """
    environment: Mapping[str, str] = {**os.environ, "PROOFBOOK_CACHE": str(cache)}
    command = [sys.executable, "-c", script, checkpoints, dtype, budget, str(folder)]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=dict(environment), cwd=folder
    )
    return Loading(**json.loads(done.stdout.strip().splitlines()[-1]))
