"""What forgers do: entries written into a log directly, past everything that the desk refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofbook.runs.folder import RunFolder
from proofbook.signoff.entries import FIRST, Seal, canonical, line_hash, parse_entry
from proofbook.signoff.sealing import list_files
from proofbook.signoff.signing import sign

ANNS, BENS, STRANGERS = (
    Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2, 3)
)

Entries = list[dict[str, Any]]


def entries_of(run: RunFolder) -> Entries:
    return [json.loads(line) for line in (run.path / "signoffs.jsonl").read_text().splitlines()]


def write_log(run: RunFolder, entries: Entries, key: Ed25519PrivateKey | None = None) -> None:
    """Write a log whose chain and head are right; with a key, every answer is signed anew."""
    previous, lines = FIRST, []
    for number, entry in enumerate(entries):
        values = {**entry, "number": number, "previous": previous}
        if key is not None and entry["kind"] != "seal":
            values = resigned(values, key)
        lines.append(canonical(values))
        previous = line_hash(lines[-1])
    (run.path / "signoffs.jsonl").write_text("".join(f"{line}\n" for line in lines))
    head = canonical({"number": len(lines) - 1, "sha256": previous})
    (run.path / "signoffs.head").write_text(f"{head}\n")


def resigned(values: dict[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    entry = parse_entry(canonical({**values, "signature": None}))
    assert not isinstance(entry, Seal)
    return json.loads(canonical(sign(entry, key)))


def edit_log(
    run: RunFolder, edit: Callable[[Entries], object], key: Ed25519PrivateKey | None = None
) -> None:
    """Edit the entries, and put the chain right; with a key, sign the answers anew."""
    entries = entries_of(run)
    edit(entries)
    write_log(run, entries, key)


def append(run: RunFolder, values: dict[str, Any], key: Ed25519PrivateKey | None = None) -> None:
    """Append one entry, signed with a key or not at all."""
    entries = entries_of(run)
    previous = (run.path / "signoffs.jsonl").read_text().splitlines()[-1]
    made = {**values, "number": len(entries), "previous": line_hash(previous)}
    made = resigned(made, key) if key else made
    line = canonical(made)
    with (run.path / "signoffs.jsonl").open("a") as file:
        file.write(f"{line}\n")
    head = canonical({"number": len(entries), "sha256": line_hash(line)})
    (run.path / "signoffs.head").write_text(f"{head}\n")


def seal_now(run: RunFolder) -> dict[str, Any]:
    """Return a seal that fits the run as it is."""
    seal = next(entry for entry in entries_of(run) if entry["kind"] == "seal")
    files = {path: list(file) for path, file in list_files(run.path).files.items()}
    return {**seal, "files": files, "time": entries_of(run)[-1]["time"]}


def change(path: Path) -> None:
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
