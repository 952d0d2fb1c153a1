"""A pipeline that one command runs, and that keeps what many do: text, subtitles, one sound.

It is written beside ``pipe.py`` as the program ``talk.py``, and knows nothing of Proofbook. The
folder of each film has the time in its name; captions are cut after a few words.
"""

from __future__ import annotations

import json
import runpy
import shutil
import sqlite3
import sys
import time
from pathlib import Path

WORDS = 4
"""Words that a caption has at most."""


def stamp(seconds: float) -> str:
    whole = round(seconds * 1000)
    return (
        f"{whole // 3600000:02}:{whole // 60000 % 60:02}:{whole // 1000 % 60:02},{whole % 1000:03}"
    )


def captions(lines: list[dict[str, float]], texts: list[str]) -> str:
    blocks: list[str] = []
    for line, text in zip(lines, texts, strict=True):
        words, start, length = text.split(), line["start_time"], line["duration"]
        for at in range(0, len(words), WORDS):
            part = words[at : at + WORDS]
            one, two = (start + length * n / len(words) for n in (at, at + len(part)))
            times = f"{stamp(one)} --> {stamp(two)}"
            blocks.append(f"{len(blocks) + 1}\n{times}\n{' '.join(part).upper()}\n")
    return "\n".join(blocks)


def main(name: str) -> None:
    import av
    import numpy as np
    import soundfile

    for words in (["library"], ["write", name], ["voice", name], ["choose", name],
                  ["assemble", name]):  # fmt: skip
        sys.argv = ["pipe.py", *words]
        runpy.run_path("pipe.py", run_name="__main__")
    work, out = Path("work", name), Path("out", f"{time.strftime('%Y%m%d-%H%M%S')}_{name}")
    out.mkdir(parents=True)
    script = json.loads((work / "scene.json").read_text())["script"]
    times = json.loads((work / "times.json").read_text())
    texts = [line["line"] for line in script]
    spoken = [f"{line['character']}: {line['line']}" for line in script]
    (out / "script.md").write_text(f"# {name}\n\n" + "\n\n".join(spoken))
    (out / "talk.srt").write_text(captions(times["lines"], texts), encoding="utf-8-sig")
    shutil.move(work / "film.mp4", out / "film.mp4")
    with av.open(str(out / "film.mp4")) as film:
        rate = film.streams.audio[0].rate
        parts = [frame.to_ndarray().mean(axis=0) for frame in film.decode(audio=0)]
    soundfile.write(out / "talk.wav", np.concatenate(parts), rate)
    with av.open(str(out / "film.mp4")) as film:
        seconds = float(film.duration or 0) / 1e6
    about = {"file": "film.mp4", "stats": {"duration": seconds}, "created_at": time.time()}
    (out / "about.json").write_text(json.dumps(about))
    shutil.rmtree(work)
    with sqlite3.connect("db/pictures.sqlite") as database:
        database.execute("SELECT 1")


if __name__ == "__main__":
    main(sys.argv[1])
