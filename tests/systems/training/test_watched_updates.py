"""What updates do beside what the config says, and short trainings beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from proofbook_systems.training.running import Ended
from proofbook_systems.training.steps import Step, numbering_of
from proofbook_systems.training.variant_runs import (
    Trial,
    compare_first_updates,
    compare_precision,
    judge_overflow,
    judge_variants,
)
from proofbook_systems.training.watched_updates import (
    passes_of,
    rates_after,
    rates_of,
    repeated_rows,
    told_otherwise,
    too_long,
    why_not_clipped,
    why_rates_uncompared,
    why_rows_unjudged,
    wrong_mode,
    wrong_passes,
)
from proofbook_systems.training.watching import Batch, Row, Update, Watched


def watched(
    passes: Sequence[int], norms: Sequence[float] = (), rates: Sequence[float] = (),
    rows: str = "abcd",
) -> Watched:  # fmt: skip
    batch = Batch((len(rows), 8), tuple(Row(each, (1, 2), each) for each in rows))
    none = frozenset[str]()
    return Watched(updates=tuple(
        Update(
            number=number, batches=(batch,) * count, moved=none, unmoved=none, no_gradient=none,
            zero_gradient=none, grad_norm=norms[number - 1] if norms else 0.5,
            rates=(rates[number - 1],) if rates else (1e-3,),
        )
        for number, count in enumerate(passes, 1)
    ))  # fmt: skip


def test_the_last_update_of_an_epoch_may_have_fewer_passes() -> None:
    assert passes_of(watched([4, 4, 2, 4])) == 4
    assert wrong_passes(watched([4, 4, 2, 4]), 4, 4) == ""


@pytest.mark.parametrize(
    ("passes", "made", "words"),
    [
        ([1, 1, 1], 3, "most updates have 1 forward passes, and 2 are due"),
        ([2, 2, 3], 3, "update 3 has more than 2"),
        ([2, 2], 3, "2 updates were made, and 3 are due"),
    ],
)
def test_other_passes_than_configured_are_named(passes: list[int], made: int, words: str) -> None:
    assert words in wrong_passes(watched(passes), 2, made)


def test_gradients_longer_than_they_may_be_are_named() -> None:
    assert too_long(watched([1, 1], [1.0, 0.3]), 1.0) == []
    assert too_long(watched([1, 1], [1.0, 2.5]), 1.0) == ["update 2: 2.5"]
    assert why_not_clipped(watched([1, 1], [1.0, 0.3]), 1.0) == ""
    assert "none had to be cut" in why_not_clipped(watched([1, 1], [0.2, 0.3]), 1.0)


def test_rates_are_told_as_they_were_used_or_a_step_apart() -> None:
    used = [1e-3, 2e-3, 3e-3, 4e-3]
    seen = watched([1] * 4, rates=used)
    after = [Step(number, 1.0, rate) for number, rate in enumerate([*used[1:], 4e-3], 1)]
    assert told_otherwise(seen, after) == ""
    peak = [Step(number, 1.0, 4e-3) for number in range(1, 5)]
    assert told_otherwise(seen, peak).startswith("step 1 tells the learning rate 0.004")
    assert rates_after(seen, 10) == {11: 1e-3, 12: 2e-3, 13: 3e-3, 14: 4e-3}
    assert rates_of(Watched(), [Step(0, 1.0, 0.1), Step(1, 1.0, 0.2)]) == {1: 0.1, 2: 0.2}


def modes(quiet: str, drew: str) -> Watched:
    """Updates in evaluation mode (e), and what they drew: y, n, or ? where it is not known."""
    plain = watched([1] * len(quiet)).updates
    known = {"y": True, "n": False, "?": None}
    return Watched(updates=tuple(
        replace(each, in_eval_mode=mode == "e", drew=known[draws])
        for each, mode, draws in zip(plain, quiet, drew, strict=True)
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "dropout", "words"),
    [
        (modes("ttt", "yyy"), 0.1, ""),
        (modes("ttt", "nnn"), 0.0, ""),
        (modes("ttt", "???"), 0.1, ""),
        (modes("ttt", "nnn"), None, ""),
        (modes("eee", "nnn"), None, ""),
        (replace(modes("eee", "nnn"), dropout=frozenset({0.1})), None, "update 1 is computed in"),
        (modes("eee", "nnn"), 0.1, "update 1 is computed in the mode for evaluation"),
        (modes("tte", "yyn"), None, "update 3 is computed in the mode for evaluation"),
        (modes("ttt", "nnn"), 0.1, "dropout of 0.1 is configured: it is off"),
        (modes("ttt", "yyn"), None, "update 3 draws no random numbers, and update 1 does"),
    ],
)
def test_a_network_that_trains_in_another_mode_is_named(
    seen: Watched, dropout: float | None, words: str
) -> None:
    """One without dropout may train in any mode: it computes the same."""
    said = wrong_mode(seen, dropout)
    assert (words in said, bool(words)) == (True, bool(said))


def rows_of(*updates: str) -> Watched:
    return Watched(updates=tuple(
        replace(watched([1], rows=rows).updates[0], number=number)
        for number, rows in enumerate(updates, 1)
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (rows_of("abcd", "efgh", "ijkl", "mnop", "qrst", "abcd"), ""),
        (rows_of("abcd", "eagh", "ijkl", "mnop"), ""),
        (rows_of("abcd", "abcd"), ""),
        (
            rows_of("aabb", "ccdd", "eeff", "gghh"),
            "50% of the rows of an update are in it a second",
        ),
        (rows_of("abcd", "abcd", "abcd", "abcd"), "100% of the rows of an update were in one of"),
        (rows_of("abcd", "efgh", "abcd", "efgh", "abcd"), "in one of the 3 before it"),
    ],
)
def test_rows_that_come_again_at_once_are_named(seen: Watched, words: str) -> None:
    """A row by chance, and a short data set in its next epoch, are right."""
    said = repeated_rows(seen, 0.25)
    assert (words in said, bool(words)) == (True, bool(said))


def trial(losses: Mapping[int, float], code: int = 0, seen: Watched | None = None) -> Trial:
    steps = [Step(number, loss, None) for number, loss in losses.items()]
    ended = Ended(code=code, state=f"exited with code {code}", steps=steps, printed="", seconds=1.0)
    return Trial({"batch": "2"}, ended, seen or Watched())


WHOLE = trial({1: 6.0, 2: 5.5}, seen=watched([1, 1], [2.0, 1.0]))


@pytest.mark.parametrize(
    ("split", "words"),
    [
        (trial({1: 6.0, 2: 5.5}), ""),
        (trial({1: 12.0}), "passes are summed"),
        (trial({1: math.nan}), "step 1 has the loss nan"),
        (trial({1: 6.0}, seen=watched([2], [2.0], rows="ab")), "passes repeat rows, or lose them"),
        (trial({1: 6.0}, seen=watched([1], [4.0])), "it is not their mean"),
        (trial({}, code=1), "exited with code 1"),
        (trial({}), "no step told its loss in both"),
    ],
)
def test_a_batch_in_passes_is_that_batch(split: Trial, words: str) -> None:
    said = compare_first_updates(WHOLE, split)
    assert words in said
    assert bool(words) == bool(said)


def pointing(**norms: float) -> Watched:
    """Return two updates of which the first has these gradients, of length 2 in all."""
    seen = watched([1, 1], [2.0, 1.0])
    return replace(seen, updates=(replace(seen.updates[0], norms=norms), seen.updates[1]))


def test_gradients_of_one_length_that_point_elsewhere_are_named() -> None:
    whole = trial({1: 6.0}, seen=pointing(head=1.6, body=1.2))
    right = trial({1: 6.0}, seen=pointing(head=1.6001, body=1.1999))
    wrong = trial({1: 6.0}, seen=pointing(head=1.2, body=1.6))
    assert compare_first_updates(whole, right) == compare_first_updates(WHOLE, right) == ""
    assert "a gradient of 1.6 for body in several passes, and 1.2 in one" in compare_first_updates(
        whole, wrong
    )


def test_a_gradient_that_is_changed_between_passes_is_named() -> None:
    seen = watched([2, 2], [2.0, 1.0])
    changed = replace(seen, updates=(seen.updates[0], replace(seen.updates[1], changed=True)))
    said = compare_first_updates(WHOLE, trial({1: 6.0}, seen=changed))
    assert said.startswith("the gradient of update 2 is changed between two of its passes")
    assert compare_first_updates(WHOLE, trial({1: 6.0}, seen=seen)) == ""


@pytest.mark.parametrize(
    ("half", "words"),
    [
        (trial({1: 6.01, 2: 5.49}), ""),
        (trial({1: 6.0, 2: 5.5}, seen=watched([1, 1], [2.0, 1.0])), "nothing is computed in 16"),
        (trial({1: 6.0, 2: 5.5}, seen=watched([1, 1], [2.001, 1.0])), ""),
        (trial({1: 6.0, 2: 7.5}), "step 2 has the loss 7.5"),
        (trial({1: 6.0, 2: math.nan}), "step 2 has the loss nan"),
        (trial({}, code=1), "exited with code 1"),
    ],
)
def test_sixteen_bits_change_little_and_something(half: Trial, words: str) -> None:
    said = compare_precision(WHOLE, half)
    assert words in said.fault
    assert bool(words) == bool(said.fault)
    assert said.why_not == ""


@pytest.mark.parametrize(("loss", "is_known"), [(4.004, False), (4.0043217, True)])
def test_few_digits_of_a_loss_do_not_show_that_nothing_is_in_16_bits(
    loss: float, is_known: bool
) -> None:
    """As transformers' Trainer tells four of them, and nothing else is seen."""
    said = compare_precision(trial({1: loss}), trial({1: loss}))
    assert (bool(said.fault), bool(said.why_not)) == (is_known, not is_known)


