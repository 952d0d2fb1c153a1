"""Compare the files beside the weights with the configuration: do they belong to one model?

Each of them is whole by itself where another model's was put there. Reads no weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from proofbook_systems.musicgen.audit.configured import find_other_rates
from proofbook_systems.musicgen.checkpoints import CODEC_FILE, LANGUAGE_FILE, open_checkpoint
from proofbook_systems.musicgen.preload.companions import companions_of
from proofbook_systems.musicgen.preload.findings import Finding
from proofbook_systems.musicgen.preload.verification import check_loadable, layouts_of, read_config
from proofbook_systems.musicgen.tokenization import find_tokenizer_faults

__all__ = ["check_agreement"]

_CONFIG, _GENERATION, _TOKENIZER = "config.json", "generation_config.json", "tokenizer.json"
_PROCESSORS = ("processor_config.json", "preprocessor_config.json")
_MUSIC = ("musicgen", "musicgen_melody")
_STARTS = ("pad_token_id", "decoder_start_token_id", "bos_token_id")


def check_agreement(folder: Path) -> list[Finding]:
    """Compare tokenizer, generation and sound settings with the configuration.

    Empty where a file cannot be read: that is said elsewhere.
    """
    if check_loadable(folder):
        return []
    layouts = layouts_of(folder)
    places = [""] if "transformers" in layouts else []
    if "audiocraft" in layouts:
        places += [f"{companion.place}/" for companion in companions_of(folder)]
    findings = [finding for below in places for finding in _model(folder, below)]
    return findings + ([*_checkpoints(folder)] if "audiocraft" in layouts else [])


def _model(folder: Path, below: str) -> Iterator[Finding]:
    place = folder / below
    config = read_config(place / _CONFIG)
    kind = config.get("model_type")
    text = config if kind == "t5" else _part(config, "text_encoder")
    if kind == "t5" or kind in _MUSIC:
        for line in find_tokenizer_faults(place, text):
            yield Finding("disagrees", f"{below}{_TOKENIZER}", "one for the text encoder", line)
    if kind in _MUSIC and (full := _full(place)) is not None:
        yield from _codes(full, below)
        yield from _specials(read_config(place / _GENERATION), full, below)
        yield from _rates(place, full, below)


def _full(place: Path) -> Any:
    """Return the configuration with what it leaves out filled in, as a loader does.

    None where no model can be built of it: that is told of the shapes.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(place, local_files_only=True)
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError):
        return None


def _checkpoints(folder: Path) -> Iterator[Finding]:
    """Yield where a language model was trained for sounds of another rate than the codec's."""
    language, codec = (open_checkpoint(folder / name) for name in (LANGUAGE_FILE, CODEC_FILE))
    for line in find_other_rates(language.config or {}, codec.config or {}):
        yield Finding("disagrees", CODEC_FILE, "a codec for the language model", line)


def _codes(config: Any, below: str) -> Iterator[Finding]:
    """Yield where the language model has codes or codebooks that the codec does not."""
    decoder, codec = config.decoder, config.audio_encoder
    file = f"{below}{_CONFIG}"
    if decoder.vocab_size != codec.codebook_size:
        expected = f"a codec of {decoder.vocab_size} codes, as the language model has"
        yield Finding("disagrees", file, expected, f"a codec of {codec.codebook_size} codes")
    spoken = decoder.num_codebooks // max(1, int(decoder.audio_channels))
    if spoken > codec.num_quantizers:
        expected = f"a codec of {spoken} codebooks, as the language model has"
        yield Finding("disagrees", file, expected, f"{codec.num_quantizers} of them")


def _specials(generation: Mapping[str, Any], config: Any, below: str) -> Iterator[Finding]:
    """Yield where padding or start is not the one token behind the codes."""
    wanted = config.decoder.vocab_size
    for name in _STARTS:
        told = generation.get(name)
        file = _CONFIG if told is None else _GENERATION
        value = getattr(config.decoder, name, None) if told is None else told
        if value is not None and value != wanted:
            expected = f"{name} {wanted}, the one behind the codes"
            yield Finding("disagrees", f"{below}{file}", expected, str(value))
            return


def _rates(place: Path, config: Any, below: str) -> Iterator[Finding]:
    """Yield where sounds are prepared for another rate than the codec's."""
    wanted = config.audio_encoder.sampling_rate
    for name in _PROCESSORS:
        told = read_config(place / name)
        rate = _part(told, "feature_extractor").get("sampling_rate", told.get("sampling_rate"))
        if rate is not None and rate != wanted:
            expected = f"sampling_rate {wanted}, as the codec has"
            yield Finding("disagrees", f"{below}{name}", expected, str(rate))


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = value.get(name)
    return part if isinstance(part, Mapping) else {}
