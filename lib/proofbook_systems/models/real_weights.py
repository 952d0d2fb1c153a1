"""Load trained weights: a folder, a ``.gguf`` file, or an id that is in the hub's cache."""

from __future__ import annotations

from pathlib import Path

import torch

from proofbook_systems.models.building import Built, count_parameters
from proofbook_systems.models.hints import find_hint

__all__ = ["load_model", "locate_weights"]


def load_model(weights: str) -> Built:
    """Load real weights from a folder, a ``.gguf`` file or the hub's cache, in float32.

    Weights that the checkpoint does not have are drawn at random by transformers; they are noted.

    Raises:
        Exception: Whatever transformers has against the folder or id.
    """
    import transformers

    place, more = locate_weights(weights)
    config = transformers.AutoConfig.from_pretrained(place, **more)
    names = config.architectures or []
    found = [getattr(transformers, name, None) for name in names]
    usual = transformers.AutoModelForCausalLM if more else transformers.AutoModel
    model_class = next((each for each in found if each is not None), usual)
    model, loading = model_class.from_pretrained(
        place, dtype=torch.float32, attn_implementation="eager", output_loading_info=True, **more
    )
    missing = sorted(loading["missing_keys"])
    return Built(
        model=model.eval(),
        config=config,
        task="",
        parameters=count_parameters(model),
        hint=find_hint(config.model_type),
        absent=missing,
    )


def locate_weights(weights: str) -> tuple[str, dict[str, str]]:
    """Return a folder or an id, and what ``from_pretrained`` has to be told of a file in it."""
    path = Path(weights)
    return (str(path.parent), {"gguf_file": path.name}) if path.suffix == ".gguf" else (weights, {})
