"""A trainer on a GPU: ``cuda_trainer.py OUT [--resume] [FAULT…]``; with ``fp16`` it scales its losses.

Or a batch that fills a GPU: ``cuda_trainer.py --fill CONFIG OUT STEPS``.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what deterministic products ask for
import torch


def fill(config: Path, out: Path, steps: int) -> None:
    """Hold so many parts of the GPU's memory as the config says, and tell steps."""
    import yaml

    parts = int(yaml.safe_load(config.read_text())["train_batch_size"])
    total = torch.cuda.get_device_properties(0).total_memory
    held = torch.empty(int(parts * total * 0.2), dtype=torch.uint8, device="cuda")
    for step in range(1, steps + 1):
        print(f"step {step} loss {1 / step} ({held.numel()} bytes)", flush=True)
    torch.save({"step": steps}, out / f"checkpoint-{steps}.pt")


def train(out: Path, words: list[str]) -> None:
    """Train a small network with dropout for 24 steps, and save every six."""
    faults = set(words)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(3)
    model = torch.nn.Sequential(
        torch.nn.Linear(32, 64), torch.nn.Dropout(0.2), torch.nn.GELU(), torch.nn.Linear(64, 1)
    ).cuda()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    scaler = torch.amp.GradScaler("cuda", enabled="fp16" in faults, growth_interval=7)
    step = 0
    found = sorted(out.glob("step-*.pt"), key=lambda path: int(path.stem.split("-")[1]))
    if "--resume" in faults and found:
        kept = torch.load(found[-1], weights_only=True)
        step = kept["step"]
        weights = kept["model"]
        if "rounded" in faults:
            weights = {name: value.bfloat16().float() for name, value in weights.items()}
        model.load_state_dict(weights)
        if "no-optimizer" not in faults:
            optimizer.load_state_dict(kept["optimizer"])
        if "no-scaler" not in faults:
            scaler.load_state_dict(kept["scaler"])
        if "no-rng" not in faults:
            torch.cuda.set_rng_state(kept["cuda_rng_state"].cpu())
    print(f"Device: cuda ({torch.cuda.get_device_name()})", flush=True)
    while step < 24:
        step += 1
        data = torch.randn(16, 32, generator=torch.Generator().manual_seed(step)).cuda()
        with torch.autocast("cuda", torch.float16, enabled="fp16" in faults):
            loss = ((model(data) - data.sum(1, keepdim=True)) ** 2).mean()
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        print(f"step {step}/24 loss: {loss.item():.8f}", flush=True)
        if step % 6 == 0:
            place = out / f"step-{step}.pt"
            torch.save({
                "step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict(),
                "scaler": scaler.state_dict(), "cuda_rng_state": torch.cuda.get_rng_state(),
            }, place.with_suffix(".tmp"))  # fmt: skip
            place.with_suffix(".tmp").replace(place)
    torch.save(model.state_dict(), out / "model.pt")


if __name__ == "__main__":
    if sys.argv[1] == "--fill":
        fill(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    else:
        train(Path(sys.argv[1]), sys.argv[2:])
