"""One small model on a device, step by step, in this process; faults that the steps must find."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from proofbook_systems.models import references
from proofbook_systems.models.devices import cpu, exported
from proofbook_systems.models.devices.cpu import CPU
from proofbook_systems.models.devices.cuda import CUDA
from proofbook_systems.models.devices.device import Dims
from proofbook_systems.models.devices.examples import make_examples
from proofbook_systems.models.devices.exported import find_dims
from proofbook_systems.models.devices.planting import DEVICE_FAULTS
from proofbook_systems.models.devices.trying import Sample, take_steps
from proofbook_systems.models.inputs import Inputs
from proofbook_systems.models.outputs import call

# What torch and transformers say of themselves while a model is exported.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture
def sample() -> Sample:
    """A small BERT with weights that show, and two sentences."""
    from transformers import BertConfig, BertModel

    from proofbook_systems.models.building import excite

    torch.manual_seed(0)
    config = BertConfig(vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                        intermediate_size=37, attn_implementation="eager")  # fmt: skip
    model = BertModel(config).eval()
    excite(model, 0)

    def words() -> Inputs:
        ids = torch.randint(5, 99, (1, 8))
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    return Sample(model=model, one=words(), two=words(), tolerance=1e-5)


def steps(device: Any, sample: Sample, fault: str = "", *, dynamic: bool = True) -> dict[str, str]:
    """Return each step's verdict, and its reason where it failed."""
    lines: list[dict[str, Any]] = []
    take_steps(device, sample, lines.append, fault, dynamic=dynamic)
    found = [line["finding"] for line in lines if "finding" in line]
    return {each["check"]: each["reason"] or each["status"] for each in found}


@dataclass(frozen=True)
class Eager:
    """A device that runs the model itself, in one shape alone where it is told."""

    shape: tuple[int, ...] = ()
    precision: str = "float32"

    def missing(self) -> str:
        return ""

    def export(self, model: Any, inputs: Inputs, dims: Dims | None) -> Any:
        return model

    def compile(self, exported: Any) -> Any:
        @dataclass
        class Running:
            where: str = "here"

            def __call__(me, **inputs: Any) -> Any:  # noqa: N805 - self is the device
                if self.shape and tuple(inputs["input_ids"].shape) != self.shape:
                    raise ValueError(f"only {self.shape}")
                return exported(**inputs)

        return Running()


PASSED = dict.fromkeys(("export", "compile", "run", "match", "inputs", "other-shape"), "passed")


@pytest.mark.exhaustive
@pytest.mark.slow
def test_an_exported_graph_answers_as_the_model_in_two_shapes(sample: Sample) -> None:
    assert steps(CPU(), sample) == PASSED


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(f, marks=pytest.mark.slow if f == "asks-the-model" else ())
        for f in DEVICE_FAULTS
    ],
)
def test_a_planted_fault_is_found_by_its_step(fault: str, sample: Sample) -> None:
    device: Any = CPU() if fault == "asks-the-model" else Eager()  # a graph needs no model
    found = steps(device, sample, fault)
    assert next(step for step, words in found.items() if words != "passed") == DEVICE_FAULTS[fault]


def test_a_device_that_answers_everything_alike_is_seen(sample: Sample) -> None:
    found = steps(Eager(), sample, "kept-answer")
    assert found["match"] == "passed"
    assert found["inputs"] == "the device answers other inputs with the same answer"


def test_a_second_shape_has_a_verdict_of_its_own(sample: Sample) -> None:
    found = steps(Eager(shape=(2, 11)), sample)
    assert found.pop("other-shape").startswith("ValueError: only (2, 11)")
    assert set(found.values()) == {"passed"}
    fixed = steps(Eager(shape=(1, 8)), sample, dynamic=False)
    assert fixed["match"] == "passed" and "no second shape" in fixed["other-shape"]


def test_an_answer_drawn_at_random_is_not_compared(sample: Sample) -> None:
    class Drawing(torch.nn.Module):
        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
            return {"noise": torch.rand(input_ids.shape)}

    drawing = Sample(model=Drawing(), one=sample.one, two=sample.two, tolerance=1e-5)
    found = steps(Eager(), drawing)
    assert found["match"] == found["inputs"] == "its answer is drawn at random"


@dataclass(frozen=True)
class Off(Eager):
    """A device whose answers lie a share away from the model's."""

    share: float = 0.0

    def compile(self, exported: Any) -> Any:
        exported.forward = _off_by(self.share, exported.forward)
        return super().compile(exported)


def _off_by(share: float, forward: Any) -> Any:
    def answer(**inputs: Any) -> Any:
        return {name: value * (1 + share) for name, value in forward(**inputs).items()}

    return answer


