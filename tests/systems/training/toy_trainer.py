"""A trainer of a few lines, faults on demand: ``toy_trainer.py OUT STEPS [--resume] FAULT…``.

Its checkpoints are called by steps; ``calls=0.1`` calls them by epochs of 10, ``calls=512`` by
tokens. ``blocks=30`` tells so many steps at once. With ``waits=7,16`` its first start makes no step
after 7 until it is interrupted, its second none after 16: so a test that must hit a step hits it,
however busy the machine is. With ``endless=20@1`` its first start writes checkpoint 20 until it is
killed.
"""

import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import yaml
from safetensors.numpy import load_file, save_file

out, total = Path(sys.argv[1]), int(sys.argv[2])
faults = [word for word in sys.argv[3:] if word != "--resume"]
config = next((yaml.safe_load(Path(word).read_text()) for word in faults if ".yaml" in word), {})
calls = next((float(word[6:]) for word in faults if word.startswith("calls=")), 1)
block = next((int(word[7:]) for word in faults if word.startswith("blocks=")), 1)
stop: list[int] = []
released: list[int] = []
step, state = 0, {"weights": np.full(8, 4.0), "speed": np.zeros(8)}


def save() -> None:
    number = round(step * calls)
    place, beside = out / f"checkpoint-{number}", out / f".partial-checkpoint-{number}"
    beside.mkdir(exist_ok=True)
    save_file({"weights": state["weights"]}, beside / "model.safetensors")
    time.sleep(0.1 if "slow-save" in faults else 0)
    while f"endless={number}@{starts.stat().st_size}" in faults:
        (beside / "rest.bin").write_bytes(b"x")
        time.sleep(0.01)
    save_file({"speed": state["speed"]}, beside / "optimizer.safetensors")
    time.sleep(0.1 if "slow-seal" in faults else 0)
    if "unsealed" not in faults:
        seal(beside)
    if not place.exists():
        beside.rename(place)


def tell() -> None:
    with log.open("a") as file:
        file.writelines(told)
    told.clear()


def seal(folder: Path) -> None:
    # Not what a killed save has left: safetensors writes to a name of its own first.
    files = sorted(folder.glob("*.safetensors"))
    sums = {x.name: hashlib.sha256(x.read_bytes()).hexdigest() for x in files}
    manifest = {"step": step, "files": {name: {"sha256": sum} for name, sum in sums.items()}}
    text = json.dumps(manifest)
    (folder / "manifest.json").write_text(text)
    line = f"{hashlib.sha256(text.encode()).hexdigest()}  manifest.json\n"
    (folder / "manifest.json.sha256").write_text(line)


signal.signal(
    signal.SIGCONT, lambda number, _: None if "stuck" in faults else released.append(number)
)
for signum in (signal.SIGINT, signal.SIGTERM):
    signal.signal(signum, lambda number, _: None if "deaf" in faults else stop.append(number))
if "mute" in faults:
    time.sleep(600)
if "--resume" in sys.argv and "forgetful" not in faults:
    found = list(out.glob("checkpoint-*"))
    if found:
        place = max(found, key=lambda path: int(path.name.split("-")[1]))
        step = round(int(place.name.split("-")[1]) / calls)
        state = {
            **load_file(place / "model.safetensors"),
            **load_file(place / "optimizer.safetensors"),
        }
        if "drift" in faults:
            state["weights"] = state["weights"] + 1e-12
    if "litter" not in faults:
        for path in out.glob(".partial-*"):
            for file in path.iterdir():
                file.unlink()
            path.rmdir()
print(f"Resuming from step {step}", flush=True)
log = out / "log.jsonl"
kept = [
    x
    for x in (log.read_text().splitlines() if log.exists() else [])
    if json.loads(x)["step"] <= step
]
log.write_text("".join(f"{x}\n" for x in kept))
moments = next((word[6:].split(",") for word in faults if word.startswith("waits=")), [])
starts = out.with_name(f"{out.name}.starts")
starts.touch()
with starts.open("a") as file:
    file.write("x")
alone = out.name.startswith(("alone", "again")) or "deaf" in faults
wait_at = 0 if alone else int([*moments, *"0000"][min(starts.stat().st_size, 4) - 1] or 0)
hoard = []
told: list[str] = []
while step < total and not stop:
    step += 1
    noise = np.random.default_rng(time.time_ns() if "restless" in faults else step).normal(size=8)
    loss = float((state["weights"] ** 2).mean())
    loss = loss if "flat" not in faults else float(2 + noise[0] / 100)
    loss = loss if "noisy" not in faults else float(abs(noise[0]))
    rate = config.get("learning_rate", 0.1) / (1 + step / 50)
    state["speed"] = 0.5 * state["speed"] - rate * (2 * state["weights"] + 0.1 * noise)
    state["weights"] = state["weights"] + (0.3 if "still" not in faults else 0) * state["speed"]
    if "leak" in faults:
        hoard.append(b"x" * 20_000_000)
    told.append(json.dumps({"step": step, "loss": loss, "lr": rate}) + "\n")
    if "tells-late" not in faults and step % block == 0:
        tell()
        line = f"Steps: {step}/{total} [00:01<00:01, loss={loss:.4f}, lr={rate:.4g}]"
        print(line, end="\r", flush=True)
    time.sleep(0.02)
    while step == wait_at and not stop and not released:
        time.sleep(0.01)
    if step % 10 == 0 and "lazy" not in faults:
        save()
tell()
if "lingers" in faults and starts.stat().st_size == 1:
    time.sleep(600)
if stop and "impolite" not in faults:
    save()
if stop:
    os._exit(0 if "says-nothing" in faults else 128 + stop[0])
if "modelless" not in faults:
    final = state["weights"] * (np.nan if "final-nan" in faults else 1)
    if "final-stale" in faults:
        final = load_file(out / "checkpoint-10" / "model.safetensors")["weights"]
    save_file({"weights": final}, out / "model.safetensors")
    (out / "model_index.json").write_text("{}")
    info = {"character": "toy", "base_model": "b", "training_steps": total, "instance_prompt": "p"}
    (out / "model_info.json").write_text(json.dumps({**info, "timestamp": "now"}))
