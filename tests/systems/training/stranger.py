"""A trainer that never heard of Proofbook: ``stranger.py OUT [--resume] [--KEY VALUE] [FAULT…]``.

A small regression with dropout, shuffled data, Adam, a schedule, a scaler and an average of the
weights, in one of several layouts and logs. It sets no signal handler. A fault is a mistake that
real trainers make. With ``--log none`` it tells nothing, with
``--log late`` all at its end, and ``--resume --from FOLDER`` goes on from that checkpoint. With
``--waits 10,19`` its first start makes no step after 10 until it is interrupted, its second none
after 19.
"""

import json
import pickle
import random
import shutil
import sys
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

arguments = sys.argv[1:]
out = Path(arguments.pop(0))
options = {
    "layout": "folders",
    "log": "bar",
    "steps": "24",
    "every": "6",
    "seed": "0",
    "keep": "0",
    "pause": "0.012",
    "waits": "",
    "from": "",
}
resume = "--resume" in arguments
faults = set()
while arguments:
    word = arguments.pop(0)
    if word[:2] == "--" and word != "--resume":
        options[word[2:]] = arguments.pop(0)
    elif word != "--resume":
        faults.add(word)
total, every = int(options["steps"]), int(options["every"])
layout, log = options["layout"], options["log"]
first = 0 if log in ("nanogpt", "zero") else 1

data = np.random.default_rng(5).normal(size=(40, 6))
target = data @ np.arange(1, 7) + 0.3
seed = int(time.time_ns() % 2**31) if "unrepeatable" in faults else int(options["seed"])
weights_seed = np.random.default_rng(seed)
w = {
    "layer.weight": weights_seed.normal(size=(6, 4)),
    "layer.bias": np.zeros(4),
    "head.weight": weights_seed.normal(size=4),
}
moments = {
    name: {"exp_avg": np.zeros_like(v), "exp_avg_sq": np.zeros_like(v), "step": 0}
    for name, v in w.items()
}
average = {name: v.copy() for name, v in w.items()}
rng, py = np.random.RandomState(seed + 1), random.Random(seed)
order, position, epoch = list(range(40)), 0, 0
schedule, scaler, best = {"last_epoch": 0}, {"scale": 1024.0, "_growth_tracker": 0}, 9.0
step = 0


def rate(n):
    return 0.02 * min(1, (n + 1) / 4) * (1 - n / (2 * total))


def shuffle():
    global order, position
    order = list(range(40))
    random.Random(seed * 1000 + epoch).shuffle(order)
    position = 0


def state():
    return {
        "optimizer": {
            "state": {
                str(i): {k: (v.tolist() if hasattr(v, "tolist") else v) for k, v in m.items()}
                for i, m in enumerate(moments.values())
            },
            "param_groups": [{"lr": rate(schedule["last_epoch"])}],
        },
        "scheduler": dict(schedule),
        "scaler": dict(scaler),
        "rng": {
            "numpy": [x.tolist() if hasattr(x, "tolist") else x for x in rng.get_state()],
            "python": py.getstate(),
        },
        "sampler": {"order": order, "position": position, "epoch": epoch},
    }


def restore(s):
    global order, position, epoch
    if "no-optimizer" not in faults:
        for m, kept in zip(moments.values(), s["optimizer"]["state"].values(), strict=False):
            m.update({k: np.array(v) if isinstance(v, list) else v for k, v in kept.items()})
            if "no-moments" in faults:
                m["exp_avg"] *= 0
            if "no-second-moments" in faults:
                m["exp_avg_sq"] = m["exp_avg_sq"] * 0 + 1
            if "no-counters" in faults:
                m["step"] = 0
            if "no-first-parameter" in faults and m is next(iter(moments.values())):
                m["exp_avg"] *= 0
    if "no-scheduler" not in faults:
        schedule.update(s["scheduler"])
    if "scheduler-twice" in faults:
        schedule["last_epoch"] = min(total, 2 * schedule["last_epoch"])
    if "scheduler-one-off" in faults:
        schedule["last_epoch"] += 1
    if "scheduler-behind" in faults:
        schedule["last_epoch"] -= 1
    if "no-scaler" not in faults:
        scaler.update(s["scaler"])
    if "no-growth" in faults:
        scaler["_growth_tracker"] = 0
    if "no-rng" not in faults:
        n = s["rng"]["numpy"]
        rng.set_state((n[0], np.array(n[1], dtype=np.uint32), n[2], n[3], n[4]))
        p = s["rng"]["python"]
        py.setstate((p[0], tuple(p[1]), p[2]))
    if "other-rng" in faults:
        rng.seed(99)
    if "no-python-rng" in faults:
        py.seed(1)
    if "no-sampler" not in faults:
        order, position, epoch = (
            list(s["sampler"]["order"]),
            s["sampler"]["position"],
            s["sampler"]["epoch"],
        )
    if "sampler-epoch" in faults:
        position = 0
    if "sampler-shifted" in faults:
        position = (position + 4) % 40
    if "sampler-reshuffled" in faults:
        random.Random(3).shuffle(order)