@pytest.mark.parametrize(("share", "asked", "words"), [
    (1e-7, 0, "passed"), (1e-5, 1, "passed"), (1e-3, 1, "rounding explains 1.2e-05"),
])  # fmt: skip
def test_a_reference_is_worked_out_only_where_an_answer_needs_it(
    share: float, asked: int, words: str, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[float] = []

    def reference(model: Any, inputs: Inputs, ours: Any) -> references.Reference:
        made.append(float(call(model, inputs)["pooler_output"].sum()))
        return references.Reference(rounding=0.0, condition=3.4e-7)

    monkeypatch.setattr(references, "make_reference", reference)
    before = float(call(sample.model, _pair(sample))["pooler_output"].sum())
    found = steps(Off(share=share), sample)
    assert words in found["match"] and words in found["other-shape"]
    assert made == [before] * asked  # of the model as it was before it was exported


def _pair(sample: Sample) -> Inputs:
    return make_examples(sample.model, sample.one, sample.two, 1e-5, dynamic=True).traced.inputs


def test_what_cannot_be_copied_keeps_the_tolerance_of_its_own_checks(sample: Sample) -> None:
    class Locked(torch.nn.Module):
        def __deepcopy__(self, _: Any) -> Any:
            raise TypeError("cannot be copied")

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
            return {"scores": input_ids * 0.5}

    asked = make_examples(Locked(), sample.one, sample.two, 2e-3, dynamic=True)
    assert asked.tolerance() == 2e-3
    assert asked.explains(1e-3) and not asked.explains(3e-3)


def test_no_reference_allows_less_than_the_least() -> None:
    exact = references.Reference(rounding=0.0, condition=0.0)
    assert exact.tolerance == references.LEAST


def test_only_dimensions_that_differ_may_change() -> None:
    one = {"ids": torch.ones(2, 11), "image": torch.ones(1, 3, 8, 8), "grid": [torch.ones(2, 2)]}
    two = {"ids": torch.ones(1, 8), "image": torch.ones(1, 3, 8, 8), "grid": [torch.ones(1, 2)]}
    dims = find_dims(one, two)
    assert set(dims["ids"]) == {0, 1} and dims["image"] == {} and set(dims["grid"][0]) == {0}


@dataclass
class Atoms:
    """An input of fields."""

    places: torch.Tensor
    kinds: torch.Tensor
    count: int = 2


def test_fields_of_an_object_may_change_as_inputs_may() -> None:
    one = Atoms(places=torch.ones(2, 5, 3), kinds=torch.ones(2, 5))
    two = Atoms(places=torch.ones(1, 5, 3), kinds=torch.ones(1, 7))
    dims = find_dims({"atoms": one}, {"atoms": two})["atoms"]
    assert [set(dims[0]), set(dims[1]), dims[2]] == [{0}, {0, 1}, None]
    assert find_dims({"atoms": one}, {})["atoms"] == [{}, {}, None]


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_model_that_takes_an_object_is_exported() -> None:
    class Summing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.read = torch.nn.Linear(3, 2)

        def forward(self, atoms: Atoms) -> Any:
            return {"sum": self.read(atoms.places) * atoms.kinds[..., None]}

    torch.manual_seed(0)
    one, two = (Atoms(places=torch.rand(1, 5, 3), kinds=torch.rand(1, 5)) for _ in range(2))
    exported._register_bundles({"atoms": one})
    exported._register_bundles({"atoms": two})  # a second time, as of a second way to a device
    model = Summing()
    graph = torch.export.export(model, (), {"atoms": one}).module()
    assert torch.allclose(graph(atoms=two)["sum"], model(two)["sum"])


@pytest.mark.parametrize("asks", [True, False])
def test_an_answer_is_asked_without_the_loss_that_no_exporter_takes(
    asks: bool, sample: Sample
) -> None:
    class Training(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.config = SimpleNamespace(return_loss=asks)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
            scores = {"scores": input_ids * 0.5}
            return scores | ({"loss": torch.ones(1)} if self.config.return_loss else {})

    asked = make_examples(Training(), sample.one, sample.two, 1e-5, dynamic=True)
    assert set(asked.traced.answer) == {"scores"}


SETTINGS = [exported._NO_CACHE, exported._NO_STACKS, cpu._NO_NOTES]


@pytest.mark.parametrize(("module", "name", "value"), SETTINGS)
def test_a_setting_of_torch_is_changed_while_a_model_is_traced_alone(
    module: str, name: str, value: object
) -> None:
    config = importlib.import_module(module)
    before = getattr(config, name)
    with (
        pytest.raises(ValueError, match="no such operation"),
        exported.changed(module, name, value),
    ):
        assert getattr(config, name) is value
        raise ValueError("no such operation")
    assert getattr(config, name) is before is not value


@pytest.mark.parametrize("row", range(len(SETTINGS)))
@pytest.mark.parametrize("gone", ["module", "name"])
def test_a_release_that_has_renamed_a_setting_exports_all_the_same(row: int, gone: str) -> None:
    module, name, value = SETTINGS[row]
    renamed = (f"{module}.other", name) if gone == "module" else (module, f"{name}_renamed")
    with exported.changed(*renamed, value):
        assert not hasattr(importlib.import_module(module), f"{name}_renamed")


def test_a_release_that_writes_graphs_in_another_way_is_given_them_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from torch.fx import _lazy_graph_module

    monkeypatch.delattr(_lazy_graph_module, "_use_lazy_graph_module")
    with cpu._bare_graphs():
        graph = torch.fx.symbolic_trace(torch.nn.ReLU())
    assert float(graph(torch.tensor(-1.0))) == 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_gpu_answers_as_the_cpu(precision: str, sample: Sample) -> None:
    assert steps(CUDA(precision=precision), sample) == PASSED
    broken = steps(CUDA(precision=precision), sample, "zeroed-weight")
    assert "rounding explains" in broken["match"]
