"""Turn audiocraft checkpoints into a folder that transformers loads, piece by piece, once.

The checkpoints are memory-mapped and written as safetensors, one piece after another, so that no
more than a piece of them is ever in memory. What was converted stays in the cache, keyed by the
contents of the files, the mapping and the number format. A parameter without a source is never
filled.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.caching import cached_folder
from proofbook.errors import SubjectError
from proofbook.fingerprints import fingerprint
from proofbook_systems.musicgen.checkpoints import files_of, verify_checkpoint
from proofbook_systems.musicgen.keymap import build_tensor
from proofbook_systems.musicgen.keymap.slots import kind_of
from proofbook_systems.musicgen.mapping import PARTS, MappedModel

if TYPE_CHECKING:
    import torch

__all__ = ["PIECE_BYTES", "Conversion", "convert"]

_LOG = logging.getLogger("proofbook.musicgen")
_VERSION = 1
"""Raised whenever the same checkpoints would be written as other files."""

PIECE_BYTES = 96 * 2**20
"""Size of a file of the converted model; writing one takes about twice as much memory."""
_MARGIN = 1.05


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """A converted model in the cache."""

    folder: Path
    """As ``save_pretrained`` writes it: configuration, safetensors, processor."""
    fresh: bool
    """Whether it was converted now; otherwise the cache had it."""
    seconds_taken: float


def convert(
    model: MappedModel, root: Path, *, dtype: str = "float32", piece_bytes: int = PIECE_BYTES
) -> Conversion:
    """Return the folder of ``model`` under ``root``, converting it first where it is not there.

    ``dtype`` is the number format of all floating-point weights. Processes that convert the same
    model at once wait for the first.

    Raises:
        SubjectError: A parameter has no source, a checkpoint is damaged, or the disk is full.
    """
    if model.unfilled:
        raise SubjectError(
            f"{len(model.unfilled)} parameters of {model.files.name} have no source, first "
            f"{model.unfilled[0]}; give a mapping file, or allow them by name"
        )
    began, fresh = time.perf_counter(), False

    def build(folder: Path) -> None:
        nonlocal fresh
        fresh = True
        _write_model(model, folder, dtype, piece_bytes)

    recipe = _recipe(model, dtype, piece_bytes)
    folder = cached_folder(
        root, f"converted-{model.files.name}-{dtype}", recipe, build, thorough=False
    )
    return Conversion(folder=folder, fresh=fresh, seconds_taken=time.perf_counter() - began)


def _recipe(model: MappedModel, dtype: str, piece_bytes: int) -> dict[str, object]:
    moves = [
        [r.parameter, list(r.sources), r.operation, r.part]
        for part in PARTS
        for r in sorted(model.plans[part].recipes.values(), key=lambda r: r.parameter)
    ]
    files = model.files
    paths = (*files_of(files.language), *files_of(files.codec), files.text)
    return {
        "version": _VERSION,
        "files": [fingerprint(path) for path in paths],
        "moves": moves,
        "dtype": dtype,
        "piece": piece_bytes,
    }


def _write_model(model: MappedModel, folder: Path, dtype: str, piece_bytes: int) -> None:
    for path in (model.files.language, model.files.codec):
        verify_checkpoint(path)
    _check_space(model, folder, dtype)
    _LOG.info("converting %s to %s", model.files.name, dtype)
    try:
        _write_pieces(_tensors(model, dtype), folder, piece_bytes)
        _write_settings(model, folder, dtype)
    except OSError as error:
        raise _full_or(error, folder) from error
    except Exception as error:
        # safetensors wraps what the system says in an error of its own.
        if "No space left" in str(error) or "os error 28" in str(error):
            raise _full_or(OSError(28, "No space left on device"), folder) from error
        raise


def _full_or(error: OSError, folder: Path) -> SubjectError:
    return SubjectError(
        f"the converted model cannot be written below {folder.parent} ({error.strerror or error}); "
        "free some space, or set PROOFBOOK_CACHE to a larger disk"
    )


def _check_space(model: MappedModel, folder: Path, dtype: str) -> None:
    """Refuse before anything is written, rather than when the disk is full."""
    import torch

    width = getattr(torch, dtype).itemsize
    numbers = sum(_count(spec.shape) for part in PARTS for spec in model.targets[part].values())
    text = sum(p.stat().st_size for p in model.files.text.rglob("*") if p.is_file())
    needed = int((numbers * width + text) * _MARGIN)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise SubjectError(
            f"converting {model.files.name} needs {needed / 1e9:.1f} GB below {folder.parent} and "
            f"{free / 1e9:.1f} GB are free; free some, or set PROOFBOOK_CACHE to a larger disk"
        )


def _count(shape: Iterable[int]) -> int:
    product = 1
    for length in shape:
        product *= length
    return product


def _tensors(model: MappedModel, dtype: str) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield every tensor of the converted model, each of its own memory, one after another."""
    import torch

    kind = getattr(torch, dtype)
    for part in PARTS:
        tensors = model.checkpoints[part].tensors
        for name, recipe in model.plans[part].recipes.items():
            tensor = build_tensor(recipe, tensors)
            floating = kind_of(model.targets[part][name].dtype) == "float"
            yield name, _own(tensor.to(kind) if floating else tensor, kind)
    for name, tensor in _text_encoder(model.files.text).items():
        yield f"text_encoder.{name}", _own(tensor, kind)


