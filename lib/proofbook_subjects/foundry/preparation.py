"""Everything that a training needs, made in steps; each is left out where its result is current."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.data.batches import ChunkDataset
from proofbook_subjects.foundry.data.chunking import Chunks, make_chunks
from proofbook_subjects.foundry.data.corpora import (
    clean_texts,
    corpus_hash,
    read_texts,
    write_texts,
)
from proofbook_subjects.foundry.data.tokenized import (
    SOURCE_FILE,
    is_tokenized_from,
    load_tokenized,
    tokenize_corpus,
    validate_tokenized,
)
from proofbook_subjects.foundry.data.transforms import Transform, add_noise, mask_tokens
from proofbook_subjects.foundry.tokenizers import TextTokenizer, load_tokenizer, train_tokenizer
from proofbook_subjects.foundry.tokenizers.loading import tokenizer_hash

__all__ = ["Paths", "Preparation", "Prepared"]

_CLEAN = "clean.jsonl"

Say = Callable[[str], object]


class Paths(NamedTuple):
    """Where everything of an experiment is."""

    source: Path
    corpus: Path
    test_corpus: Path | None
    tokenizer: Path
    tokenized: Path
    cache: Path
    output: Path
    logs: Path

    @classmethod
    def of(cls, config: ExperimentConfig, project: Path) -> Paths:
        """Return an experiment's paths in a project's folder."""
        data, output = config.data, project / config.training.output_dir
        corpus = project / data.training_corpus
        tokenized = (
            project / data.tokenized_dir
            if data.tokenized_dir
            else corpus.with_name(f"{corpus.stem}_tokenized")
        )
        cache = project / data.cache_dir if data.cache_dir else tokenized.with_name("chunks")
        return cls(
            project / data.source_corpus, corpus,
            project / data.test_corpus if data.test_corpus else None,
            project / config.tokenizer.output_dir, tokenized, cache, output,
            output / config.logging.dir,
        )  # fmt: skip


class Prepared(NamedTuple):
    """What a training starts from."""

    tokenizer: TextTokenizer
    training: Chunks
    test: Chunks | None


class Preparation:
    """The steps of one experiment, in order, for the command line and the trainer."""

    def __init__(self, config: ExperimentConfig, project: Path, say: Say) -> None:
        self._config, self._project, self._say = config, project, say
        self.paths = Paths.of(config, project)

    def prepare(self) -> Prepared:
        """Return what a training starts from; what is missing or not current is made.

        Raises:
            SubjectError: Something cannot be.
        """
        from filelock import FileLock

        self.paths.tokenized.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.paths.tokenized.parent / ".foundry.lock"):
            if not self._is_foreign(self.paths.tokenized) and not self.paths.corpus.exists():
                self.preprocess()
            tokenizer = self.tokenizer()
            training = self.chunks(self._tokenized(self.paths.corpus, self.paths.tokenized))
            test = self._test_chunks()
        return Prepared(tokenizer, training, test)

    def preprocess(self) -> None:
        """Make the training corpus of the source, by the config's own program or by cleaning.

        Raises:
            SubjectError: There is no source, or the program failed.
        """
        data, (source, corpus) = self._config.data, self.paths[:2]
        if data.preprocess_command:
            self._run_program(source, corpus)
        elif source.resolve() == corpus.resolve():
            self._say(f"Corpus: {corpus} is its own source")
        else:
            path = corpus if corpus.suffix == ".jsonl" else corpus / _CLEAN
            count = write_texts(clean_texts(read_texts(source), data.cleaning), path)
            self._say(f"Corpus: {count} documents in {path}")
        if not corpus.exists():
            raise SubjectError(f"training_corpus {corpus} does not exist; run preprocess")

    def train_tokenizer(self) -> TextTokenizer:
        """Train a tokenizer on the training corpus, and save it."""
        wanted = self._config.tokenizer
        tokenizer = train_tokenizer(read_texts(self.paths.corpus), wanted.vocab_size, wanted.kind)
        self._save(tokenizer)
        self._say(f"Tokenizer: {tokenizer.vocab_size} tokens in {self.paths.tokenizer}")
        return load_tokenizer(self.paths.tokenizer)

    def _save(self, tokenizer: TextTokenizer) -> None:
        """Write a tokenizer's files whole: half of one would be taken for a broken tokenizer."""
        folder = self.paths.tokenizer
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            tokenizer.save_pretrained(partial)
            folder.mkdir(parents=True, exist_ok=True)
            for file in sorted(partial.iterdir()):
                file.replace(folder / file.name)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def tokenizer(self) -> TextTokenizer:
        """Return the tokenizer; trained where there is none.

        Raises:
            SubjectError: It has more tokens than the model.
        """
        folder = self.paths.tokenizer
        is_there = folder.is_dir() and any(folder.iterdir())
        tokenizer = load_tokenizer(folder) if is_there else self.train_tokenizer()
        if tokenizer.vocab_size > self._config.tokenizer.vocab_size:
            raise SubjectError(
                f"tokenizer {folder} has {tokenizer.vocab_size} tokens, and tokenizer.vocab_size "
                f"is {self._config.tokenizer.vocab_size}: it is another one"
            )
        return tokenizer

    def tokenize(self) -> Path:
        """Make tokens of the training corpus, and return their folder."""
        return self._tokenized(self.paths.corpus, self.paths.tokenized)

    def chunks(self, tokenized: Path) -> Chunks:
        """Return the chunks of tokens, validated and cut where that has not been done before."""
        dataset = load_tokenized(tokenized)
        data = self._config.data
        validate_tokenized(dataset, self._config.tokenizer.vocab_size)
        return make_chunks(
            dataset, data.max_sequence_length, self.paths.cache, remainder=data.remainder,
            pad_id=self.tokenizer().pad_token_id or 0,
        )  # fmt: skip

    def dataset(self, chunks: Chunks, tokenizer: TextTokenizer) -> ChunkDataset:
        """Return chunks with the transforms that the config asks for.

        Raises:
            SubjectError: A masked model's tokenizer has no mask.
        """
        config, special = self._config, sorted(tokenizer.special_ids)
        transforms: list[Transform] = []
        size = tokenizer.vocab_size
        if config.data.token_noise:
            transforms.append(add_noise(config.data.token_noise, size, special))
        if config.model.is_masked:
            mask = tokenizer.mask_token_id
            if mask is None:
                raise SubjectError("the tokenizer has no mask token, which a masked model needs")
            transforms.append(mask_tokens(config.data.mask_probability, mask, size, special))
        return ChunkDataset(chunks, config.random_seed, transforms)

    def _tokenized(self, corpus: Path, folder: Path) -> Path:
        if self._is_foreign(folder):
            return folder
        tokenizer = self.tokenizer()  # trained first, where there is none
        source = {
            "corpus": corpus_hash(corpus), "tokenizer": tokenizer_hash(self.paths.tokenizer),
        }  # fmt: skip
        if not is_tokenized_from(folder, source):
            count = tokenize_corpus(corpus, tokenizer, folder, source)
            self._say(f"Tokens: {count} documents in {folder}")
        return folder

    def _test_chunks(self) -> Chunks | None:
        corpus = self.paths.test_corpus
        if corpus is None:
            return None
        if not corpus.exists():
            self._say(f"test_corpus {corpus} does not exist; nothing is evaluated")
            return None
        folder = self.paths.tokenized.with_name(f"{self.paths.tokenized.name}_test")
        return self.chunks(self._tokenized(corpus, folder))

    @staticmethod
    def _is_foreign(folder: Path) -> bool:
        """Say whether tokens were made by somebody else, who alone can make them again."""
        return folder.is_dir() and not (folder / SOURCE_FILE).exists()

    def _run_program(self, source: Path, corpus: Path) -> None:
        words = [
            word.replace("{source}", str(source)).replace("{target}", str(corpus))
            for word in self._config.data.preprocess_command
        ]
        try:
            done = subprocess.run(
                words, cwd=self._project, capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise SubjectError(
                f"preprocess_command {words[0]} cannot be started: {error}"
            ) from error
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it printed nothing"]
            raise SubjectError(f"preprocess_command ended with {done.returncode}: {last[0]}")
