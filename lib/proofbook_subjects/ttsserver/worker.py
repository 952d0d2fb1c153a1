"""The serial queue: one thread, one generation at a time, each of which can be cancelled."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from pathlib import Path

from proofbook_subjects.ttsserver.engines import find_model
from proofbook_subjects.ttsserver.faults import Fault, Faults
from proofbook_subjects.ttsserver.models import ModelFolder
from proofbook_subjects.ttsserver.speech import Speech, synthesise
from proofbook_subjects.ttsserver.store import Row, Store

__all__ = ["Worker"]

_FOR_EVER = 1e9
_HEADER = 44


class _Cancelled(Exception):  # noqa: N818 - no error: someone asked for it
    pass


class Worker:
    """Speaks what is put into its queue."""

    def __init__(self, data: Path, store: Store, models: ModelFolder, faults: Faults) -> None:
        self._data, self._store, self._models, self._faults = data, store, models, faults
        self._queue: queue.Queue[str] = queue.Queue()
        self._cancelled: dict[str, threading.Event] = {}
        threading.Thread(target=self._work, daemon=True).start()

    def put(self, generation_id: str) -> None:
        """Have a generation made once all before it are done."""
        self._cancelled[generation_id] = threading.Event()
        self._queue.put(generation_id)

    def cancel(self, generation_id: str) -> None:
        """Have a generation given up, whether it waits or is being made."""
        if event := self._cancelled.get(generation_id):
            event.set()

    def _work(self) -> None:
        while True:
            generation_id = self._queue.get()
            row = self._store.find("generations", id=generation_id)
            assert row is not None
            fault = self._faults.of(row["engine"], row["model_size"] or "")
            cancelled = self._cancelled[generation_id]
            try:
                self._make(row, fault, cancelled)
            except _Cancelled:
                self._store.update(generation_id, status="failed", error="cancelled")
            except Exception as error:  # noqa: BLE001 - a row says what went wrong with it
                self._store.update(generation_id, status="failed", error=str(error))
            del self._cancelled[generation_id]
            if fault.kind == "backlog":
                time.sleep(fault.value)

    def _make(self, row: Row, fault: Fault, cancelled: threading.Event) -> None:
        started = time.time()
        _refuse_cancelled(cancelled)
        model = find_model(row["engine"], row["model_size"])
        assert model is not None
        if not self._models.is_loaded(model):
            self._store.update(row["id"], status="loading_model", started_at=started)
        settings = self._models.load(model)
        self._store.update(row["id"], status="generating", started_at=started)
        _misbehave(fault, cancelled)
        _wait(settings.work_seconds, cancelled)
        speech = synthesise(
            row["text"], settings, language=row["language"], hertz=self._hertz(row),
            seed=row["seed"] or 0, loud=bool(row["normalize"]),
        )  # fmt: skip
        self._finish(row, _spoil(speech, fault), started)

    def _hertz(self, row: Row) -> float:
        sample = self._store.find("samples", profile_id=row["profile_id"])
        return sample["hertz"] if sample else 120.0

    def _finish(self, row: Row, speech: Speech, started: float) -> None:
        path = Path("generations") / f"{row['id']}.wav"
        (self._data / path).parent.mkdir(exist_ok=True)
        (self._data / path).write_bytes(speech.wav)
        ended = time.time()
        self._store.update(
            row["id"], status="completed", audio_path=path.as_posix(), duration=speech.seconds,
            completed_at=ended, generation_seconds=ended - started,
        )  # fmt: skip


def _refuse_cancelled(cancelled: threading.Event) -> None:
    if cancelled.is_set():
        raise _Cancelled


def _wait(seconds: float, cancelled: threading.Event) -> None:
    if cancelled.wait(min(seconds, threading.TIMEOUT_MAX)):
        raise _Cancelled


def _misbehave(fault: Fault, cancelled: threading.Event) -> None:
    match fault.kind:
        case "slow":
            _wait(fault.value, cancelled)
        case "hang":
            _wait(_FOR_EVER, cancelled)
        case "deaf":
            time.sleep(_FOR_EVER)
        case "crash":
            os.kill(os.getpid(), getattr(signal, "SIGSEGV", signal.SIGTERM))
        case "fail":
            raise RuntimeError("CUDA out of memory (a fault on demand)")


def _spoil(speech: Speech, fault: Fault) -> Speech:
    match fault.kind:
        case "silent":
            zeros = bytes(len(speech.wav) - _HEADER)
            return speech._replace(wav=speech.wav[:_HEADER] + zeros)
        case "wrong_duration":
            return speech._replace(seconds=speech.seconds + fault.value)
        case "empty_wav":
            head = speech.wav[:4] + (36).to_bytes(4, "little") + speech.wav[8:40] + bytes(4)
            return speech._replace(wav=head)
        case "broken_wav":
            return speech._replace(wav=speech.wav[: len(speech.wav) // 2])
        case _:
            return speech
