"""Steps are recognised in whatever form they are told, and compared by their number."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.training.event_files import Scalar, read_scalars
from proofbook_systems.training.log_files import Entry, count_kept, read_log
from proofbook_systems.training.log_lines import FORMS, own_form, read_lines
from proofbook_systems.training.resumption import partly_told
from proofbook_systems.training.running import Ended
from proofbook_systems.training.steps import Recognised, Step, StepLog, numbering_of

LINES = [
    (
        "[titan] \x1b[31mstep:  5  \x1b[32mloss:  8.25  \x1b[33mmemory: 1GiB(2.0%) tps: 3,000",
        5,
        8.25,
    ),
    ("Epoch 1 | iter 5 step 5 | loss train: 3.250, val: n/a | iter time: 12.3 ms", 5, 3.25),
    ("steps:  17%|█▋        | 5/30 [00:10<00:50,  2.0s/it, avr_loss=0.25]", 5, 0.25),
    (
        " iteration        5/      30 | learning rate: 1.0E-04 | lm loss: 9.6E+00 | loss scale: 1",
        5,
        9.6,
    ),
    ("step 00005/00030 (16.67%) | loss: 0.250000 | lrm: 1.00 | dt: 3.00ms", 5, 0.25),
    ("step:5/30 train_loss:0.2500 train_time:12ms step_avg:2ms", 5, 0.25),
    ("Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.250000", 640, 2.25),
    ("global_step=5 train_loss=0.25 lr=1e-4", 5, 0.25),
    ("2026-01-01 - INFO - Epoch(train) [1][ 5/30]  lr: 1.0e-03  loss: 0.25", 5, 0.25),
    ('{"step": 5, "loss": 0.25}', 5, 0.25),
    ("step 5: train loss 0.25, val loss 0.3", 5, 0.25),
    (
        "| epoch   1 |     5/   30 batches | lr 5.00 | ms/batch 12.00 | loss  0.25 | ppl 1.2",
        5,
        0.25,
    ),
    ("Epoch 0/2  ━━━━━━━━━━━ 5/30 0:00:01 • 0:00:03 4.9it/s v_num: 0 train_loss: 0.25", 5, 0.25),
    ("[batch=5/30]: Train loss/train/total: 0.2500", 5, 0.25),
    ("Epoch: [1][ 5/30]\tTime 0.1 Loss 2.5e-01 (2.6e-01)", 5, 0.25),
    ("Epoch 5/30 - loss: 0.25 - val_loss: 0.3", 5, 0.25),
    ("batch 5 loss: 0.25", 5, 0.25),
    *[(form.sample, 5, 0.25) for form in FORMS if "Epoch 1" not in form.sample],
]


@pytest.mark.parametrize(("line", "number", "loss"), LINES)
def test_a_step_is_recognised(line: str, number: int, loss: float, tmp_path: Path) -> None:
    found, steps = StepLog(output=tmp_path).read(line)
    assert found is not None
    assert [(step.number, step.loss) for step in steps] == [(number, loss)]


@pytest.mark.parametrize(
    "line",
    [
        "max_iters = 5000  # make equal to lr_decay_iters usually",
        "lr_decay_iters = 5000",
        "Epoch 1 took 12.3 s, loss went down",
        "step 5 done",
        "Loading checkpoint shards: 100%|██| 2/2 [00:01<00:00]",
        "val loss 0.25 at step 5",
        "Downloading data: 5/30 [00:01<00:02]",
    ],
)
def test_what_is_no_step_is_not_taken_for_one(line: str, tmp_path: Path) -> None:
    assert StepLog(output=tmp_path).read(line) == (None, [])


def test_epochs_of_which_steps_are_counted_are_added_up(tmp_path: Path) -> None:
    bars = "".join(
        f"Epoch {epoch}:  50%|██  | {n}/3 [00:01<00:05, 4.9it/s, train_loss={epoch}.{n}]\r"
        for epoch in (0, 1) for n in (1, 2, 3)
    )  # fmt: skip
    _, steps = StepLog(output=tmp_path).read(bars)
    assert [step.number for step in steps] == [1, 2, 3, 4, 5, 6]
    later = StepLog(output=tmp_path, known=StepLog(output=tmp_path).read(bars)[0])
    assert [step.number for step in later.read(bars[len(bars) // 2 :])[1]] == [4, 5, 6]


def test_bars_that_begin_again_with_each_epoch_are_added_up(tmp_path: Path) -> None:
    bars = "".join(f"train: {n}/3 [00:01<00:05, loss=0.{n}]\r" for n in (1, 2, 3, 1, 2, 3))
    assert [s.number for s in StepLog(output=tmp_path).read(bars)[1]] == [1, 2, 3, 4, 5, 6]


def test_dictionaries_are_numbered_by_their_epochs_where_a_bar_is_printed_rarely(
    tmp_path: Path,
) -> None:
    told = "".join(
        f"{max(1, n - n % 4)}/20 [00:01<00:02]\r{{'loss': '0.{n:02d}', 'epoch': '{n / 10:.4g}'}}\n"
        for n in range(1, 21)
    )
    found, steps = StepLog(output=tmp_path).read(f"{told}20/20 [00:01<00:00]\n")
    assert [step.number for step in steps] == list(range(1, 21))
    assert found is not None and found.steps_an_epoch == 10
    summary = "{'train_runtime': '1.2', 'train_loss': '0.5', 'epoch': '2'}\n"
    assert StepLog(output=tmp_path).read(told + summary)[1][-1].loss == 0.2


def test_a_log_is_taken_in_place_of_a_bar_that_a_clock_draws(tmp_path: Path) -> None:
    """Beside step 3 stands the loss of step 2: it was drawn before that of step 3 was known."""
    losses = [0.5, 0.4, 0.4, 0.2]
    bar = "".join(
        f"Epoch 0/0 ━━━━ {n}/4 0:00:00 • 0:00:00 9.5it/s\n   train_loss: {loss}\n"
        for n, loss in enumerate(losses, 1)
    )
    alone, steps = StepLog(output=tmp_path).read(bar)
    assert alone is not None and alone.is_drawn and "its losses are not compared" in alone.words
    assert [step.loss for step in steps] == losses
    (tmp_path / "metrics.csv").write_text("step,train_loss\n0,0.5\n1,0.4\n2,0.3\n")
    found, steps = StepLog(output=tmp_path).read(bar)
    assert found is not None and (found.place, found.is_drawn) == ("metrics.csv", False)
    plain = "".join(
        f"Epoch 1: 50%|█ | {n}/4 [00:01<00:02, 9it/s, train_loss=0.{n}]\r" for n in (1, 2, 3, 4)
    )
    found, steps = StepLog(output=tmp_path).read(plain)
    assert found is not None and (len(steps), found.is_drawn) == (4, False)


def test_dictionaries_without_a_bar_are_numbered_by_what_checkpoints_tell_of_an_epoch(
    tmp_path: Path,
) -> None:
    """The bars are those of written files; a later start has no checkpoint of its own yet."""
    shards = "Writing model shards: 100%|##| 1/1 [00:00<00:00, 9.5it/s]\n"
    lines = [f"{{'loss': '0.{n:02d}', 'epoch': '{n / 25:.4g}'}}\n" for n in range(7, 40, 7)]
    told = lines[0] + shards + "".join(lines[1:])
    found, steps = StepLog(output=tmp_path).read(told)
    assert [step.number for step in steps] == [1, 2, 3, 4, 5]
    later = StepLog(output=tmp_path, known=found).read("".join(lines[3:]))[1]
    assert [step.number for step in later] == [4, 5]  # nothing tells what is between two
    state = tmp_path / "checkpoint-8" / "trainer_state.json"
    state.parent.mkdir()
    state.write_text(json.dumps({"global_step": 8, "epoch": 0.32, "log_history": []}))
    found, steps = StepLog(output=tmp_path).read(told)
    assert [step.number for step in steps] == [7, 14, 21, 28, 35]
    later = StepLog(output=tmp_path, known=found).read("".join(lines[3:]))[1]
    assert [step.number for step in later] == [28, 35]


@pytest.mark.parametrize(
    ("alone", "first", "resumed_at", "name", "part"),
    [
        ([5, 10, 15], 10, 8, "dictionaries", 10),
        ([5, 10, 15], 10, 9, "dictionaries", 10),
        ([5, 10, 15], 10, 5, "dictionaries", None),
        ([5, 10, 15], 5, 3, "dictionaries", 5),
        ([5, 10, 15], 5, 0, "dictionaries", None),
        ([5, 10, 15], 10, 8, "progress bar", None),  # drawn so many times a second
        ([1, 2, 3], 3, 2, "step by name", None),
        ([0, 1, 2], 2, 2, "step by name", None),
        ([0, 10, 20], 10, 1, "step by name", None),
        ([0, 10, 20], 10, 2, "step by name", 10),
        ([0, 10, 20], 10, 10, "step by name", 10),
        ([5, 10, 15], 11, 8, "step by name", None),  # other steps are another finding
        ([5, 10, 15], 10, None, "step by name", None),
    ],
)
def test_a_loss_that_may_be_the_mean_of_fewer_steps_is_known(
    alone: list[int], first: int, resumed_at: int | None, name: str, part: int | None
) -> None:
    def start(*numbers: int) -> Ended:
        return Ended(
            code=0, state="ended", steps=[Step(n, 0.5, None) for n in numbers], printed="",
            seconds=1.0, recognised=Recognised(name=name, place="what it prints"),
        )  # fmt: skip

    assert partly_told(start(first, first + 5), resumed_at, start(*alone)) == part


def test_the_numbers_of_a_step_may_stand_in_the_line_below_it(tmp_path: Path) -> None:
    text = (
        "Epoch 0/1 ━━━━ 1/2 0:00:01 • 0:00:00\n   train_loss: 0.5\n"
        "Epoch 0/1 ━━━━ 2/2 0:00:02 • -\n loss: 0.25\n"
    )
    assert [s.loss for s in StepLog(output=tmp_path).read(text)[1]] == [0.5, 0.25]


def test_the_form_with_the_most_steps_is_taken_and_told(tmp_path: Path) -> None:
    lines = [f"iter {n}: loss 0.{n + 1}, time 3ms" for n in range(6)]
    lines.insert(3, "step 2: train loss 9.0, val loss 9.1")
    found, steps = StepLog(output=tmp_path).read("\n".join(lines))
    assert [step.number for step in steps] == list(range(6))
    assert found is not None
    assert found.words.startswith("step by name in what it prints: 6 steps told, such as 'iter 5:")


def test_an_own_form_is_read_and_one_without_a_step_is_one_line(tmp_path: Path) -> None:
    log = StepLog(output=tmp_path, pattern=r"<<(?P<step>\d+)\|(?P<loss>[\d.]+)>>")
    assert log.read("<<3|0.5>>\n<<4|0.25>>")[1] == [Step(3, 0.5, None), Step(4, 0.25, None)]
    with pytest.raises(SubjectError, match=r"^log_pattern '\(' is not a regular expression: "):
        own_form("(")
    with pytest.raises(
        SubjectError, match=r"^log_pattern 'loss' has no group \(\?P<step>…\); give"
    ):
        own_form("loss")
    told = list(read_lines(["step 5 loss 1"], own_form(r"step (?P<step>\d+)")))
    assert told[0].loss == 1


def test_a_file_that_grows_over_restarts_tells_the_new_steps_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    line = '{{"step": {0}, "loss": 0.{0}}}\n'.format
    path.write_text("".join(map(line, (1, 2, 3))))
    log = StepLog(output=tmp_path)
    log.begin()
    assert log.read("")[1] == []
    path.write_text("".join(map(line, (1, 2, 3))) + "".join(map(line, (3, 4))))
    assert [step.number for step in log.read("")[1]] == [3, 4]
    path.write_text("".join(map(line, (1, 2))) + '{"step": 3, "loss": 0.7}\n{"step": 4, "lo')
    assert log.read("")[1] == [Step(3, 0.7, None)]
    assert log.reached("") == 3


@pytest.mark.parametrize(
    ("name", "content", "entries"),
    [
        ("metrics.csv", "epoch,step,train_loss,lr\n0,1,0.5,0.1\n0,2,,0.2\n0,3,0.1", [
            Entry(1, 0.5, 0.1), Entry(2, None, 0.2)]),
        ("log.tsv", "step\tloss\n1\t0.5\n", [Entry(1, 0.5, None)]),
        ("trainer_state.json", '{"global_step": 2, "log_history": [{"step": 1, "loss": 0.5}, '
         '{"step": 2, "eval_loss": 1}]}', [Entry(1, 0.5, None)]),
        ("x.jsonl", '{"num_updates": "5", "loss": "3.5", "lr": "1e-4"}\n[1]\n'
         '{"step": NaN, "loss": 1}\n',
         [Entry(5, 3.5, 1e-4)]),
        ("x.jsonl", '{"step": true, "loss": 1}\n', []),
        ("metrics.json", "{", []),
    ],
)  # fmt: skip
def test_files_tell_their_steps(
    name: str, content: str, entries: list[Entry], tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    assert read_log(tmp_path / name) == entries


def record(step: int, tag: str, value: float) -> bytes:
    """Return one record of TensorBoard's event files, without right checksums."""
    point = b"\x0a" + bytes([len(tag)]) + tag.encode() + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + bytes([len(point)]) + point
    event = b"\x09" + struct.pack("<d", 1.5) + b"\x10" + bytes([step])
    event += b"\x2a" + bytes([len(summary)]) + summary
    return struct.pack("<Q", len(event)) + bytes(4) + event + bytes(4)


