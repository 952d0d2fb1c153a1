"""Files of two models that are each whole are told apart; odd ones of one model stay green."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models

from proofbook_subjects.musicgen.audiocraft.reference import reference_checkpoints, write_checkpoint
from proofbook_systems.musicgen.checkpoints import CODEC_FILE, open_checkpoint
from proofbook_systems.musicgen.preload.agreement import check_agreement

Change = Callable[[Path], object]


def edit(name: str, change: Callable[[dict[str, Any]], object]) -> Change:
    def apply(folder: Path) -> None:
        value = json.loads((folder / name).read_text())
        change(value)
        (folder / name).write_text(json.dumps(value))

    return apply


def tokens(count: int, end: str, **settings: object) -> Change:
    """Put another tokenizer there: a vocabulary of ``count`` words, one of them ``end``."""

    def apply(folder: Path) -> None:
        words = {f"w{number}": number for number in range(count)}
        tokenizer = Tokenizer(models.WordLevel(words, unk_token="w2"))
        tokenizer.add_special_tokens([end])
        tokenizer.save(str(folder / "tokenizer.json"))
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))

    return apply


def specials(number: int) -> Change:
    names = ("pad_token_id", "bos_token_id", "decoder_start_token_id")
    return edit("generation_config.json", lambda v: v.update(dict.fromkeys(names, number)))


def rate(number: int) -> Change:
    return edit(
        "processor_config.json", lambda v: v["feature_extractor"].update(sampling_rate=number)
    )


def config(part: str, **values: object) -> Change:
    return edit("config.json", lambda v: v[part].update(values))


@pytest.mark.parametrize(
    ("change", "file", "words"),
    [
        (tokens(5000, "</s>"), "tokenizer.json", "has token 4999 ('w4999')"),
        (tokens(20, "[SEP]", sep_token="[SEP]"), "tokenizer.json", "no token called '</s>'"),
        (tokens(20, "<end>", eos_token="<end>"), "tokenizer.json", "token 20 called '<end>'"),
        (tokens(20, "<e>", eos_token={"content": "<e>"}), "tokenizer.json", "called '<e>'"),
        (lambda f: (f / "tokenizer.json").write_text('{"model": 3}'), "tokenizer.json", "be read"),
        (specials(50256), "generation_config.json", "50256"),
        (specials(1024), "generation_config.json", "pad_token_id 2048"),
        (config("decoder", pad_token_id=0), "config.json", "found 0"),
        (rate(24000), "processor_config.json", "sampling_rate 32000"),
        (config("audio_encoder", sampling_rate=16000), "processor_config.json", "found 32000"),
        (config("audio_encoder", codebook_size=1024), "config.json", "found a codec of 1024"),
        (config("audio_encoder", target_bandwidths=[1.1]), "config.json", "codec of 4 codebooks"),
    ],
)
def test_what_belongs_to_another_model_is_named(
    folder: Path, change: Change, file: str, words: str
):
    if file == "config.json":  # which then says what the generation settings would
        (folder / "generation_config.json").unlink()
    change(folder)
    found = check_agreement(folder)
    assert {(f.kind, f.file) for f in found} == {("disagrees", file)}
    assert words in found[0].words


def more_special_tokens(folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_special_tokens([f"<extra_{number}>" for number in range(50)])
    tokenizer.save(str(folder / "tokenizer.json"))


def older_names(folder: Path) -> None:
    processor = json.loads((folder / "processor_config.json").read_text())
    (folder / "processor_config.json").unlink()
    settings = {"feature_extractor_type": "EncodecFeatureExtractor", "sampling_rate": 32000}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    assert "feature_extractor" in processor


RIGHT: dict[str, Change] = {
    "as it is": lambda _: None,
    "no generation settings": lambda f: (f / "generation_config.json").unlink(),
    "few generation settings": lambda f: (f / "generation_config.json").write_text("{}"),
    "rows for more tokens": config("text_encoder", vocab_size=1024),
    "special tokens without rows": more_special_tokens,
    "tokenizer without settings": lambda f: (f / "tokenizer_config.json").unlink(),
    "older names": older_names,
    "codec of more codebooks": config("audio_encoder", target_bandwidths=[2.2, 4.4]),
    "sides of a stereo model": config("decoder", num_codebooks=8, audio_channels=2),
}


@pytest.mark.parametrize("change", RIGHT.values(), ids=RIGHT)
def test_what_belongs_together_is_not_called_wrong(folder: Path, change: Change):
    change(folder)
    assert check_agreement(folder) == []


def test_what_cannot_be_read_is_told_elsewhere(folder: Path):
    (folder / "generation_config.json").write_text("{")
    assert check_agreement(folder) == []


def test_checkpoints_of_two_rates_are_named(cache: Path, tmp_path: Path):
    pair = shutil.copytree(reference_checkpoints("tiny", "pair", cache), tmp_path / "mine")
    assert check_agreement(pair) == []
    found = open_checkpoint(pair / CODEC_FILE)
    config = {**(found.config or {}), "sample_rate": 48000}
    write_checkpoint(pair / CODEC_FILE, {n: t.clone() for n, t in found.tensors.items()},
                     json.dumps(config))  # fmt: skip
    (finding,) = check_agreement(pair)
    assert finding.file == CODEC_FILE
    assert "sample_rate is 48000" in finding.actual