def test_rows_that_are_drawn_otherwise_cannot_be_compared() -> None:
    """As nanoGPT draws them at random, with an evaluation between two passes."""
    other = trial({1: 6.4}, seen=watched([1], [9.0], rows="wxyz"))
    verdict = judge_variants({"whole": WHOLE, "split": other})["passes-add-up"]
    assert (verdict.fault, "nothing can be compared" in verdict.why_not) == ("", True)
    same = judge_variants({"whole": WHOLE, "split": WHOLE, "half": WHOLE})
    assert same["passes-add-up"] == ("", "")
    assert "nothing is computed in 16" in same["sixteen-bits"].fault


OVER = {3: 6.0, 4: 5.5}


@pytest.mark.parametrize(
    ("over", "fault", "why_not"),
    [
        (trial(OVER, seen=watched([3], [1.5])), "", ""),
        (trial(OVER, seen=watched([1, 1], [1.5, 1.5])), "", "nothing overflowed"),
        (
            trial(OVER, seen=watched([1, 1], [math.inf, 1.5])),
            "update 1 was made with a gradient",
            "",
        ),
        (trial({3: math.nan}, seen=watched([3], [1.5])), "loss of step 3 is not finite", ""),
        (trial(OVER, seen=watched([])), "every gradient overflowed, and the scale stays", ""),
        (trial(OVER, seen=watched([3], [1e-9])), "before their scale is taken away", ""),
        (trial(OVER, seen=watched([3], [65536.0])), "before their scale is taken away", ""),
        (trial(OVER, code=1), "exited with code 1", ""),
    ],
)
def test_gradients_that_overflow_are_left_out(over: Trial, fault: str, why_not: str) -> None:
    judged = judge_overflow(WHOLE, over)
    assert (fault in judged.fault, why_not in judged.why_not) == (True, True), judged
    assert (bool(fault), bool(why_not)) == (bool(judged.fault), bool(judged.why_not))


