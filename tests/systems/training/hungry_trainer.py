"""A trainer whose batch is memory: ``hungry_trainer.py CONFIG OUT STEPS [--resume] FAULT…``."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import yaml

config = yaml.safe_load(Path(sys.argv[1]).read_text())
out, total, faults = Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
stop: list[int] = []
deaf = signal.SIG_IGN if "deaf" in faults else lambda number, _: stop.append(number)
signal.signal(signal.SIGINT, deaf)
size = int(config["train_batch_size"]) * 40_000_000
if "fails" in faults:
    sys.exit("bad luck")
if "constant" in faults:
    size = 1
try:
    held = [bytearray(size), bytearray(200_000_000 if "holds-more" in faults else 0)]
except MemoryError:
    if "killed" in faults:
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit("no room" if "mumbles" in faults else "CUDA out of memory. Tried to allocate much")
if "--resume" in faults and "grows" in faults:
    held.append(bytearray(b"x") * 60_000_000)
    time.sleep(1)  # long enough to be seen from outside, on a busy machine too
if "litter" in faults and stop == []:
    with Path(os.environ["SHARED_MEMORY"], f"litter-{os.getpid()}").open("wb") as file:
        file.truncate(30_000_000)
log = out / "log.jsonl"
step = sum(1 for _ in log.open()) if log.exists() else 0
while step < total and not stop:
    step += 1
    deadline = time.monotonic() + (3.0 if "uneven" in faults and step == total // 2 else 0.03)
    while time.monotonic() < deadline:
        if "sleepy" in faults:
            time.sleep(0.03)
        else:
            sum(range(1000))
    with log.open("a") as file:
        file.write(json.dumps({"step": step, "loss": 1.0, "lr": 0.1}) + "\n")
    if "waits" in faults and "--resume" not in faults and out.name == "model" and step == 3:
        while not stop:  # for the interruption that is to come, however busy the machine is
            time.sleep(0.01)
os._exit(128 + stop[0] if stop else 0)
