"""Two libraries, one face: what goes in comes out, in order, at the length that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.tokenizers import TextTokenizer, load_tokenizer, train_tokenizer
from proofbook_subjects.foundry.tokenizers.hugging_face import HuggingFaceTokenizer
from proofbook_subjects.foundry.tokenizers.loading import tokenizer_hash
from proofbook_subjects.foundry.tokenizers.sentence_piece import SentencePieceTokenizer
from proofbook_subjects.foundry.writing import write_stories

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TEXTS = [*write_stories(30, 1)]
_TRAINED: dict[str, TextTokenizer] = {}


@pytest.fixture(params=["bpe", "sentencepiece"])
def tokenizer(request: pytest.FixtureRequest) -> TextTokenizer:
    kind = request.param
    if kind not in _TRAINED:
        _TRAINED[kind] = train_tokenizer(TEXTS, 320, kind)
    return _TRAINED[kind]


def test_special_tokens_have_their_places(tokenizer: TextTokenizer) -> None:
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.bos_token_id) == (0, 1, 2)
    assert tokenizer.mask_token_id is not None
    assert {0, 1, 2, tokenizer.mask_token_id} <= tokenizer.special_ids
    assert 261 <= tokenizer.vocab_size <= 320


def test_text_is_encoded_with_and_without_special_tokens(tokenizer: TextTokenizer) -> None:
    plain = tokenizer.encode("the bronze bell", add_special_tokens=False)
    assert tokenizer.encode("the bronze bell") == [2, *plain, 1]
    assert max(plain) < tokenizer.vocab_size
    assert tokenizer.encode_documents(["the bell"])[0][-1] == 1


def test_text_is_decoded_with_and_without_special_tokens(tokenizer: TextTokenizer) -> None:
    ids = tokenizer.encode("a gear")
    assert tokenizer.decode(ids) == "a gear"
    assert tokenizer.decode(ids, skip_special_tokens=False) == "<s>a gear</s>"


@pytest.mark.exhaustive
@settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0▁"), max_size=40)
)
def test_any_text_comes_back_as_it_was(tokenizer: TextTokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_batch_keeps_its_order(tokenizer: TextTokenizer) -> None:
    assert tokenizer.encode_batch(TEXTS[:9]) == [tokenizer.encode(text) for text in TEXTS[:9]]
    assert tokenizer.encode_batch([]) == []


def test_sequences_are_padded_and_cut_to_one_length(tokenizer: TextTokenizer) -> None:
    padded = tokenizer.pad([[5, 6, 7], [8]])
    assert padded.input_ids == [[5, 6, 7], [8, 0, 0]]
    assert padded.attention_mask == [[1, 1, 1], [1, 0, 0]]
    assert tokenizer.pad([[5, 6, 7], [8]], 2).input_ids == [[5, 6], [8, 0]]
    assert tokenizer.pad([]).input_ids == []


def test_a_tokenizer_without_padding_says_so(tokenizer: TextTokenizer) -> None:
    class Bare(SentencePieceTokenizer):
        def __init__(self) -> None:
            self.pad_token_id = None

    assert Bare().pad([[1, 2]]).input_ids == [[1, 2]]
    with pytest.raises(SubjectError, match="no padding token"):
        Bare().pad([[1, 2], [3]])


def test_saved_it_is_loaded_the_same(tokenizer: TextTokenizer, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path / "t")
    loaded = load_tokenizer(tmp_path / "t")
    assert type(loaded) is type(tokenizer)
    assert loaded.vocab_size == tokenizer.vocab_size
    assert loaded.special_ids == tokenizer.special_ids
    assert loaded.encode_batch(TEXTS) == tokenizer.encode_batch(TEXTS)


def test_a_folder_without_hugging_faces_files_is_sentencepieces(tmp_path: Path) -> None:
    train_tokenizer(TEXTS, 300, "sentencepiece").save_pretrained(tmp_path)
    assert isinstance(load_tokenizer(tmp_path), SentencePieceTokenizer)
    train_tokenizer(TEXTS, 300, "bpe").save_pretrained(tmp_path)
    assert isinstance(load_tokenizer(tmp_path), HuggingFaceTokenizer)


@pytest.mark.parametrize("kind", ["bpe", "sentencepiece"])
def test_the_same_texts_give_the_same_tokenizer(kind: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        train_tokenizer(TEXTS, 300, kind).save_pretrained(tmp_path / name)  # type: ignore[arg-type]
    assert tokenizer_hash(tmp_path / "a") == tokenizer_hash(tmp_path / "b")


@pytest.mark.parametrize("kind", ["bpe", "sentencepiece"])
@pytest.mark.parametrize("texts", [[], ["", "  "]])
def test_nothing_to_train_on_is_refused(kind: str, texts: list[str]) -> None:
    with pytest.raises(SubjectError, match=r"empty|cannot be trained"):
        train_tokenizer(texts, 300, kind)  # type: ignore[arg-type]


def test_a_vocabulary_that_has_no_room_for_bytes_is_refused() -> None:
    with pytest.raises(SubjectError, match="too small to train"):
        train_tokenizer(TEXTS, 200, "bpe")


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer.model"])
def test_a_broken_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{broken")
    with pytest.raises(SubjectError, match="cannot be loaded"):
        load_tokenizer(tmp_path)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match="run train-tokenizer first"):
        load_tokenizer(tmp_path)
