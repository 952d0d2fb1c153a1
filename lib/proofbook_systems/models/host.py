"""The process that tries model types: ``python -m proofbook_systems.models.host REQUEST RESULTS``.

Imports once, warms up where many types come, then forks a child for each type: a fork costs
milliseconds where a fresh process costs seconds, and a type that crashes or hangs harms no other.
It keeps to one thread: a child of a process that has computed in several threads can hang in its
first operation (pthread_atfork(3) restores no thread pool). Where a part of warming up has left a
thread running, it begins again without that part.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from proofbook.processes import tree
from proofbook.processes.usage import cpu_seconds, resident_memory
from proofbook_systems.models.findings import ON_DEVICE, Finding, Verdict
from proofbook_systems.models.versions import name_imported

__all__ = ["EXPORTING", "ONE_THREAD", "OWN_SECONDS", "PATIENCE", "PRELOADED", "Limits", "main"]

ONE_THREAD = {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1", "TOKENIZERS_PARALLELISM": "false",
}  # fmt: skip
"""Environment of this process; nothing is fetched, and no library starts a pool of threads."""

PRELOADED = (
    "torch", "transformers", "transformers.modeling_utils", "transformers.generation",
    "transformers.masking_utils", "transformers.cache_utils", "transformers.modeling_layers",
    "transformers.modeling_rope_utils", "transformers.loss.loss_utils", "scipy.optimize",
    "transformers.models.auto.modeling_auto", "torch._dynamo", "safetensors.torch",
    "proofbook_systems.models.trial",
)  # fmt: skip
"""What most types need; imported before the first fork."""

EXPORTING = (
    "torch.export._trace", "torch.onnx._internal.exporter._core", "sympy.tensor.tensor",
    "torch.ao.quantization.fx._decomposed", "transformers.exporters.exporter_dynamo",
    "transformers.exporters.runners.base", "transformers.exporters.exporter_onnx",
)  # fmt: skip
"""What other devices need beside; their runtimes start threads, and come after the fork."""

PATIENCE = 8.0
"""How many times its limit of computing a type may last by the clock until it has hung."""
OWN_SECONDS = "own_processor_seconds"
"""What the process that forks has computed itself, imports above all: its log's last line."""
_MODULE = "proofbook_systems.models.host"
_FEW = 3
"""So many types are tried sooner than a process is warm."""
_WARM_SECONDS = 600
_TICK = 0.2


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one type may take."""

    seconds: float
    """Of computing; a busy machine is no failure."""
    gigabytes: float
    """Resident memory above what the parent has."""
    device_seconds: float = 0.0
    """What all devices together may take beside."""


@dataclass(kw_only=True)
class _Child:
    name: str
    category: str
    pid: int
    pipe: int
    started: float
    data: bytes = b""
    killed: str = ""
    peak: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def check(self) -> str:
        """The check that it was last heard of."""
        told = [line["check"] for line in self.lines if "check" in line]
        return told[-1] if told else "init"


def main(arguments: list[str]) -> None:
    """Try the types of a request, and write one verdict a line, as they end."""
    request = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if request["options"].get("devices"):
        _import_exporters()
    from proofbook_systems.models.catalogue import choose_types

    types = choose_types(models=request["types"], category="all", limit=0)
    limits = Limits(seconds=request["seconds"], gigabytes=request["gigabytes"],
                    device_seconds=request["device_seconds"])  # fmt: skip
    refuse_threads()
    if request["warm"] and len(types) > _FEW:
        _warm_up(request["options"].get("devices", ()), arguments)
    gc.collect()
    gc.freeze()  # a collection in a child writes to every object, and copies its page
    with open(arguments[1], "a", encoding="utf-8") as file:  # noqa: PTH123 - appended to
        for verdict in _try_all(types, request["options"], limits, request["workers"]):
            file.write(json.dumps(verdict.as_dict()) + "\n")
            file.flush()
    sys.stdout.write(json.dumps({OWN_SECONDS: round(time.process_time(), 3)}) + "\n")


def _import_exporters() -> None:
    for name in EXPORTING:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    with contextlib.suppress(ImportError):
        from transformers.exporters.utils import apply_patches

        with apply_patches("dynamo"), apply_patches("onnx"):
            pass  # imports every module that an exporter changes, which takes half a second


def _warm_up(devices: Sequence[str], arguments: list[str]) -> None:
    """Warm up; where a stage leaves a thread running, begin again without that stage.

    Stages to leave out are the arguments after the first two.
    """
    from proofbook_systems.models.warmup import CHECKS, GRAPH

    left_out = arguments[2:]
    if CHECKS in left_out:
        return
    _be_quiet()
    signal.alarm(_WARM_SECONDS)  # ends this process, which is then begun without warming up
    try:
        unsafe = _run_stages([] if GRAPH in left_out else [d for d in devices if d not in left_out])
    finally:
        signal.alarm(0)
    if unsafe:
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-m", _MODULE, *arguments, unsafe])


def _run_stages(devices: Sequence[str]) -> str:
    """Return the first stage of warming up that leaves a thread running; empty where none does."""
    from proofbook_systems.models.warmup import warm_up

    for stage in warm_up(devices):
        if stage.missed:
            sys.stdout.write(f"while warming up, {stage.name}: {stage.missed}\n")
        if len(names := _name_threads()) > 1:
            running = ", ".join(names)
            sys.stdout.write(f"warming up, {stage.name}: it left threads running: {running}\n")
            return stage.name
    return ""


def refuse_threads() -> None:
    """End this process where a fork of it would not be safe.

    Raises:
        SystemExit: An import has left a thread running.
    """
    if len(names := _name_threads()) != 1:
        raise SystemExit(f"an imported library left threads running: {', '.join(names)}")


def _name_threads() -> list[str]:
    return [p.joinpath("comm").read_text().strip() for p in Path("/proc/self/task").iterdir()]


def _try_all(
    types: list[Any], options: dict[str, Any], limits: Limits, workers: int
) -> Iterator[Verdict]:
    waiting = list(types)
    children: list[_Child] = []
    while waiting or children:
        while waiting and len(children) < workers:
            children.append(_fork(waiting.pop(0), options, limits))
        for child in _listen(children, limits):
            children.remove(child)
            yield _verdict(child)


def _fork(type_: Any, options: dict[str, Any], limits: Limits) -> _Child:
    reader, writer = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _run_child(type_, options, limits, writer, parent)
    os.close(writer)
    return _Child(name=type_.name, category=type_.category, pid=pid, pipe=reader,
                  started=time.monotonic())  # fmt: skip


def _run_child(
    type_: Any, options: dict[str, Any], limits: Limits, pipe: int, parent: int
) -> NoReturn:
    code = 1
    try:
        os.setsid()
        tree.die_with_parent(signal.SIGKILL, parent)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        import torch

        torch.set_num_threads(1)
        _be_quiet()
        from proofbook_systems.models.trial import Options, try_type

        def tell(check: str) -> None:
            _write(pipe, {"check": check})

        verdict = try_type(type_, Options(**options), tell)
        _write(pipe, {"verdict": verdict.as_dict()})
        code = 0
    except BaseException as error:  # noqa: BLE001 - it is told, and the process ends
        _write(pipe, {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"})
    finally:
        os._exit(code)  # the interpreter's own end would run what the parent has registered


def _be_quiet() -> None:
    import warnings

    from transformers.utils import logging

    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _write(pipe: int, line: dict[str, Any]) -> None:
    data = json.dumps(line).encode() + b"\n"
    while data:
        data = data[os.write(pipe, data) :]


def _listen(children: list[_Child], limits: Limits) -> list[_Child]:
    """Read what children tell, end those beyond a limit, and return those that have ended."""
    ready, _, _ = select.select([child.pipe for child in children], [], [], _TICK)
    ended = []
    for child in children:
        _enforce(child, limits)
        if child.pipe in ready and not _read(child):
            ended.append(child)
    return ended


def _read(child: _Child) -> bool:
    data = os.read(child.pipe, 1 << 16)
    *lines, child.data = (child.data + data).split(b"\n")
    child.lines += [json.loads(line) for line in lines if line]
    return bool(data)


def _enforce(child: _Child, limits: Limits) -> None:
    child.peak = max(child.peak, resident_memory({child.pid}))
    # What a device computes is another child's, which has a limit of its own.
    more = limits.device_seconds if child.check.startswith(ON_DEVICE) else 0.0
    lasted = time.monotonic() - child.started
    if lasted > PATIENCE * limits.seconds + more or cpu_seconds({child.pid}) > limits.seconds:
        child.killed = f"time limit of {limits.seconds:g} s"
    elif child.peak > limits.gigabytes * 1e9:
        child.killed = f"memory limit of {limits.gigabytes:g} GB"
    if child.killed:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def _verdict(child: _Child) -> Verdict:
    os.close(child.pipe)
    _, status, usage = os.wait4(child.pid, 0)
    told = next((line["verdict"] for line in child.lines if "verdict" in line), None)
    verdict = Verdict.from_dict(told) if told is not None else _lost(child, status)
    verdict.imported = name_imported()
    verdict.metrics["seconds"] = round(time.monotonic() - child.started, 3)
    verdict.metrics["processor_seconds"] = round(usage.ru_utime + usage.ru_stime, 3)
    verdict.metrics["memory_mb"] = round(child.peak / 1e6, 1)
    return verdict


def _lost(child: _Child, status: int) -> Verdict:
    """Return the verdict on a type whose process ended without one."""
    error = next((line["error"] for line in child.lines if "error" in line), "")
    reason = child.killed or error or _ending(status)
    verdict = Verdict(type=child.name, category=child.category)
    if child.check != "init":
        verdict.findings.append(Finding(check="init", status="passed"))
    verdict.findings.append(Finding(check=child.check, status="failed", reason=reason))
    return verdict


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"ended by signal {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended with code {os.waitstatus_to_exitcode(status)} and without a verdict"


if __name__ == "__main__":
    main(sys.argv[1:])