def test_event_files_are_read_and_a_torn_record_ends_them(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1.host"
    path.write_bytes(
        record(1, "loss/train", 0.5) + record(1, "lr", 0.25) + record(2, "loss/train", 4)[:-9]
    )
    assert list(read_scalars(path)) == [Scalar(1, "loss/train", 0.5), Scalar(1, "lr", 0.25)]
    assert read_log(path) == [Entry(1, 0.5, 0.25)]
    path.write_bytes(b"\x05" + bytes(40))
    assert list(read_scalars(path)) == []


def test_what_tensorboard_writes_is_read(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(tmp_path))
    for step in (1, 2):
        writer.add_scalar("train/loss", 1 / step, step)
        writer.add_scalar("note", 3, step)
    writer.close()
    (path,) = tmp_path.iterdir()
    assert read_log(path) == [Entry(1, 1.0, None), Entry(2, 0.5, None)]


def test_numbers_are_known_as_they_are_told() -> None:
    every = [Step(n, 1.0, None) for n in (10, 20, 30)]
    assert numbering_of(every) == (1, 10)
    assert (numbering_of(every).made_before(20), numbering_of(every).made_by(every)) == (10, 39)
    zero = [Step(n, 1.0, None) for n in range(4)]
    assert (numbering_of(zero).made_before(3), numbering_of(zero).made_by(zero)) == (3, 4)
    with pytest.raises(SubjectError, match=r"^no steps were recognised in what the trainer prints"):
        numbering_of([])


def test_gaps_are_told_where_steps_are_regular_and_not_where_a_bar_is_throttled() -> None:
    regular = [Step(n, 1.0, None) for n in (1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12)]
    assert numbering_of(regular).gaps(regular) == ["3 is followed by 5"]
    throttled = [Step(n, 1.0, None) for n in (1, 4, 5, 9, 10, 13)]
    assert numbering_of(throttled).gaps(throttled) == []
    bar = Recognised(name="progress bar", place="what it prints")
    assert numbering_of(throttled).gaps(throttled, bar) == []
    back = [Step(n, 1.0, None) for n in (1, 4, 2, 9, 10, 13)]
    assert numbering_of(back).gaps(back) == ["4 is followed by 2"]


@pytest.mark.parametrize(
    ("told", "gaps"),
    [
        ([n for n in range(1, 31) if n % 3], ["2 is followed by 4"]),
        ([n for n in range(1, 41) if n % 7 not in (2, 5)], ["1 is followed by 3"]),
        ([1, 2, 3, 4, 5, *range(10, 101, 10)], []),
        (sorted({*range(10, 101, 10), 25, 75}), []),
        ([1, 2, 4, 8, 16, 32, 64, 100], []),
        ([*range(0, 60, 10), 59], []),
        ([*range(1, 40), 100], ["39 is followed by 100"]),
        ([1, 2, 100], []),
    ],
)
def test_a_log_that_leaves_out_steps_is_found_and_one_that_tells_some_is_right(
    told: list[int], gaps: list[str]
) -> None:
    """The first steps, the last one, and those of an evaluation may be told beside the others."""
    steps = [Step(n, 1.0, None) for n in told]
    log = Recognised(name="log file", place="train.jsonl")
    assert numbering_of(steps).gaps(steps, log)[:1] == gaps


def test_steps_that_are_told_again_in_a_log_that_was_cut_are_new(tmp_path: Path) -> None:
    """The losses are the same, as the training repeats itself, and the times are not."""
    path = tmp_path / "train.jsonl"

    def lines(first: int, last: int, time: float) -> str:
        return "".join(
            f'{{"step": {n}, "loss": {1 / n}, "seconds": {time + n}}}\n'
            for n in range(first, last + 1)
        )

    path.write_text(lines(1, 14, 0.1))
    log = StepLog(output=tmp_path)
    log.begin()
    path.write_text(lines(1, 10, 0.1) + lines(11, 16, 0.7))
    assert [step.number for step in log.read("")[1]] == [11, 12, 13, 14, 15, 16]


def test_what_a_log_has_kept_is_found_to_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    before = "".join(f'{{"step": {n}, "loss": {1 / n}}}\n' for n in range(1, 5)).encode()
    for place in range(len(before) + 1):
        for now in (before[:place], before[:place] + b"#" + before[place + 1 :]):
            path.write_bytes(now)
            same = next((n for n in range(len(now)) if now[n : n + 1] != before[n : n + 1]), None)
            assert count_kept(path, before) == now[:same].count(b"\n")


def test_a_loss_that_is_not_a_number_is_one(tmp_path: Path) -> None:
    (step,) = StepLog(output=tmp_path).read("Step 5: loss = nan")[1]
    assert step.loss is not None and math.isnan(step.loss)
    assert json.loads(json.dumps(step))[0] == 5
