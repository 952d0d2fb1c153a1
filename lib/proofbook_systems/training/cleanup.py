"""Which checkpoints does a trainer keep where it removes some? The newest should be among them.

Knows nothing of crashes.
"""

from __future__ import annotations

from proofbook_systems.training.controls import Control

__all__ = ["keeps_oldest"]


def keeps_oldest(control: Control) -> str:
    """Say that the oldest checkpoints stay and all later ones are removed; empty where not.

    One that keeps the best may remove the newest by right; it is not always the oldest that stay.
    """
    written = [step for step in control.saved if step > 0]
    left = sorted({each.step for each in control.checkpoints if each.step > 0})
    if not left or written[-1] in left or written[: len(left)] != left:
        return ""
    return (
        f"checkpoints {', '.join(map(str, left))} stay, and {len(written) - len(left)} later ones "
        f"up to {written[-1]} were removed: a crash costs all steps since {left[-1]}"
    )
