"""What a trace remembers is what torch would work out; what may differ is asked each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.fx.experimental.sym_node import SymNode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv, StatelessSymbolicContext

from proofbook_systems.models.devices import known_shapes, known_sums
from proofbook_systems.models.devices.known_shapes import remember_shapes
from proofbook_systems.models.devices.known_sums import remember_sums

aten = torch.ops.aten


@pytest.fixture
def mode() -> Iterator[FakeTensorMode]:
    """Tensors without numbers, and no cache of torch's own."""
    with torch._dynamo.config.patch(fake_tensor_cache_enabled=False), torch.no_grad():
        yield FakeTensorMode(shape_env=ShapeEnv())


def fake(mode: FakeTensorMode, *shape: int, dtype: torch.dtype = torch.float32) -> FakeTensor:
    """Return a tensor whose first size is a symbol."""
    sizes = [DimDynamic.DYNAMIC] + [DimDynamic.STATIC] * (len(shape) - 1)
    context: Any = StatelessSymbolicContext(dynamic_sizes=sizes)
    return mode.from_tensor(torch.ones(*shape, dtype=dtype), symbolic_context=context)


def form(value: Any) -> list[tuple[Any, ...]]:
    """Return what there is to know of each tensor of an answer."""
    rows = value if isinstance(value, (list, tuple)) else [value]
    return [
        (str(r.shape), str(r.stride()), str(r.storage_offset()), r.dtype, r.device) for r in rows
    ]


OPERATIONS: dict[str, Callable[[torch.Tensor], Any]] = {
    "product": lambda x: aten.addmm(x.new_empty(8), x, x.new_empty(6, 8)),
    "norm": lambda x: aten.native_layer_norm(x, [6], None, None, 1e-5),
    "view": lambda x: aten.view(x, [x.shape[0], 2, 3]),
    "turned": lambda x: aten.t(x),
    "part": lambda x: aten.slice(x, 1, 2, 5),
    "parts": lambda x: aten.split(x, 2, 1),
    "wider": lambda x: aten.expand(aten.unsqueeze(x, 0), [3, -1, -1]),
    "joined": lambda x: aten.cat([x, x]),
    "sum": lambda x: aten.add(x, 1.5),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_remembered_answer_has_the_form_of_a_computed_one(mode: FakeTensorMode, name: str) -> None:
    x, run = fake(mode, 4, 6), OPERATIONS[name]
    with mode:
        computed = run(x)
        with remember_shapes(), remember_sums():
            first, again = run(x), run(x)

    assert form(first) == form(again) == form(computed)


def count_computed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that grows by each operation that torch works out."""
    computed, compute = [], FakeTensorMode._dispatch_impl

    def follow(mode: Any, func: Any, *rest: Any) -> Any:
        computed.append(func)
        return compute(mode, func, *rest)

    monkeypatch.setattr(FakeTensorMode, "_dispatch_impl", follow)
    return computed


def test_second_answer_is_not_computed(
    mode: FakeTensorMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, computed = fake(mode, 4, 6), count_computed(monkeypatch)
    with mode, remember_shapes():
        aten.native_layer_norm(x, [6], None, None, 1e-5)
        before = len(computed)
        aten.native_layer_norm(x, [6], None, None, 1e-5)

    assert before > 1
    assert len(computed) == before


def test_remembered_view_lies_in_the_tensor_that_it_is_of(mode: FakeTensorMode) -> None:
    x, y = fake(mode, 4, 6), fake(mode, 4, 6)
    with mode, remember_shapes():
        aten.t(x)
        turned, fresh = aten.t(y), aten.add(y, 1)
        also = aten.add(y, 1)

    assert turned.untyped_storage()._cdata == y.untyped_storage()._cdata
    assert fresh.untyped_storage()._cdata != also.untyped_storage()._cdata


def test_whole_number_is_no_fraction(mode: FakeTensorMode) -> None:
    x = fake(mode, 4, 6, dtype=torch.int64)
    with mode, remember_shapes():
        assert aten.add(x, 1).dtype == torch.int64
        assert aten.add(x, 1.0).dtype == torch.float32


def test_what_depends_on_values_gets_a_symbol_each_time(mode: FakeTensorMode) -> None:
    x, y = fake(mode, 4, 6), fake(mode, 4, 6)
    with mode, remember_shapes():
        one, other = aten.nonzero(x), aten.nonzero(y)

    assert str(one.shape[0]) != str(other.shape[0])


def test_what_changes_its_argument_is_done_each_time(
    mode: FakeTensorMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, computed = fake(mode, 4, 6), count_computed(monkeypatch)
    with mode, remember_shapes():
        assert aten.add_(x, 1) is x
        assert aten.add_(x, 1) is x

    assert computed.count(aten.add_.Tensor) == 2


def test_wrong_shapes_are_refused_each_time(mode: FakeTensorMode) -> None:
    x = fake(mode, 4, 6)
    with mode, remember_shapes():
        for _ in range(2):
            with pytest.raises(RuntimeError, match="size"):
                aten.view(x, [x.shape[0], 7])


def count_multiplied(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that grows by each product of symbols that is worked out."""
    multiplied, multiply = [], vars(SymNode)["_mul"]

    def follow(left: Any, right: Any) -> Any:
        multiplied.append((left, right))
        return multiply(left, right)

    monkeypatch.setattr(SymNode, "_mul", follow)
    return multiplied


def test_sum_is_worked_out_once_until_sizes_turn_out_equal(
    mode: FakeTensorMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = fake(mode, 4, 6).shape[0], fake(mode, 5, 6).shape[0]
    multiplied = count_multiplied(monkeypatch)
    with remember_sums():
        assert str(one * other) == str(one * other)
        assert len(multiplied) == 1
        mode.shape_env._set_replacement(other.node.expr, one.node.expr, "a test")
        assert str(one * other) == str(one * one)


def test_torch_is_as_before_afterwards(mode: FakeTensorMode) -> None:
    before = (FakeTensorMode.dispatch, vars(SymNode)["_add"])
    with pytest.raises(ZeroDivisionError), remember_shapes(), remember_sums():
        raise ZeroDivisionError

    assert before == (FakeTensorMode.dispatch, vars(SymNode)["_add"])


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("role", known_shapes.NAMES)
def test_name_that_torch_has_changed_costs_time_alone(
    mode: FakeTensorMode, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    x, computed = fake(mode, 4, 6), count_computed(monkeypatch)
    with mode:
        expected = [form(run(x)) for run in OPERATIONS.values()]
        each = len(computed)
        monkeypatch.setitem(known_shapes.NAMES, role, f"{known_shapes.NAMES[role]}_renamed")
        known_shapes._is_pure.cache_clear()
        with remember_shapes():
            first = [form(run(x)) for run in OPERATIONS.values()]
            again = [form(run(x)) for run in OPERATIONS.values()]
    known_shapes._is_pure.cache_clear()

    assert first == again == expected
    assert len(computed) > 2 * each


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("role", known_sums.NAMES)
def test_name_of_a_symbol_that_torch_has_changed_costs_time_alone(
    mode: FakeTensorMode, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    one, other = fake(mode, 4, 6).shape[0], fake(mode, 5, 6).shape[0]
    multiplied = count_multiplied(monkeypatch)
    monkeypatch.setitem(known_sums.NAMES, role, f"{known_sums.NAMES[role]}_renamed")
    with remember_sums():
        assert str(one * other) == str(one * other)
    assert len(multiplied) == 2
