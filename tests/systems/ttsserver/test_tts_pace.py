# ruff: noqa: RUF001 - other scripts are what is tested
"""A text is said whole, and at a speed and with a voice of speech, in whatever it is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from proofbook_subjects.ttsserver import espeak
from proofbook_systems.ttsserver.matrix import Row
from proofbook_systems.ttsserver.pace import find_unlikely_pace, find_unlikely_utterance
from proofbook_systems.ttsserver.rows import RowResult
from proofbook_systems.ttsserver.syllables import count_syllables
from proofbook_systems.ttsserver.utterances import Utterance

SLOWEST, FASTEST = 1.5, 18.0
ENGLISH = "The old bridge was built of stone, and nobody has ever crossed it twice."
TEXTS = {
    "en": ENGLISH,
    "de": "Die alte Brücke ist aus Stein gebaut, und niemand ging je zweimal darüber.",
    "fr": "Le vieux pont est en pierre, et personne ne l'a jamais traversé deux fois.",
    "fi": "Vanha silta on rakennettu kivestä, eikä kukaan ole ylittänyt sitä kahdesti.",
    "el": "Η παλιά γέφυρα είναι από πέτρα, και κανείς δεν την πέρασε δύο φορές.",
    "ru": "Старый мост построен из камня, и никто не переходил его дважды.",
    "hu": "A régi híd kőből épült, és senki sem ment át rajta kétszer.",
    "tr": "Eski köprü taştan yapıldı ve kimse onu iki kez geçmedi.",
    "vi": "Cây cầu cũ được xây bằng đá, và chưa ai đi qua nó hai lần.",
    "ar": "بني الجسر القديم من الحجر، ولم يعبره أحد مرتين في حياته.",
    "he": "הגשר הישן נבנה מאבן, ואף אחד לא עבר אותו פעמיים בחייו.",
    "am": "አሮጌው ድልድይ ከድንጋይ ተሠራ፤ ማንም ሁለት ጊዜ አልተሻገረውም።",
    "hi": "पुराना पुल पत्थर से बना है, और किसी ने उसे दो बार पार नहीं किया।",
    "ta": "பழைய பாலம் கல்லால் கட்டப்பட்டது, யாரும் அதை இரண்டு முறை கடக்கவில்லை.",
    "th": "สะพานเก่าสร้างด้วยหิน และไม่มีใครเคยข้ามมันสองครั้ง",
    "ko": "낡은 다리는 돌로 지어졌고, 아무도 그것을 두 번 건너지 않았습니다.",
    "ja": "ふるいはしはいしでつくられ、だれもにどわたりませんでした。",
    "cmn": "这座老桥是用石头造的,从来没有人走过它两次,也没有人说起它。",
}
HELD = ("en", "cmn", "ar")
"""Languages of the quick suite; the others are in the whole one."""


def say(
    text: str, language: str, speed: int = 175, variant: str = "m3", pitch: int = 50
) -> tuple[np.ndarray, int]:
    samples, rate = espeak.speak(
        text, language=language, variant=variant, pitch=pitch, speed=speed
    )  # fmt: skip
    return np.array(samples) / 32768, rate


def judge(samples: np.ndarray, rate: int, text: str) -> str:
    return find_unlikely_utterance(Utterance(samples, rate), text, SLOWEST, FASTEST)


def languages(*names: str) -> list[object]:
    return [
        pytest.param(name, marks=[] if name in HELD else pytest.mark.exhaustive)
        for name in names or TEXTS
    ]


@pytest.mark.parametrize("speed", [80, 175, 300, 450])
@pytest.mark.parametrize("language", languages())
def test_every_language_is_right_at_every_speed(language: str, speed: int) -> None:
    assert judge(*say(TEXTS[language], language, speed), TEXTS[language]) == ""


@pytest.mark.parametrize(
    ("factor", "words"),
    [(2, "spoken fast, by a voice that is too high"), (0.5, "slowly, by a voice that is too deep")],
)
@pytest.mark.parametrize("language", languages(*(n for n in TEXTS if n != "th")))
def test_a_wrong_rate_in_the_header_is_named(language: str, factor: float, words: str) -> None:
    samples, rate = say(TEXTS[language], language)
    assert words in judge(samples, round(factor * rate), TEXTS[language])


@pytest.mark.parametrize("language", languages("en", "de", "fr", "fi", "ru", "tr", "cmn", "ko"))
def test_a_text_half_of_which_is_said_is_named(language: str) -> None:
    text = TEXTS[language]
    said = text[: len(text) // 2]
    assert judge(*say(said, language), text).startswith("leaves out part of its text: ")


@pytest.mark.parametrize("language", languages("en", "de", "ru", "ko"))
def test_a_text_that_is_said_three_times_is_named(language: str) -> None:
    text = TEXTS[language]
    assert "says more than its text: " in judge(*say(" ".join([text] * 3), language), text)


@pytest.mark.parametrize(
    "text",
    [
        "In 1984 and 2001 there were 77 people, 5,280 feet and 1,000,000 dollars.",
        "NASA and the FBI met the WWF at the UN in NYC; the HTTP API of IBM is OK.",
        "Dr. Smith, Prof. Jones et al. vs. Mr. Brown Jr., e.g. at St. Mary's Rd., approx. 5 km/h.",
        "Wait... what?! No -- yes -- no; well: \"a\", 'b', (c), [d]... hmm!",
        "Pay $45.99 + 20% tax @ the desk & keep #7 (see www.example.com/a_b?c=d).",
        "STOP! PLEASE READ ALL OF THIS TEXT BEFORE YOU GO ON TO THE NEXT PAGE.",
        "**Bold** and _italic_ and `code` are # Markdown, ~~gone~~.",
        "ha ha ha ha ha ha ha ha ha",
        "1984",
        "",
    ],
)
def test_figures_signs_and_capitals_may_be_read_in_many_ways(text: str) -> None:
    for speed in (80, 450):
        assert judge(*say(text or "Hm.", "en", speed), text) == ""


@pytest.mark.parametrize(
    ("variant", "pitch"),
    [
        ("m3", 0),
        ("m3", 99),
        ("f2", 50),
        ("f5", 99),
        ("croak", 50),
        ("whisper", 50),
        ("klatt", 50),
        ("norbert", 50),
    ],
)
def test_deep_high_and_rough_voices_are_right(variant: str, pitch: int) -> None:
    for speed in (80, 300):
        assert judge(*say(ENGLISH, "en", speed, variant, pitch), ENGLISH) == ""


def test_pauses_and_silence_around_are_no_part_of_the_speech() -> None:
    samples, rate = say(ENGLISH, "en")
    rest = np.zeros(3 * rate)
    parts = np.array_split(samples, 4)
    padded = np.concatenate([piece for part in parts for piece in (rest, part)])
    assert Utterance(padded, rate).seconds == pytest.approx(len(samples) / rate, rel=0.15)
    assert judge(padded, rate, ENGLISH) == ""


def test_bounds_that_are_given_hold() -> None:
    samples, rate = say(ENGLISH, "en", 300)
    spoken = Utterance(samples, rate)
    fast = find_unlikely_utterance(spoken, ENGLISH, 1.5, 6.0)
    assert "syllables a second or more; 6 are the fastest" in fast
    slow = find_unlikely_utterance(spoken, ENGLISH, 12.0, 18.0)
    assert "12 are the slowest" in slow


@pytest.mark.parametrize(
    ("text", "fewest", "most"),
    [
        ("The quick brown fox jumps over the lazy dog.", 10, 25),
        ("所有的人生来都是自由的", 10, 28),
        ("すべてのひとは", 3, 8),
        ("모든 사람은", 4, 6),
        ("สวัสดีครับ", 2, 9),
        ("السلام عليكم", 3, 10),
        ("नमस्ते", 1.5, 5),
        ("1984", 1, 18),
        ("HTTP", 0, 8),
        ("NASA", 2, 8),
        ("?! … ()", 0, 0),
        ("100 %", 1, 18),
    ],
)
def test_syllables_are_those_of_the_script(text: str, fewest: float, most: float) -> None:
    counted = count_syllables(text)
    assert fewest <= counted.fewest <= counted.most <= most


def test_what_can_hardly_be_heard_is_no_error() -> None:
    assert judge(np.zeros(8000), 8000, ENGLISH) == ""
    assert judge(np.zeros(0), 8000, ENGLISH) == ""
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 4000)
    for rate in (500, 8000, 192_000):
        assert judge(noise, rate, ENGLISH)


def test_the_row_and_the_louder_channel_are_told(tmp_path: Path) -> None:
    samples, rate = say(ENGLISH, "en")
    results = []
    for name, kept in (("whole", 1.0), ("part", 0.4)):
        path = tmp_path / f"{name}.wav"
        channel = samples[: round(kept * len(samples))]
        soundfile.write(path, np.stack([0.01 * channel[::-1], channel], axis=1), rate)
        row = Row(engine="any", voice="ann", text=ENGLISH, label=name)
        results.append(RowResult(row=row, status="passed", audio_path=path, audible=True))
    (fault,) = find_unlikely_pace(results, SLOWEST, FASTEST)
    assert fault.startswith("part leaves out part of its text: ")
