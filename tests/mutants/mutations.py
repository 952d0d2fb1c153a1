"""The mutants of a module: its source with one change each. Runs nothing.

The changes are mutmut's: another operator, number or keyword, ``None`` for an argument or for what
is assigned, an argument left out, one arm of a conditional expression. Three are added: a condition
is negated, a call made for its effect is left out, ``None`` is returned.

What is not changed, for all modules alike:

* the words of a text: whether a message reads well is no question for a test. A text that is left
  out, or replaced by ``None``, is a change like any other;
* annotations and names for types: mypy reads those;
* decorators, and ``__all__``, which a test of its own compares;
* ``strict=`` of ``zip``, which is an assertion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import libcst as cst
import libcst.matchers as m
from mutmut.mutation.mutators import mutation_operators, operator_string

__all__ = ["Mutant", "find_mutants"]

_Operator = Callable[[Any], Iterable[cst.CSTNode]]

_STRICT = m.Arg(keyword=m.Name("strict"))
_DIES_AT_ONCE = ("isinstance", "len")
"""Functions that raise for any other argument."""
_LIST_OF_NAMES = m.Assign(targets=[m.AssignTarget(target=m.Name("__all__"))])
_TYPE_VARIABLE = m.Assign(
    value=m.Call(func=m.Name("NewType") | m.Name("ParamSpec") | m.Name("TypeVar"))
)


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change of one module."""

    path: str
    """Of the module, as it was given."""
    function: str
    """The outermost function or method that holds the change; empty where it happens on import."""
    line: int
    """The first line that changes."""
    before: str
    """The lines that change, without indentation, as one line."""
    after: str
    statement: str
    """The changed statement of the module: a class, a function, an assignment."""
    original: str
    """The same statement before."""
    source: str
    """All of the changed module."""

    @property
    def change(self) -> str:
        """The change as a reader sees it."""
        return f"{self.before}  ->  {self.after}"


def find_mutants(path: str, source: str) -> list[Mutant]:
    """Return the mutants of a module in the order of its lines, each once."""
    module = cst.parse_module(source)
    statements = [module.code_for_node(statement) for statement in module.body]
    head = "".join(module.code_for_node(line) for line in module.header)
    tail = "".join(module.code_for_node(line) for line in module.footer)
    assert head + "".join(statements) + tail == source, path
    mutants: dict[str, Mutant] = {}
    for index, statement in enumerate(module.body):
        finder = _Finder()
        statement.visit(finder)
        before = head + "".join(statements[:index])
        after = "".join(statements[index + 1 :]) + tail
        for function, old, new in finder.changes:
            changed = module.code_for_node(statement.deep_replace(old, new))  # type: ignore[arg-type]
            text = before + changed + after
            if text == source or not _compiles(changed):
                continue
            line, old_lines, new_lines = _changed_lines(statements[index], changed)
            mutant = Mutant(
                path=path, function=function, before=old_lines, after=new_lines,
                line=before.count("\n") + line + 1,
                statement=changed, original=statements[index], source=text,
            )  # fmt: skip
            mutants.setdefault(text, mutant)
    return list(mutants.values())


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _changed_lines(old: str, new: str) -> tuple[int, str, str]:
    """Return the lines of both that differ, and how many come before."""
    olds, news, same = old.splitlines(), new.splitlines(), 0
    while olds and news and olds[0] == news[0]:
        olds, news, same = olds[1:], news[1:], same + 1
    while olds and news and olds[-1] == news[-1]:
        olds, news = olds[:-1], news[:-1]
    return same, " ".join(" ".join(olds).split()), " ".join(" ".join(news).split())