def _own(tensor: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    """Copy out of the mapped file, so that what is written shares memory with nothing."""
    converted = tensor.to(kind) if tensor.is_floating_point() else tensor
    if converted is tensor or converted.data_ptr() == tensor.data_ptr():
        converted = tensor.clone()
    return converted.contiguous()


def _text_encoder(folder: Path) -> dict[str, torch.Tensor]:
    from transformers import T5EncoderModel

    tensors: dict[str, torch.Tensor] = T5EncoderModel.from_pretrained(
        folder, local_files_only=True
    ).state_dict()
    tensors.pop("encoder.embed_tokens.weight", None)  # the same tensor as shared.weight
    return tensors


def _write_pieces(
    tensors: Iterator[tuple[str, torch.Tensor]], folder: Path, piece_bytes: int
) -> None:
    """Write tensors into files of at most ``piece_bytes``, a larger tensor into one of its own."""
    piece: dict[str, torch.Tensor] = {}
    places: dict[str, str] = {}
    size = total = number = 0
    for name, tensor in tensors:
        if piece and size + tensor.nbytes > piece_bytes:
            places |= _write_piece(piece, folder, number := number + 1)
            piece, size = {}, 0
        piece[name] = tensor
        size, total = size + tensor.nbytes, total + tensor.nbytes
    places |= _write_piece(piece, folder, number + 1)
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1))


def _write_piece(piece: dict[str, Any], folder: Path, number: int) -> dict[str, str]:
    from safetensors.torch import save_file

    file = f"model-{number:05d}.safetensors"
    save_file(piece, folder / file, metadata={"format": "pt"})
    return dict.fromkeys(piece, file)


def _write_settings(model: MappedModel, folder: Path, dtype: str) -> None:
    """Write configuration and processor, as ``save_pretrained`` of a real model does."""
    from transformers import (
        AutoTokenizer,
        EncodecFeatureExtractor,
        GenerationConfig,
        MusicgenProcessor,
    )

    config = model.architecture.config
    config.dtype = dtype
    config.architectures = ["MusicgenForConditionalGeneration"]
    config.save_pretrained(folder)
    start = config.decoder.vocab_size
    GenerationConfig(
        bos_token_id=start, pad_token_id=start, decoder_start_token_id=start,
        do_sample=True, guidance_scale=3.0, max_length=1500,
    ).save_pretrained(folder)  # fmt: skip
    extractor = EncodecFeatureExtractor(
        feature_size=config.audio_encoder.audio_channels,
        sampling_rate=config.audio_encoder.sampling_rate,
        padding_side="left",
    )
    tokenizer = AutoTokenizer.from_pretrained(model.files.text, local_files_only=True)
    MusicgenProcessor(extractor, tokenizer).save_pretrained(folder)
