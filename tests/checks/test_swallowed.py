"""What a shell keeps to itself is shown as an exception, once."""

from __future__ import annotations

import ast
import cProfile
import profile
import sys
import traceback
from types import ModuleType, SimpleNamespace
from typing import Any

import IPython.core.getipython
import pytest
from IPython.core.error import UsageError

from proofbook.checks.swallowed import show_all


class Printer:
    """Prints an exception, as the shell's own traceback does."""

    def __init__(self) -> None:
        self.printed: list[Any] = []

    def __call__(self, etype: Any = None, evalue: Any = None, etb: Any = None, **how: Any) -> None:
        self.printed.append((etype, evalue, how))


class Shell:
    """Publishes ordinary exceptions, and only prints groups and misused magics."""

    def __init__(self) -> None:
        self.published: list[tuple[Any, Any, Any]] = []
        self.shown: list[Any] = []
        self.InteractiveTB = Printer()
        self.ast_transformers: list[Any] = []

    def _showtraceback(self, kind: Any, error: Any, lines: Any) -> None:
        self.published.append((kind, error, lines))

    def showtraceback(self, exc_tuple: Any = None, *args: Any, **kwargs: Any) -> None:
        self.shown.append((exc_tuple, args, kwargs))
        kind, error, _ = exc_tuple or sys.exc_info()
        if error is not None and not isinstance(error, UsageError | ExceptionGroup):
            self._showtraceback(kind, error, ["Traceback", repr(error)])

    def transform_ast(self, node: Any) -> Any:
        for each in list(self.ast_transformers):
            try:
                node = each(node)
            except ValueError:
                self.ast_transformers.remove(each)
        return node


@pytest.fixture
def told() -> list[str]:
    """The lines that are told."""
    return []


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> Any:
    """A shell that shows all, of classes that no other test has."""
    printer = type("OwnPrinter", (Printer,), {"__call__": Printer.__call__})
    own: Any = type("OwnShell", (Shell,), {"_showtraceback": Shell._showtraceback})()
    own.InteractiveTB = printer()
    monkeypatch.setattr(IPython.core.getipython, "get_ipython", lambda: own)
    for module in (cProfile, profile):
        monkeypatch.setattr(module.Profile, "runctx", module.Profile.runctx)
    show_all(told.append)
    return own


def test_without_a_shell_nothing_is_hooked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IPython.core.getipython, "get_ipython", lambda: None)
    before = cProfile.Profile.runctx
    show_all([].append)
    assert cProfile.Profile.runctx is before


@pytest.mark.parametrize(
    "error",
    [ExceptionGroup("two", [ValueError("x")]), UsageError("no magic"), ValueError("x")],
    ids=["group", "misused magic", "ordinary"],
)
def test_each_exception_is_published_once(error: Exception, shell: Any) -> None:
    try:
        raise error
    except (ExceptionGroup, UsageError, ValueError):
        shell.showtraceback()
        shell.showtraceback(sys.exc_info())
    assert [(kind, found) for kind, found, _ in shell.published] == [(type(error), error)] * 2
    assert all(type(error).__name__ in lines[-1] for *_, lines in shell.published)


def test_a_shell_is_asked_to_show_in_the_callers_way(shell: Any) -> None:
    given = (ValueError, ValueError("x"), None)
    shell.showtraceback(given, "file.py", tb_offset=1)
    assert shell.shown == [(given, ("file.py",), {"tb_offset": 1})]


def test_who_prints_tracebacks_in_another_way_has_them_published_too(shell: Any) -> None:
    printed: list[Any] = []
    shell._showtraceback = lambda *args: printed.append(args)  # as rich.traceback.install() does
    error = ValueError("x")
    shell.showtraceback((ValueError, error, None))
    assert len(printed) == 1
    assert shell.published == [(ValueError, error, ["ValueError: x\n"])]


def test_where_there_is_no_exception_none_is_shown(shell: Any) -> None:
    shell.showtraceback()
    shell.InteractiveTB()
    assert shell.published == []


def test_what_a_debugger_prints_is_published(shell: Any) -> None:
    error = KeyError("weights")
    shell.InteractiveTB(KeyError, error, None, tb_offset=3)
    type(shell.InteractiveTB)()(ValueError, ValueError("x"), None)  # another prints for itself
    assert shell.InteractiveTB.printed == [(KeyError, error, {"tb_offset": 3})]
    assert shell.published == [(KeyError, error, traceback.format_exception_only(error))]


EXIT = "raise SystemExit('no model')"


def by_magic(profiler: Any) -> None:
    """Profile as IPython's magic does: in a module of its name."""
    module = ModuleType("IPython.core.magics.execution")
    source = "def run(prof, code):\n    try: prof.runctx(code, {}, {})\n    except SystemExit: pass"
    exec(source, module.__dict__)
    module.run(profiler(), EXIT)


@pytest.mark.parametrize("module", [cProfile, profile])
def test_a_profiled_exit_that_is_swallowed_is_shown(module: Any, shell: Any, capsys: Any) -> None:
    by_magic(module.Profile)
    module.run(EXIT)
    module.runctx(EXIT, {}, {})
    assert [repr(error) for _, error, _ in shell.published] == ["SystemExit('no model')"] * 3
    assert {str(kwargs) for *_, kwargs in shell.shown} == {"{'exception_only': True}"}
    assert "function calls" in capsys.readouterr().out


@pytest.mark.parametrize("module", [cProfile, profile])
def test_a_profiled_exit_that_is_met_is_not_shown(module: Any, shell: Any) -> None:
    with pytest.raises(SystemExit):
        module.Profile().run(EXIT)
    with pytest.raises(SystemExit):
        module.Profile().runctx(EXIT, {}, {})
    with pytest.raises(ZeroDivisionError):
        module.Profile().run("1 / 0")
    space: dict[str, Any] = {}
    profiler = module.Profile()
    assert profiler.runctx("a = 1", globals=space, locals=space) is profiler
    assert space["a"] == 1
    assert shell.published == []


def test_a_transformer_that_raises_is_told_of(shell: Any, told: list[str]) -> None:
    class Wrapper:
        def __call__(self, node: Any) -> Any:
            raise ValueError(node)

    def double(node: Any) -> Any:
        return node * 2

    shell.ast_transformers = [double, Wrapper(), double]
    assert shell.transform_ast(3) == 12
    assert shell.transform_ast(1) == 4
    assert told == ["Wrapper raised as it transformed a cell, which was executed without it"]


def test_a_real_shell_loses_a_transformer_that_raises() -> None:
    """What the one of this file does is what IPython's does."""
    from IPython.core.interactiveshell import InteractiveShell

    class Broken(ast.NodeTransformer):
        def visit(self, node: Any) -> Any:
            raise ValueError("x")

    real = SimpleNamespace(ast_transformers=[Broken()])
    with pytest.warns(UserWarning, match="unregistered"):
        InteractiveShell.transform_ast(real, ast.parse("1"))  # type: ignore[arg-type]
    assert real.ast_transformers == []