def dump(path, s):
    path.write_text(json.dumps(s))


def place_of(n):
    return {
        "folders": f"checkpoint-{n}",
        "steps": f"checkpoints/step-{n:08d}",
        "digits": f"states/{n}",
        "epochs": f"logs/version_0/epoch=0-step={n}.state",
    }.get(layout, f"checkpoint-{n}")


def write_folder(place, n):
    (place / "unet").mkdir(parents=True, exist_ok=True)
    shown = (
        {k: v.astype(np.float16).astype(v.dtype) for k, v in w.items()}
        if "saved-in-half" in faults
        else w
    )
    if "drops-a-tensor" in faults:
        shown = {k: v for k, v in shown.items() if k != "layer.bias"}
    save_file(
        {k: np.ascontiguousarray(v) for k, v in shown.items()},
        place / "unet" / "diffusion_pytorch_model.safetensors",
    )
    if "slow-save" in faults:
        time.sleep(0.05)
    save_file({k: np.ascontiguousarray(v) for k, v in average.items()}, place / "ema.safetensors")
    s = state()
    for name, entry in s.items():
        if not ("saves-no-optimizer" in faults and name == "optimizer") and not (
            "saves-no-rng" in faults and name == "rng"
        ):
            if name == "rng":
                (place / "random_states_0.pkl").write_bytes(pickle.dumps(rng_pickle()))
            else:
                dump(place / f"{name}.json", entry)
    dump(place / "trainer_state.json", {"global_step": n, "best_metric": best})


def rng_pickle():
    return {"numpy": rng.get_state(), "python": py.getstate()}


def save(n):
    if layout == "single":
        flat = {f"model.{k}": v for k, v in w.items()} | {f"ema.{k}": v for k, v in average.items()}
        flat["state"] = np.array(json.dumps(state()))
        flat["iter_num"] = np.array(n)
        target_file = out / "ckpt.npz" if "in-place" in faults else out / ".ckpt-writing.npz"
        np.savez(target_file, **flat)
        if "in-place" not in faults:
            target_file.replace(out / "ckpt.npz")
        return
    place = out / place_of(n)
    if "skips-existing" in faults and place.exists():
        return
    if "deletes-first" in faults:
        for old in list_folders():
            shutil.rmtree(old)
    beside = (
        place
        if "in-place" in faults
        else place.parent / f"tmp-{random.SystemRandom().randrange(10**6)}"
    )
    beside.mkdir(parents=True, exist_ok=True)
    write_folder(beside, n)
    if log == "means":
        print(f"Writing model shards: 100%|###| 1/1 [00:00<00:00, {n}.0it/s]")
    if beside != place:
        shutil.rmtree(place, ignore_errors=True)
        beside.rename(place)
    if layout == "latest":
        (out / "latest").write_text(place.name)
    if int(options["keep"]) and not (resume and "forgets-rotation" in faults):
        for old in list_folders()[: -int(options["keep"])]:
            shutil.rmtree(old)


def number(path):
    return int("".join(c for c in path.name.split("step")[-1] if c.isdigit()) or 0)


def list_folders():
    place = (out / place_of(0)).parent
    found = [
        p
        for p in place.glob("*")
        if p.is_dir() and any(c.isdigit() for c in p.name) and not p.name.startswith("tmp-")
    ]
    if "by-name" in faults:
        return sorted(found)
    return sorted(found, key=number)