class _Finder(cst.CSTVisitor):
    """Collect the changes of one statement of a module."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[str, cst.CSTNode, cst.CSTNode]] = []
        self._classes: list[str] = []
        self._function: cst.FunctionDef | None = None
        self._defines = False

    def on_visit(self, node: cst.CSTNode) -> bool:
        if _is_skipped(node):
            return False
        if self._function is None and isinstance(node, cst.FunctionDef):
            self._function = node
        elif self._function is None and isinstance(node, cst.ClassDef):
            self._classes.append(node.name.value)
        elif self._function is not None and node is self._function.params:
            self._defines = True
        function = self._name()
        for kind, operator in _OPERATORS:
            if isinstance(node, kind):
                self.changes += [
                    (function, node, changed)
                    for changed in operator(node)
                    if _is_telling(node, changed)
                ]
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if self._function is not None and original_node is self._function.params:
            self._defines = False
        elif original_node is self._function:
            self._function = None
        elif self._function is None and isinstance(original_node, cst.ClassDef):
            self._classes.pop()

    def _name(self) -> str:
        """Return the function in which a change takes effect; a default is evaluated before it."""
        if self._function is None or self._defines:
            return ""
        return ".".join([*self._classes, self._function.name.value])


def _is_skipped(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.Annotation | cst.Decorator) or m.matches(node, _STRICT):
        return True
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Name):
        return node.func.value in _DIES_AT_ONCE
    if isinstance(node, cst.If) and m.matches(node.test, m.Name("TYPE_CHECKING")):
        return True
    return _names_a_type(node) or m.matches(node, _LIST_OF_NAMES | _TYPE_VARIABLE)


def _names_a_type(node: cst.CSTNode) -> bool:
    """``Kind = Literal[…]``, ``Name: TypeAlias = …``, ``Either = A | B`` where both are names."""
    if m.matches(node, m.AnnAssign(annotation=m.Annotation(m.Name("TypeAlias")))):
        return True
    if not isinstance(node, cst.Assign) or len(node.targets) != 1:
        return False
    target = node.targets[0].target
    capital = isinstance(target, cst.Name) and target.value.lstrip("_")[:1].isupper()
    constant = isinstance(target, cst.Name) and target.value.isupper() and len(target.value) > 2
    return capital and not constant and _is_type(node.value)


def _is_type(node: cst.BaseExpression) -> bool:
    """``Literal["a"]`` or ``A | B | None``, and not a name alone."""
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.BitOr):
        return all(isinstance(n, cst.Name) or _is_type(n) for n in (node.left, node.right))
    return m.matches(node, m.Subscript(value=m.Name() | m.Attribute()))


def _is_telling(node: cst.CSTNode, changed: cst.CSTNode) -> bool:
    """An argument that is left out before other positional ones moves those: it dies at once."""
    if not isinstance(node, cst.Call) or not isinstance(changed, cst.Call):
        return True
    if any(m.matches(arg, _STRICT) and arg not in changed.args for arg in node.args):
        return False
    if len(changed.args) == len(node.args):
        return True
    gone = next(
        i for i, arg in enumerate(node.args) if i >= len(changed.args) or changed.args[i] is not arg
    )
    following = node.args[gone + 1 : gone + 2]
    return node.args[gone].keyword is not None or not following or following[0].keyword is not None


def _negate(node: cst.If | cst.While | cst.CompIf) -> Iterator[cst.CSTNode]:
    """``if found:`` becomes ``if not found:``; comparisons and connectives change by themselves."""
    test = node.test
    if isinstance(test, cst.Comparison | cst.BooleanOperation) or m.matches(
        test, m.UnaryOperation(operator=m.Not())
    ):
        return
    inner = test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    yield node.with_changes(test=cst.UnaryOperation(operator=cst.Not(), expression=inner))


def _leave_out_call(node: cst.SimpleStatementLine) -> Iterator[cst.CSTNode]:
    call = m.Call() | m.Await(expression=m.Call())
    if m.matches(node, m.SimpleStatementLine(body=[m.Expr(value=call)])):
        yield node.with_changes(body=[cst.Pass()])


def _return_none(node: cst.Return) -> Iterator[cst.CSTNode]:
    if node.value is not None and not m.matches(node.value, m.Name("None")):
        yield node.with_changes(
            value=cst.Name("None"), whitespace_after_return=cst.SimpleWhitespace(" ")
        )


_OPERATORS: list[tuple[Any, _Operator]] = [
    *((kind, operator) for kind, operator in mutation_operators if operator is not operator_string),
    (cst.If | cst.While | cst.CompIf, _negate),
    (cst.SimpleStatementLine, _leave_out_call),
    (cst.Return, _return_none),
]
