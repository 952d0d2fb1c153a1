"""Compare the files of a text encoder with the T5 that their configuration describes.

What they lack, a loader fills with random numbers, and says so only in a log.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.errors import SubjectError

if TYPE_CHECKING:
    import torch

__all__ = ["find_text_faults", "text_tensors"]

_AGAIN = "download it again, or give another text encoder"


def find_text_faults(folder: Path, config: Any) -> list[str]:
    """Return the weights that the T5 of ``config`` needs and the files in ``folder`` do not have.

    Raises:
        SubjectError: A file cannot be read.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in text_tensors(folder)}
    if not shapes:
        return [f"{folder} has no weights, neither as safetensors nor as pytorch_model.bin"]
    return list(_compared(shapes, config))


def text_tensors(folder: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield what the text encoder's files hold for it, file by file.

    Raises:
        SubjectError: A file cannot be read.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    paths = sorted(folder.glob("*.safetensors"))
    for path in paths or sorted(folder.glob("pytorch_model*.bin")):
        try:
            if paths:
                with safe_open(path, "pt") as file:
                    for name in file.keys():  # noqa: SIM118 - it is not a mapping
                        if not name.startswith("decoder."):
                            yield name, file.get_tensor(name)
            else:
                content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
                yield from ((n, t) for n, t in content.items() if not n.startswith("decoder."))
        except (SafetensorError, OSError, RuntimeError, pickle.UnpicklingError) as error:
            why = str(error).strip().splitlines() or [type(error).__name__]
            raise SubjectError(
                f"text encoder {path} cannot be read ({why[0]}); {_AGAIN}"
            ) from error


def _compared(shapes: dict[str, tuple[int, ...]], config: Any) -> Iterator[str]:
    import torch
    from transformers import T5EncoderModel

    with torch.device("meta"):
        network = T5EncoderModel(config)
    network.tie_weights()
    tied = set(network.all_tied_weights_keys)
    shared = "shared.weight" in shapes or "encoder.embed_tokens.weight" in shapes
    for name, tensor in network.state_dict().items():
        if name in tied or (name == "shared.weight" and shared and name not in shapes):
            continue
        if name not in shapes:
            yield f"t5 {name}: the files have no such tensor"
        elif shapes[name] != tuple(tensor.shape):
            yield (
                f"t5 {name}: has shape {list(shapes[name])}, and by config.json "
                f"{list(tensor.shape)}"
            )
