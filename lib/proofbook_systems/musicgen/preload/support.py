"""Audiocraft's models that transformers' MusicGen cannot be, each told in one line.

Without this they pass for text-to-music models, or end in an error from deep within transformers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from proofbook_systems.musicgen.checkpoints import CODEC_FILE, LANGUAGE_FILE, Checkpoint
from proofbook_systems.musicgen.keymap.names import canonical
from proofbook_systems.musicgen.preload.findings import Finding

__all__ = ["count_codebooks", "find_unsupported"]

_SECTIONS = (
    "transformer_lm", "conditioners", "seanet", "rvq", "encodec", "codebooks_pattern",
    "interleave_stereo_codebooks",
)  # fmt: skip
_KINDS = {"chroma_stem": "a melody model", "style": "a style model"}
_ARGUMENTS = "args"
"""Stands among the conditioners and is none: what all of them are given."""
_WANTED = "a model of text to music that transformers has"
_EMBEDDING = r"(?:.*\.)?(?:emb|linears)\.(\d+)\.weight"
_CODEBOOK = r"(?:.*\.)?quantizer\.vq\.layers\.(\d+)\._codebook\.embed"


def find_unsupported(language: Checkpoint, codec: Checkpoint) -> list[Finding]:
    """Return what stands against building the model, from configuration and names of tensors."""
    damaged = [
        Finding("shape", file, "sections in xp.cfg", line)
        for file, checkpoint in ((LANGUAGE_FILE, language), (CODEC_FILE, codec))
        for line in _no_sections(checkpoint.config or {})
    ]
    if damaged:
        return damaged
    if _count(language, _CODEBOOK) and not count_codebooks(language):
        actual = f"a codec; {CODEC_FILE} and {LANGUAGE_FILE} may have been exchanged"
        return [Finding("shape", LANGUAGE_FILE, "a language model", actual)]
    return [
        *(Finding("shape", LANGUAGE_FILE, _WANTED, line) for line in _conditioners(language)),
        *(Finding("shape", LANGUAGE_FILE, _WANTED, line) for line in _sides(language, codec)),
        *(Finding("shape", CODEC_FILE, _WANTED, line) for line in _codec(codec)),
    ]


def _no_sections(config: Mapping[str, Any]) -> Iterator[str]:
    for name in _SECTIONS:
        value = config.get(name)
        if value is not None and not isinstance(value, Mapping):
            yield f"{name} is {str(value)[:40]!r}"
    for name, value in _section(config, "conditioners").items():
        if not isinstance(value, Mapping):
            yield f"conditioners.{name} is {str(value)[:40]!r}"


def _conditioners(language: Checkpoint) -> Iterator[str]:
    """Yield a line for each thing besides a text that the model listens to."""
    for name, value in _section(language.config or {}, "conditioners").items():
        if name == _ARGUMENTS and "model" not in value:
            continue
        model = str(value.get("model", "")) or "unnamed"
        if model != "t5":
            kind = _KINDS.get(model, "a model of another kind")
            yield f"{kind}: its conditioner {name} is {model}, and only a T5 is supported"


def _sides(language: Checkpoint, codec: Checkpoint) -> Iterator[str]:
    """Yield a line where the two have another number of codebooks than belong together."""
    spoken, written = count_codebooks(language), _count(codec, _CODEBOOK)
    if not spoken or not written:
        return
    flag = _section(language.config or {}, "interleave_stereo_codebooks").get("use", False)
    if spoken == 2 * written and not flag:
        yield (
            f"a stereo model without its flag: {spoken} codebooks for a codec of {written}; write "
            "interleave_stereo_codebooks: {use: true} into its xp.cfg"
        )
    elif spoken != written * (2 if flag else 1):
        yield f"{spoken} codebooks for a codec of {written}"


def _codec(codec: Checkpoint) -> Iterator[str]:
    names = [canonical(name) for name in codec.tensors]
    if any("encoder." in name for name in names) and not any(".lstm." in name for name in names):
        yield "a codec without LSTM, which transformers' EnCodec always has"
    for name, tensor in codec.tensors.items():
        if re.fullmatch(_CODEBOOK, canonical(name)):
            codes = int(tensor.shape[0])
            if codes & (codes - 1):
                yield f"a codec of {codes} codes, where transformers needs a power of two"
            return


def count_codebooks(language: Checkpoint) -> int:
    """Return the number of codebooks that a language model has embeddings or outputs for."""
    return _count(language, _EMBEDDING)


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = config.get(name)
    return value if isinstance(value, Mapping) else {}


def _count(checkpoint: Checkpoint, pattern: str) -> int:
    """Return one more than the highest number, so that one that is missing counts, too."""
    found = (re.fullmatch(pattern, canonical(name)) for name in checkpoint.tensors)
    return max((int(match[1]) + 1 for match in found if match), default=0)
