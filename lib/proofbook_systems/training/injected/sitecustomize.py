"""Note what a PyTorch trainer computes, in its own process and without touching its code.

Python imports a module of this name when it starts. This one waits until torch is imported, and
registers torch's own global hooks. A line of JSON for each batch and each update is appended to
``$PROOFBOOK_WATCH/<pid>.jsonl``. It draws no random number and changes no weight; where a look
fails, it notes that and looks no more. Works with the Python and the torch that the trainer has.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
import time
import types
import warnings
import weakref
from pathlib import Path
from typing import Any

__all__ = ["Watcher", "watch_torch"]

_FOLDER, _WHOLE = "PROOFBOOK_WATCH", "PROOFBOOK_WATCH_ROWS"
_SCALE = "PROOFBOOK_GRADIENT_SCALE"
"""The exponent of a scale that gradients in 16 bits begin with; empty leaves the trainer's."""
_HERE = str(Path(__file__).resolve().parent)
_FIRST = 8
"""Ids of a row that are noted where not all are asked for."""
_LOOKS = 4
"""Forward passes that are asked what they predict."""


def _load_beside(name: str) -> Any:
    """Return a module beside this one, by its place: its name may be another one's in a trainer."""
    place = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"_proofbook_{name}", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_read = _load_beside("tensors")
_objective = _load_beside("objective")
_gradients = _load_beside("gradients")
_learnt = _load_beside("learnt")


