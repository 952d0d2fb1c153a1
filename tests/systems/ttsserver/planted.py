"""Defects that a speech server may have, which check each turns red, and in which words."""

from __future__ import annotations

from dataclasses import dataclass

CLONED, PRESET = "cloned", "some_voice"


@dataclass(frozen=True)
class Plant:
    """One defect."""

    name: str
    """As the foreign server knows it: of the engine of a row, or of the whole server."""
    check: str
    """The check that finds it; empty where the runbook ends with an error."""
    words: str
    """A regular expression that what the check says matches: the cause."""
    also: tuple[str, ...] = ()
    """Further checks that are rightly red with it."""


ROWS = (
    Plant("hang", "hang-speaks", r"timeout: no result within 1 s .* the server itself still answe"),
    Plant("deaf", "deaf-speaks", r"timeout: no result within 1 s .* last said generating"),
    Plant("frozen", "frozen-speaks", r"the server is frozen \(GET /health: no answer within "),
    Plant("crash", "crash-speaks", r"failed: the server was killed by SIGSEGV"),
    Plant("exit", "exit-speaks", r"failed: the server exited with code 3"),
    Plant("fail", "fail-speaks", r"failed: CUDA out of memory"),
    Plant("mute-failure", "mute-failure-speaks", r"says 'failed' and gives no reason"),
    Plant("refused", "refused-speaks", r"POST /generate answers 400 \(no such engine\)"),
    Plant("error-500", "error-500-speaks", r"POST /generate answers 500 \(no such engine\)"),
    Plant("post-hangs", "post-hangs-speaks", r"timeout: POST /generate: no answer within 1 s"),
    Plant("no-audio", "no-audio-speaks", r"says 'completed' and gives no audio: .* 404 \(no audio"),
    Plant("zero", "zero-speaks", r"says 'completed', and the audio lasts 0\.00 s"),
    Plant("click", "click-speaks", r"lasts 0\.02 s, too short for 27 characters"),
    Plant("silent", "silent-speaks", r"the audio is silent"),
    Plant("cut", "cut-speaks", r"cannot be decoded: .* truncated"),
    Plant("page", "page-speaks", r"cannot be decoded: .* not a sound file"),
    Plant("not-a-number", "not-a-number-speaks", r"the audio 9 samples are NaN"),
    Plant("long-claim", "long-claim-speaks", r"lasts 1\.00 s, and the server claims 3\.50 s"),
    Plant("no-claim", "no-claim-speaks", r"lasts 1\.00 s, and the server claims 0\.00 s"),
    Plant("negative-claim", "negative-claim-speaks", r"the server claims -1\.00 s"),
    Plant("no-rate", "no-rate-speaks", r"cannot be decoded"),
    Plant("constant", "constant-speaks", r"is off centre by \+0\.36\d of full scale"),
    Plant("quiet-exit", "quiet-exit-speaks", r"the server exited with code 0"),
    Plant("cancel-hangs", "cancel-hangs-speaks", r"timeout: no result within 1 s"),
    Plant(
        "page-as-status",
        "page-as-status-speaks",
        r"timeout: GET /generate/\S+ answers text/html and no event stream",
    ),
    Plant("says-nothing", "says-nothing-speaks", r"it last said nothing"),
    Plant("breaks-off", "breaks-off-speaks", r"gives no audio: .* the connection broke"),
    Plant("no-id", "no-id-speaks", r"something else than promised .* id: Field required"),
    Plant("forgets-profiles", "forgets-profiles-speaks", r"answers 404 \(no profile"),
    Plant("same-id", "same-id-speaks", r"gave it generation g-\d+, which is that of "),
    Plant("malformed", "malformed-speaks", r"1 events of its status stream are not JSON: .*gener"),
    Plant("forgotten", "forgotten-speaks", r"the server no longer knows the generation"),
)
"""Of a row; each costs its row alone, and nothing else is red."""

NEIGHBOURS = (
    Plant("poison", "each-row-alone", r"after: CUDA error: device-side assert .* paid for poison",
          ("poison-speaks",)),
    Plant("backlog", "each-row-alone", r"after: no result within 5 s .* behind what an earl"),
    Plant("late-crash", "each-row-alone", r"^\[.after: .* killed by SIGSEGV.* late-cra"),
    Plant("next-crash", "each-row-alone",
          r"^\[.after: the server was killed by SIGSEGV; .* while it ran, which next-crash may"),
    Plant("spoilt-data", "comes-back", r"killed by SIGKILL: .* database disk image is malformed",
          ("spoilt-data-speaks",)),
)  # fmt: skip
"""Of a row, which the next one would pay for."""

SERVERS = (
    Plant("unknown-generates", "unknown-generation", r"says 'generating' of what it never made"),
    Plant("models-fail", "models-listed", r"GET /models/status answers 500 \(no such table"),
    Plant("orphans-child", "ends-with-parent", r"process \d+ sleep, which the server had started"),
    Plant("second-kills-first", "first-still-healthy", r"the server was killed by SIGKILL",
          ("ends-when-asked",)),
    Plant("upload-fails", "voices-created", r"e2e-cloned.* answers 500 \(librosa is not installed",
          ("good-speaks",)),
    Plant("upload-hangs", "voices-created", r"e2e-cloned.*/samples: no answer within 1 s",
          ("good-speaks",)),
    Plant("leaves-child", "nothing-left", r"process \d+ sleep, which the server had started and"),
    Plant("stubborn", "ends-when-asked", r"1 s after SIGTERM it still ran, and was killed"),
    Plant("crashes-at-the-end", "ends-when-asked", r"asked to end, it was killed by SIGABRT"),
    Plant("turns-ill", "first-still-healthy", r"'status' is 'degraded', not 'healthy'"),
    Plant("orphan", "ends-with-parent", r"\d+ \w+ still runs 1 s after its parent's end",
          ("port-free-without-parent",)),
    Plant("quiet-second", "second-start-says-why", r"nothing of port \d+; it printed: nothing",
          ("second-start-fails",)),
    Plant("mute-second", "second-start-says-why", r"it printed: something went wrong"),
    Plant("lingering-second", "second-start-ends", r"it still ran after 10 s, and was killed",
          ("second-start-fails", "second-start-says-why")),
    Plant("never-healthy", "", r"not healthy after 10 s: GET /health says that 'status' is 'w"),
    Plant("dies-at-start", "", r"exited with code 1 before it was healthy: ImportError: libcudart"),
)  # fmt: skip
"""Of the whole server."""