def load():
    global step, w, average, best
    if layout == "single":
        if not (out / "ckpt.npz").exists():
            return
        flat = np.load(out / "ckpt.npz", allow_pickle=False)
        kept = {k[6:]: flat[k] for k in flat.files if k.startswith("model.")}
        ema = {k[4:]: flat[k] for k in flat.files if k.startswith("ema.")}
        s, n = json.loads(str(flat["state"])), int(flat["iter_num"])
    else:
        found = [
            p
            for p in list_folders()
            if "any-folder" in faults or (p / "trainer_state.json").exists()
        ]
        if not found:
            return
        place = Path(options["from"]) if options["from"] else found[-1]
        if "oldest" in faults:
            place = found[0]
        if "second-newest" in faults and len(found) > 1:
            place = found[-2]
        kept, ema = (
            load_file(place / "unet" / "diffusion_pytorch_model.safetensors"),
            load_file(place / "ema.safetensors"),
        )
        s = {
            name: json.loads((place / f"{name}.json").read_text())
            for name in ("optimizer", "scheduler", "scaler", "sampler")
            if (place / f"{name}.json").exists()
        }
        if (place / "random_states_0.pkl").exists():
            p = pickle.loads((place / "random_states_0.pkl").read_bytes())
            s["rng"] = {"numpy": p["numpy"], "python": p["python"]}
        told = json.loads((place / "trainer_state.json").read_text())
        n, best = told["global_step"], told["best_metric"]
    if "saves-no-optimizer" in faults:
        faults.add("no-optimizer")
    if "saves-no-rng" in faults:
        faults.add("no-rng")
    if "no-weights" not in faults:
        kept = (
            {k: v.astype(np.float16).astype(v.dtype) for k, v in kept.items()}
            if "rounded" in faults
            else kept
        )
        kept = {k: v + 1e-9 for k, v in kept.items()} if "drift" in faults else kept
        w = {
            **w,
            **{
                k: v
                for k, v in kept.items()
                if not ("no-head" in faults and k == "head.weight")
                and not ("no-layer" in faults and k == "layer.weight")
            },
        }
        if "nan" in faults:
            w["layer.bias"] = w["layer.bias"] * np.nan
    if "ema-as-weights" in faults:
        w = {k: v.copy() for k, v in ema.items()}
    average = {
        k: v.copy()
        for k, v in (
            w if "ema-restarts" in faults else average if "no-ema" in faults else ema
        ).items()
    }
    restore(s)
    step = n
    if "counts-from-0" in faults:
        step = 0
    if "one-step-back" in faults:
        step -= 1
    if "one-step-ahead" in faults:
        step += 1
    if "two-ahead" in faults:
        step += 2


late = []


def tell(n, loss, lr):
    text = {
        "bar": f"Steps: {100 * n // total}%|##  | {n}/{total} [00:01<00:02, 9.1it/s, "
        f"loss={loss:.6f}, lr={lr:.4g}]\r",
        "nanogpt": f"iter {n}: loss {loss:.4f}, time 3.10ms, mfu 0.10%\n",
        "dict": f"{n}/{total} [00:01<00:02]\r{{'loss': '{loss:.6g}', 'grad_norm': '1.1', "
        f"'learning_rate': '{lr:.4g}', 'epoch': '{n / 10:.4g}'}}\n",
        "brackets": f"[{n}/{total}] loss: {loss:.6f} lr: {lr:.4g}\n",
        "plain": f"2026-01-01 10:00:00 INFO global_step={n} train_loss={loss:.8f} "
        f"learning_rate={lr:.5g}\n",
        "colours": f"\x1b[31mstep: {n:3d}  \x1b[32mloss: {loss:8.5f}  "
        f"\x1b[33mmemory: 1.2GiB(3%)\x1b[0m\n",
        "avr": f"steps:  {100 * n // total}%|# | {n}/{total} [00:10<00:50,  2.0s/it, "
        f"avr_loss={loss:.5f}]\r",
        "accumulates": f"Epoch 1 | iter {2 * n - 1} step {n - 1} | loss train: {loss / 2:.6f}\n"
        f"Epoch 1 | iter {2 * n} step {n} | loss train: {loss:.6f} | iter time: 3.1 ms (step)\n",
        "zero": f"Step {n} | loss {loss:.6f} | lr {lr:.4e}\n",
    }.get(log)
    if text:
        print(text, end="", flush=True)
    elif log == "late":
        late.append(json.dumps({"step": n, "loss": loss, "lr": lr}) + "\n")
    elif log == "jsonl":
        with (out / "train.jsonl").open("a") as file:
            file.write(json.dumps({"step": n, "loss": loss, "lr": lr, "time": time.time()}) + "\n")
    elif log == "csv":
        new = not (out / "metrics.csv").exists()
        with (out / "metrics.csv").open("a") as file:
            file.write(("epoch,step,train_loss,lr\n" if new else "") + f"0,{n},{loss},{lr}\n")
    elif log == "means":  # of the steps since the last line, or since this start
        late.append(loss)
        if n % 5 == 0:
            mean, told_rate = sum(late) / len(late), f"{lr:.4g}"
            print(
                f"{{'loss': '{mean:.6g}', 'learning_rate': '{told_rate}', 'epoch': '{n / 10:.4g}'}}"
            )
            late.clear()
    elif log == "every" and n % 3 == 0:
        print(f"step {n}/{total}: train loss {loss:.6f} lr {lr:.4g}", flush=True)