class Watcher:
    """Notes the batches and the updates of one process."""

    def __init__(self, torch: Any, folder: str, *, whole_rows: bool = False) -> None:
        self._torch, self._folder = torch, folder
        self._first = None if whole_rows else _FIRST
        self._compiling = torch.compiler.is_compiling
        self._roots: Any = weakref.WeakSet()
        self._inner: Any = weakref.WeakSet()
        self._optimizers: dict[int, tuple[int, tuple[int, ...]]] = {}
        self._before: list[Any] = []
        self._forwards = self._quiet = 0
        self._drawing: Any = None
        self._taught: Any = None
        self._asked: Any = None
        self._looks = self._passes = 0
        self._settings: dict[int, Any] = {}
        self._cleared: dict[int, Any] = {}
        self.failed = False
        self.hooks: list[Any] = []

    def stop(self) -> None:
        """Look no more."""
        for hook in self.hooks:
            hook.remove()

    def before_forward(self, module: Any, args: tuple[Any, ...]) -> None:
        """Note the batch of an outermost call that may train."""
        # Compiled code has no need of it: the outermost call is never compiled itself.
        if self._compiling() or self.failed:
            return
        if module in self._inner or not self._torch.is_grad_enabled():
            return
        # Global hooks are not given the keywords, which the frame that calls them has.
        keywords = sys._getframe(1).f_locals.get("kwargs") or {}
        self._try(self._note_forward, module, args, keywords)

    def after_forward(self, module: Any, args: Any, output: Any) -> None:
        """Note whether the call whose batch was noted has drawn random numbers, as dropout does."""
        if self._compiling() or self.failed:
            return
        if self._drawing is not None and self._drawing[0] is module:
            self._try(self._note_draws)
        if self._asked is not None and self._asked[0] is module:
            self._try(self._note_objective, output)
        if self._taught is not None and self._taught[0] is module:
            self._try(self._follow_logits, output)

    def before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Remember what the parameters are."""
        if self._compiling() or self.failed:
            return
        self._try(self._note_before, optimizer)

    def after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Note what has become of each parameter."""
        if self._compiling() or self.failed:
            return
        # Gradients are looked at now, since a closure makes them within the step.
        self._try(self._note_update, optimizer, _read.parameters_of(optimizer))

    def _try(self, look: Any, *args: Any) -> None:
        try:
            look(*args)
        except Exception as error:  # noqa: BLE001 - whatever it is, the trainer goes on
            self.failed = True
            self._write({"fault": f"{type(error).__name__}: {error}"[:300]})

    def _note_forward(self, module: Any, args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        # A frozen network, such as a teacher, learns nothing in any mode; one without data neither.
        frozen = not module.training and not any(p.requires_grad for p in module.parameters())
        if frozen or _read.is_without_data(module.parameters()):
            return
        if self._is_root(module):
            self._forwards += module.training
            self._quiet += not module.training
            self._note_batch(module, args, keywords, quiet=not module.training)
            seen = _read.can_tell_draws(module)
            self._drawing = (module, _read.random_states(self._torch)) if seen else None

    def _note_draws(self) -> None:
        before, self._drawing = self._drawing[1], None
        now = _read.random_states(self._torch)
        same = len(before) == len(now) and all(map(self._torch.equal, before, now))
        self._write({"drew": not same})

    def _note_objective(self, output: Any) -> None:
        (module, batch, others), self._asked = self._asked, None
        returned = [value for _, value in _read.tensors_of(self._torch, (output,), {})]
        _objective.tell_offset(self._torch, module, batch, others, returned, self._write, self._try)

    def _follow_logits(self, output: Any) -> None:
        (_, number, shape), self._taught = self._taught, None
        returned = [value for _, value in _read.tensors_of(self._torch, (output,), {})]

        def tell(gradient: Any) -> None:
            before, learnt = _learnt.taught_places(self._torch, shape, gradient)
            self._write({"learnt": learnt, "unlearnt": before, "pass": number})

        _learnt.follow_logits(shape, returned, lambda gradient: self._try(tell, gradient))

    def _note_before(self, optimizer: Any) -> None:
        listed = _read.parameters_of(optimizer)
        self._before = [] if _read.is_without_data(listed) else [self._sums(p) for p in listed]

    def _is_root(self, module: Any) -> bool:
        """Say whether a module is called from outside of all networks; a loss is no network."""
        if module in self._roots:
            return True
        if next(module.parameters(), None) is None:
            return False
        inner = [each for each in module.modules() if each is not module]
        self._inner.update(inner)
        self._roots.difference_update(inner)
        self._roots.add(module)
        return True

    def _note_batch(
        self, module: Any, args: tuple[Any, ...], keywords: dict[str, Any], *, quiet: bool
    ) -> None:
        found = list(_read.tensors_of(self._torch, args, keywords))
        batch = _read.choose_batch(found)
        if batch is None:
            return
        if not quiet and self._looks < _LOOKS:
            place = next(n for n, (_, value) in enumerate(found) if value is batch)
            others = [value for n, (_, value) in enumerate(found) if n != place]
            self._asked, self._looks = (module, batch, others), self._looks + 1
        labels = next((value for name, value in found if name == "labels"), None)
        with self._torch.no_grad():
            rows = batch[None] if batch.dim() == 1 else batch
            lines = [_read.read_row(self._torch, row, self._first) for row in rows]
            for line, source in zip(lines, _read.unmasked(self._torch, rows, labels)):  # noqa: B905 - of 3.9
                line.append(_read.read_row(self._torch, source, 0)[0])
        # Of a network in the mode for evaluation: it is an update's where no other is.
        mode: dict[str, Any] = {"quiet": True} if quiet else {}
        if self._first is None and not quiet and batch.dim() == 2:
            mode, self._passes = {"pass": self._passes}, self._passes + 1
            self._taught = (module, mode["pass"], tuple(batch.shape))
        self._write({"batch": lines, "shape": list(batch.shape), **mode})

    def _note_update(self, optimizer: Any, parameters: list[Any]) -> None:
        if len(self._before) != len(parameters):
            return
        number = self._number_of(optimizer, parameters)
        norms, flags, after, gradients = [], [], [], []
        for parameter, before in zip(parameters, self._before):  # noqa: B905 - of 3.9
            norm, has_gradient = self._gradient(parameter)
            norms.append(norm)
            after.append(self._sums(parameter))
            gradients.append(
                "" if parameter.grad is None else self._sums(_read.dense(parameter.grad))
            )
            moved = after[-1] != before
            flags.append(has_gradient.upper() if moved else has_gradient)
        self._write(
            {
                "update": "".join(flags), "optimizer": number,
                "forwards": self._forwards or self._quiet, "norms": norms,
                "norm": sum(norm**2 for norm in norms) ** 0.5,
                "rates": [float(group.get("lr", 0.0)) for group in optimizer.param_groups],
                "sums": after, "gradient": _read.digest(gradients),
                **self._kept_gradient(number, parameters),
                **self._changed_settings(optimizer, number),
            }
        )  # fmt: skip
        self._before, self._forwards, self._quiet = [], 0, 0

    def _kept_gradient(self, number: int, parameters: list[Any]) -> dict[str, Any]:
        """Return whether its gradient was kept, or changed between passes; not of the first."""
        if number not in self._cleared:
            self._cleared[number] = _gradients.ClearWatch(self._torch)
            self.hooks += self._cleared[number].follow(parameters)
        return dict.fromkeys(self._cleared[number].after_update(), True)

    def note_scale(self, scale: list[float]) -> None:
        """Note the scale of gradients after an update, or after one that was left out."""
        self._write({"scale": scale})

    def _changed_settings(self, optimizer: Any, number: int) -> dict[str, Any]:
        """Return the numbers that groups of parameters are set to, where they are others now."""
        settings = [_read.settings_of(group) for group in optimizer.param_groups]
        if self._settings.get(number) == settings:
            return {}
        self._settings[number] = settings
        return {"settings": settings}

    def _number_of(self, optimizer: Any, parameters: list[Any]) -> int:
        ids = tuple(id(parameter) for parameter in parameters)
        number, known = self._optimizers.get(id(optimizer), (len(self._optimizers), ()))
        if known != ids:
            self._optimizers[id(optimizer)] = (number, ids)
            rates = {rate for root in self._roots for rate in _read.dropout_rates(root)}
            self._write(
                {
                    "names": _read.names_of(self._roots, parameters), "optimizer": number,
                    "sums": self._before,
                    "dropout": sorted(rates), "left": _read.left_out(self._roots, parameters),
                }
            )  # fmt: skip
        return number

    def _gradient(self, parameter: Any) -> tuple[float, str]:
        """Return a gradient's norm, and whether there is one: g, z for zero, n for none."""
        gradient = parameter.grad
        if gradient is None:
            return 0.0, "n"
        gradient = _read.dense(gradient.detach())
        norm = float(self._torch.linalg.vector_norm(gradient.double()))
        return norm, "g" if bool((gradient != 0).any()) else "z"

    def _sums(self, parameter: Any) -> str:
        return str(_read.bit_sums(self._torch, parameter))

    def _write(self, line: dict[str, Any]) -> None:
        # By process: a worker of a loader that computes with a network is no trainer.
        path = Path(self._folder, f"{os.getpid()}.jsonl")
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**line, "time": round(time.time(), 3)}) + "\n")
        except OSError:
            self.failed = True  # A full disk is the trainer's affair.


