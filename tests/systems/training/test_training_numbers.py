"""Steps are read as they are told; a trend, and a growth, is only called where there is one."""

from __future__ import annotations

import math
from random import Random

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.training.artefacts import names_gpu
from proofbook_systems.training.comparison import compare_steps, stitch
from proofbook_systems.training.memory_trend import find_growth, seconds_per_step
from proofbook_systems.training.running import MemorySample
from proofbook_systems.training.steps import Step
from proofbook_systems.training.trend import find_trend, known, not_finite, why_unknown
from proofbook_systems.training.troubleshooting import find_advice


def noisy(slope: float, count: int = 60) -> list[float]:
    random = Random(5)
    return [1 + slope * index + random.gauss(0, 0.2) for index in range(count)]


def test_a_fall_is_called_one_and_noise_is_not() -> None:
    assert find_trend(noisy(-0.01)).falling
    assert not find_trend(noisy(0)).falling
    assert not find_trend(noisy(0.01)).falling
    found = find_trend(noisy(-0.01))
    assert found.low < found.slope < found.high < 0
    assert found.slope == pytest.approx(-0.01, abs=0.004)


@pytest.mark.parametrize(
    ("values", "is_open"),
    [
        (noisy(0), True), (noisy(-0.01), False), (noisy(0.02), False), ([1.0] * 20, False),
        ([10 + value for value in noisy(0)], False), ([0.0] * 20, False),
    ],
)  # fmt: skip
def test_what_may_be_a_slow_fall_is_not_called_learning_nothing(
    values: list[float], is_open: bool
) -> None:
    assert ("may hide a fall of" in find_trend(values).why_open) == is_open


def test_a_rise_is_called_one() -> None:
    assert find_trend(noisy(0.02)).rising
    assert not find_trend(noisy(0)).rising


def test_a_lucky_last_value_makes_no_fall() -> None:
    assert not find_trend([*noisy(0), 0.0]).falling


@pytest.mark.parametrize("values", [[1.0] * 7, [1.0] * 20 + [math.nan]])
def test_too_few_values_or_broken_ones_are_no_trend(values: list[float]) -> None:
    with pytest.raises(SubjectError, match=r"too few for a trend|not finite"):
        find_trend(values)


def test_why_no_trend_is_known_is_told() -> None:
    assert known([1.0] * 8)
    assert not known([1.0] * 7)
    assert why_unknown([1.0] * 7) == "7 losses are too few for a trend; at least 8 are needed"
    assert why_unknown([1.0] * 8 + [math.inf]) == "some losses are not finite"
    assert not_finite([Step(3, math.nan, None), Step(4, None, None)]) == ["step 3: nan"]


def memory(per_step: float, count: int = 40) -> list[MemorySample]:
    random = Random(1)
    return [
        MemorySample(i * 0.1, i + 1, round(1e8 + i * per_step * 1e6 + random.gauss(0, 2e5)))
        for i in range(count)
    ]


def test_growth_is_seen_and_steadiness_is_not_called_growth() -> None:
    assert find_growth(memory(3)).low > 2
    assert find_growth(memory(0)).low <= 0
    assert find_growth(memory(3)).known
    assert not find_growth(memory(3, 6)).known
    assert seconds_per_step(memory(0)) == pytest.approx(0.1)
    assert seconds_per_step([]) == 0


