"""Models as they are saved: judged by their own predictions, refused where they are not whole."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from proofbook.errors import SubjectError
from proofbook_systems.foundry import language_models
from proofbook_systems.foundry.full_runs import load_model
from proofbook_systems.foundry.generation import (
    SEEN,
    Written,
    same_text,
    sees_future,
    uses_context,
    write_text,
)
from proofbook_systems.foundry.language_models import LanguageModel, load_language_model
from proofbook_systems.foundry.learning import (
    guess_of,
    measure_learning,
    new_loss,
    told_at_end,
    told_tolerance,
)
from proofbook_systems.training.steps import Step

WORDS = ["the smith pours the bell", "a founder melts two keys", "her lamp cools at night"] * 4


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 of random weights with a tokenizer of whole words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("gpt2")
    names = ["</s>", "<mask>", "<unk>", *sorted({w for text in WORDS for w in text.split()})]
    raw = Tokenizer(models.WordLevel({name: n for n, name in enumerate(names)}, "<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="</s>", mask_token="<mask>",
                            unk_token="<unk>").save_pretrained(folder)  # fmt: skip
    torch.manual_seed(3)
    GPT2LMHeadModel(GPT2Config(
        vocab_size=len(names), n_embd=16, n_layer=2, n_head=2, n_positions=16,
        bos_token_id=None, eos_token_id=None, initializer_range=0.3,
    )).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def model(saved: Path) -> LanguageModel:
    return load_language_model(saved)


def test_a_new_model_is_about_as_good_as_a_guess(model: LanguageModel) -> None:
    assert model.mean_loss(WORDS) == pytest.approx(math.log(model.vocabulary), rel=0.6)


def test_a_causal_model_sees_no_future_and_uses_what_came_before(model: LanguageModel) -> None:
    assert sees_future(model, WORDS) <= SEEN
    assert uses_context(model, WORDS) >= SEEN


class Blind(torch.nn.Module):
    """Predicts from one token alone: the one before, or the one after it."""

    def __init__(self, model: Any, turn: int) -> None:
        super().__init__()
        self.model, self.turn = model, turn
        self.config = model.config

    def forward(self, input_ids: torch.Tensor) -> Any:
        return self.model(input_ids=input_ids.roll(self.turn, 1).T.reshape(-1, 1)).logits.reshape(
            *input_ids.T.shape, -1
        )


class Logits:
    """An output with logits alone."""

    def __init__(self, logits: torch.Tensor) -> None:
        self.logits = logits


def blind(model: LanguageModel, turn: int) -> LanguageModel:
    net = Blind(model.model, turn)

    def call(input_ids: torch.Tensor) -> Logits:
        return Logits(net(input_ids).transpose(0, 1))

    call.config = model.config if hasattr(model, "config") else model.model.config  # type: ignore[attr-defined]
    return LanguageModel(place=model.place, model=call, tokenizer=model.tokenizer, masked=False)


def test_a_model_that_looks_ahead_is_seen(model: LanguageModel) -> None:
    assert sees_future(blind(model, -1), WORDS) > 0.1


def test_a_model_that_reads_one_token_is_seen(model: LanguageModel) -> None:
    assert uses_context(blind(model, 0), WORDS) < SEEN


@pytest.mark.parametrize(
    ("given", "masked"),
    [
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, True),
        ({"model_type": "bert", "architectures": ["BertLMHeadModel"]}, False),
        ({"model_type": "bert", "architectures": None}, True),
        ({"model_type": "roberta"}, True),
        ({"model_type": "bert", "is_decoder": True}, False),
        ({"model_type": "bart", "is_encoder_decoder": True}, False),
        ({"model_type": "gpt2", "architectures": None}, False),
        ({}, False),
    ],
)
def test_a_masked_model_is_told_from_a_causal_one(given: dict[str, Any], masked: bool) -> None:
    assert language_models._is_masked(given) is masked


def test_text_is_drawn_from_a_seed(model: LanguageModel) -> None:
    first, second = (write_text(model, "the smith", 12) for _ in range(2))
    assert first == second
    assert len(first.tokens) == 12
    assert first.outside(model.vocabulary) == []
    assert first.outside(2) != []


def test_a_prompt_without_tokens_is_an_error(model: LanguageModel) -> None:
    with pytest.raises(SubjectError, match="has no token"):
        write_text(model, " ", 3)


def changed(saved: Path, folder: Path, **config: Any) -> Path:
    """Return a copy with another config and one tensor fewer."""
    folder.mkdir()
    for path in saved.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    values = json.loads((saved / "config.json").read_text()) | config
    (folder / "config.json").write_text(json.dumps(values))
    return folder


def test_a_model_that_lacks_a_weight_is_refused_by_its_name(saved: Path, tmp_path: Path) -> None:
    place = changed(saved, tmp_path / "part")
    weights = load_file(place / "model.safetensors")
    del weights["transformer.ln_f.weight"]
    save_file(weights, place / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SubjectError, match=r"lacks transformer\.ln_f\.weight"):
        load_language_model(place)


def test_a_config_with_more_layers_than_the_weights_is_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"lacks transformer\.h\.2\."):
        load_language_model(changed(saved, tmp_path / "deep", n_layer=3))


def test_only_a_kind_that_transformers_has_is_broken_where_it_does_not_load(
    saved: Path, tmp_path: Path
) -> None:
    known = changed(saved, tmp_path / "known", n_layer=3)
    assert "lacks" in load_model(known, "", tmp_path, "").fault
    own = changed(saved, tmp_path / "own", model_type="of-its-author")
    loaded = load_model(own, "", tmp_path, "")
    assert (loaded.model, loaded.fault) == (None, "")
    assert loaded.why_not
    assert load_model(saved, "", tmp_path, "").fault == ""


def test_a_folder_without_a_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match="is no model that transformers can load"):
        load_language_model(tmp_path)


def test_a_run_is_measured_against_its_first_checkpoint(
    saved: Path, model: LanguageModel, tmp_path: Path
) -> None:
    for step in (5, 10):
        changed(saved, tmp_path / f"checkpoint-{step}")
    learnt = measure_learning(model, tmp_path, "", WORDS, WORDS)
    assert (learnt.earlier, learnt.earlier_step) == (learnt.final, 5)
    assert learnt.trained == pytest.approx(learnt.final)
    assert learnt.guess == pytest.approx(math.log(model.vocabulary))


@pytest.mark.parametrize(
    ("loss", "right"), [(6.0, True), (9.0, True), (0.01, False), (740.0, False)]
)
def test_the_first_loss_is_that_of_a_guess(loss: float, right: bool) -> None:
    assert (new_loss([Step(1, loss, None)], 6.0) == "") is right


def test_a_log_that_begins_late_tells_nothing_of_the_first_loss() -> None:
    assert new_loss([Step(100, 0.2, None)], 6.0) == ""
    assert told_at_end([Step(1, 3.0, None), Step(2, 1.0, None)]) == 2.0
    assert told_at_end([]) is None


def test_losses_that_leap_say_less_of_a_model_than_those_that_stay() -> None:
    """A right trainer without dropout, at a high rate, told 4.13, 8.66 and 5.46 at the end."""
    leaping = [Step(number, loss, None) for number, loss in enumerate((4.13, 8.66, 5.46), 8)]
    calm = [Step(number, loss, None) for number, loss in enumerate((6.05, 6.08, 6.11), 8)]
    assert told_at_end(leaping) == pytest.approx(4.1, abs=told_tolerance(leaping, 4.1, 0.3))
    assert told_at_end(calm) != pytest.approx(4.1, abs=told_tolerance(calm, 4.1, 0.3))
    assert told_tolerance(calm[:1], 4.0, 0.3) == pytest.approx(1.2)


def _written(*texts: str) -> list[Written]:
    return [Written(f"prompt {number}", text, ()) for number, text in enumerate(texts)]


def test_a_model_that_has_learnt_and_writes_the_same_after_each_prompt_is_red() -> None:
    assert "does not read" in same_text(_written("a", "a"), 1.5, guess_of(65)).fault


def test_a_model_that_has_learnt_little_may_write_the_same_after_each_prompt() -> None:
    """As nanoGPT does after 60 updates, with its seed."""
    said = same_text(_written("a", "a"), 3.3, guess_of(65))
    assert said.fault == ""
    assert "its loss is 3.3, where a guess has 4.17" in said.why_unknown
    assert "no loss was told" in same_text(_written("a", "a"), None, guess_of(65)).why_unknown


def test_other_texts_after_other_prompts_are_right_and_one_prompt_shows_nothing() -> None:
    assert same_text(_written("a", "b"), 3.3, guess_of(65)) == ("", "")
    assert same_text([], None, guess_of(65)) == ("", "")
    assert "one prompt alone" in same_text(_written("a"), 1.5, guess_of(65)).why_unknown


def test_a_model_without_a_tokenizer_is_whole_and_needs_another_ones(
    saved: Path, tmp_path: Path
) -> None:
    """As transformers' Trainer saves it where it was given rows of ids."""
    bare = changed(saved, tmp_path / "bare")
    for path in bare.glob("tokenizer*"):
        path.unlink()
    (bare / "special_tokens_map.json").unlink(missing_ok=True)
    loaded = load_model(tmp_path, "bare", tmp_path, "")
    assert (loaded.model, loaded.fault) == (None, "")
    assert loaded.why_not == f"{bare} has no tokenizer; give the folder of one"
    assert load_model(tmp_path, "bare", saved.parent, saved.name).model is not None


def test_an_earlier_checkpoint_is_measured_with_the_tokenizer_that_was_given(
    saved: Path, tmp_path: Path
) -> None:
    for number in (2, 4):
        place = changed(saved, tmp_path / f"checkpoint-{number}")
        for path in place.glob("tokenizer*"):
            path.unlink()
    model = load_language_model(tmp_path / "checkpoint-4", saved)
    learnt = measure_learning(model, tmp_path, "", WORDS, WORDS)
    assert learnt.earlier == pytest.approx(learnt.final)
