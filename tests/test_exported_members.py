"""The public surface, pinned: a name that appears or goes is a decision, not an accident."""

from __future__ import annotations

import importlib

import pytest

EXPORTED = {
    "proofbook.checks": [
        "Checks",
        "Expectation",
        "at_least",
        "at_most",
        "between",
        "close_to",
        "contains",
        "empty",
        "equals",
        "expectation_of",
        "matches",
        "one_of",
        "open_runbook",
        "within",
        "without",
    ],
    "proofbook.errors": [
        "ChecksFailed",
        "ForkserverError",
        "ForkserverLateError",
        "Incomplete",
        "KernelError",
        "NotebookError",
        "ProfileError",
        "ProofbookError",
        "RunFolderError",
        "RunbookStopped",
        "SubjectError",
        "UsageError",
    ],
    "proofbook.runs.finding": [
        "find_run",
        "iter_runs",
        "next_stamp",
        "read_runs",
        "run_folders",
        "warn_once",
    ],
    "proofbook.runs.reading": ["read_job"],
    "proofbook.runs.run_verdict": ["exit_code", "review_state", "run_verdict", "worse_verdict"],
    "proofbook.runs.verdicts": [
        "HARDWARE_CHECK",
        "REQUIREMENTS_CHECK",
        "JudgedJob",
        "Stop",
        "StopKind",
        "judge_job",
        "severity",
    ],
    "proofbook.kernels.session": [
        "KERNEL_NAME",
        "WarmKernelClient",
        "WarmKernelManager",
        "kernel_spec",
    ],
    "proofbook.media": [
        "AudioCheck",
        "AudioFault",
        "AudioLimits",
        "AudioMeasure",
        "Clip",
        "ExpectedAudio",
        "Media",
        "VideoMeasure",
        "audio",
        "draw_bars",
        "draw_lines",
        "find_audio_faults",
        "find_silence",
        "group_audio_faults",
        "image",
        "measure_audio",
        "measure_image",
        "measure_video",
        "plot",
        "read_audio",
        "read_sound_track",
        "text",
        "video",
    ],
    "proofbook.processes": [
        "Ended",
        "Ending",
        "Supervised",
        "TemporaryFolder",
        "anonymous_memory",
        "cpu_seconds",
        "exit_words",
        "guarded",
        "process_tree",
        "proportional_memory",
        "queued_seconds",
        "remove_abandoned",
        "resident_memory",
        "run",
        "supervise",
    ],
    "proofbook.records": [
        "AnyRecord",
        "Attempt",
        "Begin",
        "CellState",
        "CellStatus",
        "Check",
        "CheckStatus",
        "Evidence",
        "Fact",
        "Failure",
        "Fault",
        "Finish",
        "Identity",
        "Label",
        "MediaFile",
        "Metric",
        "Node",
        "Outcome",
        "OutcomeStatus",
        "Output",
        "PathContent",
        "PlannedJob",
        "Question",
        "QuestionForm",
        "QuestionStatus",
        "Resumption",
        "RunInfo",
        "Verdict",
        "now",
        "parse_record",
        "seconds_between",
    ],
    "proofbook.report": ["JobSummary", "RunSummary", "load_run", "write_report"],
    "proofbook_subjects.apis.client": [
        "BACKENDS",
        "Accounts",
        "Answer",
        "ApiClient",
        "ApiError",
        "Breaker",
        "Delta",
        "Embeddings",
        "Inference",
        "Limits",
        "Outside",
        "Price",
        "Retries",
        "StoredObject",
        "StreamBrokenError",
        "SyncApiClient",
        "TextStream",
        "Timeout",
        "Timing",
        "Usage",
    ],
}


@pytest.mark.parametrize("module", EXPORTED)
def test_public_names_are_the_pinned_ones(module: str) -> None:
    assert list(importlib.import_module(module).__all__) == EXPORTED[module]


@pytest.mark.parametrize("module", EXPORTED)
def test_every_public_name_is_there(module: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in EXPORTED[module] if not hasattr(found, name)] == []


@pytest.mark.parametrize("module", EXPORTED)
def test_every_public_name_has_a_docstring(module: str) -> None:
    found = importlib.import_module(module)
    public = [getattr(found, name) for name in EXPORTED[module]]
    own = [thing for thing in public if getattr(thing, "__module__", "").startswith("proofbook")]
    assert [thing.__name__ for thing in own if not thing.__doc__] == []