def test_many_readings_of_one_step_are_one() -> None:
    """On a slow machine a step is read often, and steady memory is read as the same each time."""
    steps = [1] * 10 + [2] * 2 + [3]
    few = [MemorySample(n * 0.1, step, step * 10**8) for n, step in enumerate(steps)]
    assert (find_growth(few).known, find_growth(few).samples) == (False, 2)
    often = [sample for sample in memory(3) for _ in range(20)]
    assert find_growth(often) == find_growth(memory(3))
    stepped = [
        MemorySample(n * 0.1, 1 + n // 5, 100_000_000 + (n // 15) * 1_000_000) for n in range(60)
    ]
    growth = find_growth(stepped)
    assert growth.known and growth.low <= growth.slope <= growth.high


def test_the_first_departure_of_each_sequence_is_named() -> None:
    ours = [Step(n, 1.0 / n, 0.1) for n in range(1, 6)]
    assert compare_steps(ours, ours) == []
    theirs = [*ours[:2], Step(3, 0.5, 0.1), Step(4, 0.25, 0.2), ours[4]]
    words = [found.words for found in compare_steps(ours, theirs)]
    assert words == ["learning rate departs at step 4, by 0.1", "loss departs at step 3, by 0.167"]
    (shorter, *_) = compare_steps(ours, ours[:4])
    assert shorter.words == "step sequence departs at step 5, has nothing to compare"
    (broken,) = compare_steps([*ours[:4], Step(5, math.nan, 0.1)], ours)
    assert broken.words == "loss departs at step 5, where one is NaN"


def test_steps_are_compared_by_their_number_and_not_by_their_place() -> None:
    ours = [Step(n, 1.0 / n, 0.1) for n in range(1, 9)]
    skipped = [step for step in ours if step.number != 4]
    (found,) = compare_steps(skipped, ours)
    assert found.words == "step sequence departs at step 4, has nothing to compare"
    throttled = [ours[n] for n in (0, 2, 5, 7)]
    assert compare_steps(throttled, [ours[n] for n in (0, 3, 4, 7)]) == []


def test_a_repeated_step_counts_as_it_was_made_last() -> None:
    first = [Step(n, 1.0, 0.1) for n in (1, 2, 3)]
    second = [Step(n, 2.0, 0.1) for n in (3, 4)]
    assert stitch([first, second, []]) == [*first[:2], *second]


@pytest.mark.parametrize(
    ("printed", "advice"),
    [
        ("RuntimeError: CUDA out of memory. Tried", "gradient_checkpointing: true"),
        ("requests.exceptions.ReadTimeout: HTTPSConnectionPool", "download the base model"),
        (
            "RuntimeError: expected scalar type Float but found Half",
            "format of the trained weights",
        ),
        ("OSError: [Errno 28] No space left on device", "keep fewer checkpoints"),
        ("", "data loader workers to 0"),
        ("step 3 loss=nan", "lower the learning rate"),
    ],
)
def test_the_checklists_advice_stands_beside_the_failure(printed: str, advice: str) -> None:
    assert advice in " ".join(find_advice(printed))


def test_further_advice_is_given_for_a_symptom_or_a_pattern() -> None:
    further = {"out of memory": "512 pixels fit", r"NCCL \w+": "use one GPU", "other": "never"}
    assert find_advice("CUDA out of memory", further)[0].endswith("use the GPU; 512 pixels fit")
    assert find_advice("ncCL timeout", further) == [r"NCCL \w+: use one GPU"]
    with pytest.raises(SubjectError, match=r"^advice: '\(' is not a regular expression: "):
        find_advice("x", {"(": "y"})


def test_a_sound_training_gets_no_advice() -> None:
    assert find_advice("Steps: 100%|██| 4/4 [00:01<00:00, loss=0.1]") == []


@pytest.mark.parametrize(
    "printed",
    [
        "Device: cuda",
        "using device cuda:0\nSteps: 1/4",
        "GPU: NVIDIA A100-SXM4-80GB",
        "device: cuda, 4 CPU workers, fp16: False",
    ],
)
def test_a_card_that_is_used_is_seen(printed: str) -> None:
    assert names_gpu(printed)


@pytest.mark.parametrize(
    "printed",
    [
        "Device: cpu",
        "CUDA is not available; training on the processor",
        "UserWarning: no GPU was found",
        "RuntimeError: CUDA out of memory. Tried to allocate",
        "torch.cuda.is_available(): False",
        "CUDA failed; falling back to CPU",
        "",
    ],
)
def test_a_card_that_is_missing_is_not_taken_for_one(printed: str) -> None:
    assert not names_gpu(printed)