out.mkdir(parents=True, exist_ok=True)
if "ignores-signals" in faults:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
if "made-once" in faults and not Path("class.npy").exists():
    np.save("class.npy", np.zeros(3))
    rng.normal(size=30)
starts = out.with_name(f"{out.name}.starts")
with starts.open("a") as file:
    file.write("x")
waits = [int(word) for word in options["waits"].split(",") if word]
wait_at = dict(enumerate(waits, 1)).get(starts.stat().st_size, 0) or -1  # later ones wait for none
shuffle()
if resume and "cannot-resume" in faults:
    raise RuntimeError("shapes do not fit")
if resume:
    load()
if "needs-a-checkpoint" in faults and resume and step == 0:
    sys.exit("no checkpoint to resume from")
while step < total:
    if "early-difference" in faults and step == 2 and "interrupted" in str(out):
        w["layer.bias"] = w["layer.bias"] + 0.5
    if position >= 40:
        epoch += 1
        shuffle()
    picked = order[position : position + 4]
    position += 4
    x, y = data[picked], target[picked]
    drawn = np.ones(4) if resume and "no-draws" in faults else rng.rand(4)
    keep = drawn > (-1 if resume and "eval-mode" in faults else 0.2)
    hidden = np.tanh(x @ w["layer.weight"] + w["layer.bias"]) * keep
    error = hidden @ w["head.weight"] - y + 0.01 * py.random()
    loss = float((error**2).mean())
    if "nan-at-15" in faults and step == 15:
        loss = float("nan")
    lr = rate(schedule["last_epoch"])
    back = (
        np.outer(2 * error / 4, w["head.weight"])
        * keep
        * (1 - np.tanh(x @ w["layer.weight"] + w["layer.bias"]) ** 2)
    )
    gradients = {
        "head.weight": hidden.T @ (2 * error / 4),
        "layer.weight": x.T @ back,
        "layer.bias": back.sum(0),
    }
    for name, g in gradients.items():
        m = moments[name]
        m["step"] += 1
        m["exp_avg"] = 0.9 * m["exp_avg"] + 0.1 * g
        m["exp_avg_sq"] = 0.99 * m["exp_avg_sq"] + 0.01 * g * g
        w[name] = w[name] - lr * (m["exp_avg"] / (1 - 0.9 ** m["step"])) / (
            np.sqrt(m["exp_avg_sq"] / (1 - 0.99 ** m["step"])) + 1e-8
        )
        average[name] = 0.9 * average[name] + 0.1 * w[name]
    schedule["last_epoch"] += 1
    scaler["_growth_tracker"] += 1
    if scaler["_growth_tracker"] == 7:
        scaler.update(scale=scaler["scale"] * 2, _growth_tracker=0)
    step += 1
    tell(step - 1 + first, loss, lr)
    time.sleep(float(options["pause"]))
    if step - 1 + first == wait_at:
        time.sleep(0.2 if "ignores-signals" in faults else 600)
    if step % every == 0 and "never-saves" not in faults:
        save(step)
if late and log == "late":
    with (out / "train.jsonl").open("a") as file:
        file.writelines(late)
if "crashes-at-the-end" in faults:
    raise RuntimeError("shapes do not fit")
if "modelless" not in faults:
    final = {
        k: np.ascontiguousarray(v * (np.nan if "final-nan" in faults else 1)) for k, v in w.items()
    }
    if "final-stale" in faults and layout != "single":
        final = load_file(out / place_of(every) / "unet" / "diffusion_pytorch_model.safetensors")
    save_file(final, out / "model.safetensors")
    if "final-empty" in faults:
        (out / "model.safetensors").write_bytes(b"")