def watch_torch(torch: Any, folder: str, *, whole_rows: bool = False) -> Watcher:
    """Register the hooks with torch, and return what they note with."""
    from torch.nn.modules.module import (
        register_module_forward_hook,
        register_module_forward_pre_hook,
    )
    from torch.optim.optimizer import (
        register_optimizer_step_post_hook,
        register_optimizer_step_pre_hook,
    )

    # It says that hooks are called twice for compiled modules; ours do nothing in these.
    warnings.filterwarnings("ignore", message=r"Using `torch\.compile\(module\)` when there are")
    watcher = Watcher(torch, folder, whole_rows=whole_rows)
    watcher.hooks = [
        register_module_forward_pre_hook(watcher.before_forward),
        register_module_forward_hook(watcher.after_forward),
        register_optimizer_step_pre_hook(watcher.before_step),
        register_optimizer_step_post_hook(watcher.after_step),
        *_gradients.watch_scalers(torch, watcher.note_scale),
    ]
    return watcher


class _Waiting(importlib.abc.MetaPathFinder):
    """Registers the hooks as soon as torch has been imported, and is gone then."""

    def __init__(self, folder: str) -> None:
        self._folder, self._looking = folder, False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return torch's own spec, whose loader registers the hooks when it is done."""
        if name != "torch" or self._looking:
            return None
        self._looking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._looking = False
        # A spec may be asked for without an import, as transformers does: it goes on waiting.
        if spec is not None and spec.loader is not None:
            self._prepare(spec.loader)
        return spec

    def _prepare(self, loader: Any) -> None:
        load = loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            loader.exec_module = load
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            load(module)
            watch_torch(module, self._folder, whole_rows=bool(os.environ.get(_WHOLE)))
            if os.environ.get(_SCALE):
                _gradients.scale_gradients(module, float(os.environ[_SCALE]))

        loader.exec_module = exec_module


def _run_shadowed() -> None:
    """Run the module of the same name that this one hides, if there is one."""
    rest = [each for each in sys.path if str(Path(each or ".").resolve()) != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if __name__ == "sitecustomize":
    if os.environ.get(_FOLDER):
        sys.meta_path.insert(0, _Waiting(os.environ[_FOLDER]))
    _run_shadowed()
