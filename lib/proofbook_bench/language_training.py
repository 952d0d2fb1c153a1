"""Seconds per step of language-model trainings: our framework, a plain loop, nanoGPT.

One thread a side. Our framework and the plain loop train in turns in one process. nanoGPT's figure
is a long training less a short one, so its start does not count.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook_bench.pairs import Pairs, named

__all__ = ["Speeds", "measure_nanogpt", "measure_pairs", "write_project"]

_FOUNDRY = "proofbook_subjects.foundry"
_PAIRS = "proofbook_bench.programs.language_pairs"
_BATCH, _LENGTH, _LAYERS, _WIDTH, _HEADS = 8, 64, 4, 128, 4
_VOCABULARY = 400


def write_project(folder: Path) -> Path:
    """Write a project with texts, prepare its data, and return the config of both sides."""
    import yaml

    from proofbook_subjects.foundry.projects import write_project as write_small

    path = write_small("foundry", folder)
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    values["data"] |= {"batch_size": _BATCH, "max_sequence_length": _LENGTH}
    values["data"].pop("test_corpus")
    values["model"] |= {
        "layers": _LAYERS, "embedding_size": _WIDTH, "hidden_size": _WIDTH, "dropout": 0.0,
        "intermediate_hidden_size": 4 * _WIDTH, "attention_heads": _HEADS, "attention_dropout": 0.0,
    }  # fmt: skip
    values["training"] |= {"checkpoint_every": 100_000}
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    _run_foundry(path, 5)
    return path


class Speeds(NamedTuple):
    """Seconds of a step, of both sides."""

    cpu: Pairs
    """Of the processor: what other programs do on the machine counts little."""
    wall: Pairs
    """By the clock."""


def measure_pairs(config: Path, steps: int, rounds: int) -> Speeds:
    """Train by the framework and by the plain loop in turns, ``rounds`` times each.

    Raises:
        SubjectError: One of them failed: it has no speed.
    """
    words = [sys.executable, "-m", _PAIRS, str(config), str(steps), str(rounds)]
    found = json.loads(_run(words, config.parent).splitlines()[-1])
    cpu, wall = (
        Pairs(
            subject=tuple(each[kind] for each in found["subject"]),
            peer=tuple(each[kind] for each in found["peer"]),
            names=("the framework", f"a plain loop, {named('torch')}"), unit=unit,
        )
        for kind, unit in enumerate(("CPU s/step", "s/step"))
    )  # fmt: skip
    return Speeds(cpu, wall)


def measure_nanogpt(checkout: str, config: Path, steps: int) -> float:
    """Return the CPU seconds per step of nanoGPT's own ``train.py``, in a copy of its checkout.

    Raises:
        SubjectError: There is no such checkout, or it failed.
    """
    source = Path(checkout).expanduser()
    if not (source / "train.py").is_file():
        raise SubjectError(f"nanogpt {source} has no train.py; give a checkout of nanoGPT")
    copy = config.parent / "nanogpt"
    if not copy.exists():
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns(".git", "assets"))
        _write_tokens(copy / "data" / "same")
    return _difference(lambda number: _run(_nanogpt_words(number), copy), steps)


def _nanogpt_words(steps: int) -> list[str]:
    given = {
        "dataset": "same", "device": "cpu", "dtype": "float32", "compile": False, "n_head": _HEADS,
        "n_layer": _LAYERS, "n_embd": _WIDTH, "block_size": _LENGTH, "batch_size": _BATCH,
        "gradient_accumulation_steps": 1, "max_iters": steps, "lr_decay_iters": steps,
        "eval_interval": 100_000, "eval_iters": 1, "log_interval": 1, "learning_rate": 3e-3,
        "always_save_checkpoint": False, "warmup_iters": 4, "beta2": 0.999,
    }  # fmt: skip
    return [sys.executable, "train.py", *(f"--{name}={value}" for name, value in given.items())]


def _write_tokens(folder: Path) -> None:
    import pickle

    import numpy as np

    folder.mkdir(parents=True)
    tokens = np.random.default_rng(1).integers(_VOCABULARY, size=50_000).astype(np.uint16)
    for name in ("train", "val"):
        tokens.tofile(folder / f"{name}.bin")
    (folder / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": _VOCABULARY}))


def _run_foundry(config: Path, steps: int) -> None:
    output = config.parent / "speed"
    shutil.rmtree(output, ignore_errors=True)
    changed = config.with_name(f"steps-{steps}.yaml")
    text = config.read_text(encoding="utf-8")
    changed.write_text(text.replace("train_steps: 60", f"train_steps: {steps}"), encoding="utf-8")
    words = [sys.executable, "-m", _FOUNDRY, "run", "--config", str(changed)]
    _run([*words, "--output-dir", str(output)], config.parent)


def _difference(train: Callable[[int], object], steps: int) -> float:
    """Return the CPU seconds of one step: of a training of 4/3 ``steps`` less one of a third."""
    few = steps // 3
    short, long = _cpu_seconds(train, few), _cpu_seconds(train, few + steps)
    return (long - short) / steps


def _cpu_seconds(train: Callable[[int], object], steps: int) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    train(steps)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(words: Sequence[str], folder: Path) -> str:
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, cwd=folder,
        env={**os.environ, **one_thread},
    )  # fmt: skip
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it printed nothing"]
        raise SubjectError(f"{words[1]} {words[2]} exited with {done.returncode}: {lines[-1]}")
    return done.stdout