@pytest.mark.parametrize(
    ("told", "steps", "due"),
    [((1, 60), 60, 60), ((0, 59), 60, 60), ((0, 60), 60, 61), ((1, 61), 60, 60), ((0, 61), 60, 60)],
)
def test_a_training_that_counts_from_0_may_make_the_last_numbers_step(
    told: tuple[int, int], steps: int, due: int
) -> None:
    """As nanoGPT ends when its last number is passed."""
    numbering = numbering_of([Step(number, 1.0, None) for number in range(told[0], told[1] + 1)])
    assert numbering.due(steps, told[1]) == due


def test_what_is_no_number_is_not_within_its_limit() -> None:
    assert too_long(watched([1], [math.nan]), 1.0) == ["update 1: nan"]
    told = [Step(1, 2.0, math.nan)]
    assert told_otherwise(watched([1]), told).startswith("step 1 tells the learning rate nan")


def test_nothing_compared_is_told() -> None:
    assert why_rows_unjudged(watched([1] * 3)) == (
        "3 updates with rows were seen, and 4 are the fewest"
    )
    assert why_rows_unjudged(watched([1] * 4)) == ""
    assert why_rates_uncompared(watched([]), []).startswith("no update by a PyTorch optimizer")
    assert why_rates_uncompared(watched([1]), [Step(1, 2.0, None)]).startswith("no step tells")
    assert why_rates_uncompared(watched([1]), [Step(1, 2.0, 1e-3)]) == ""


def test_a_short_training_that_ends_badly_is_a_fault_whatever_its_rows() -> None:
    other = trial(OVER, seen=watched([1], rows="efgh"), code=1)
    split = judge_variants({"whole": WHOLE, "split": other})["passes-add-up"]
    assert ("exited with code 1" in split.fault, split.why_not) == (True, "")
    whole = trial(OVER, code=1)
    assert "exited with code 1" in judge_overflow(whole, trial(OVER, seen=watched([1] * 9))).fault


def test_a_gradient_that_is_changed_between_passes_is_a_fault_whatever_their_rows() -> None:
    seen = watched([2], rows="efgh")
    other = trial({1: 6.0}, seen=seen)
    changed = replace(seen, updates=(replace(seen.updates[0], changed=True),))
    assert judge_variants({"whole": WHOLE, "split": other})["passes-add-up"].why_not
    split = judge_variants({"whole": WHOLE, "split": other._replace(seen=changed)})["passes-add-up"]
    assert ("is changed between two" in split.fault, split.why_not) == (True, "")
