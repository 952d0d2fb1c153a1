"""The rules of DESIGN.md and STYLE.md that a parser can see, for ``test_architecture.py``.

Each rule is a pure function from a module to what it breaks. Knows nothing about where the modules
lie.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

HARNESS, SYSTEMS, SUBJECTS, BENCH = PACKAGES = (
    "proofbook",
    "proofbook_systems",
    "proofbook_subjects",
    "proofbook_bench",
)

LEAVES = {
    "caching",
    "collector",
    "configs",
    "errors",
    "extras",
    "files",
    "fingerprints",
    "hardware",
    "languages",
    "notebooks",
    "parameter_cells",
    "profiles",
    "project",
    "records",
    "requirements",
    "resources",
    "subjects",
    "suggestions",
    "terminal",
    "values",
    "yamlfile",
    "yamlloaders",
}
MAY_IMPORT: dict[str, set[str]] = {
    "processes": set(),
    "media": set(),
    "runs": set(),
    "checks": {"media", "runs"},
    "kernels": {"processes"},
    "signoff": {"runs"},
    "report": {"runs", "signoff"},
    "runner": {"processes", "runs", "checks", "kernels", "signoff", "report"},
    "review": {"runs", "signoff", "report"},
    "merging": {"processes", "runs", "signoff", "report"},
    "lab": {"processes", "runs", "kernels"},
    "scaffold": set(),
}
"""What each package of the harness may import beside the leaves and itself; the CLI, anything."""

OPEN_TO_SYSTEMS = LEAVES - {
    "configs",
    "extras",
    "notebooks",
    "parameter_cells",
    "profiles",
    "project",
} | {
    "processes",
    "media",
}
SHARED_SYSTEMS = {
    "dreambooth": {"training"},
    "foundry": {"training"},
    "pipeline": {"apis", "musicgen", "dreambooth"},
    "release": {"pipeline", "checklists", "apis", "serving"},
    "ttsserver": {"serving"},
    "apis": {"serving"},
}
BANNED_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}
LONGEST_MODULE = 350
LONGEST_FUNCTION = 50


@dataclass(frozen=True)
class Module:
    """One module: its path under ``lib/``, and its source."""

    path: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def imports(self) -> list[str]:
        """Every imported name in full, of function-level and type-only imports too."""
        return list(_imported(self))

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """Its dotted name in parts; a package's is that of its folder."""
        parts = Path(self.path).with_suffix("").parts
        return parts[:-1] if parts[-1] == "__init__" else parts

    @property
    def name(self) -> str:
        return ".".join(self.parts)

    @property
    def package(self) -> str:
        """One of the four packages."""
        return self.parts[0]

    @property
    def area(self) -> str:
        """The part of its package that it belongs to; ``""`` for the package itself."""
        return self.parts[1] if len(self.parts) > 1 else ""


Rule = Callable[[Module], list[str]]


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    if node.level == 0:
        return node.module or ""
    is_package = module.path.endswith("__init__.py")
    base = module.parts[: len(module.parts) - (node.level - is_package)]
    return ".".join((*base, *([node.module] if node.module else [])))


def _imported(module: Module) -> Iterator[str]:
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{_absolute(node, module)}.{alias.name}" for alias in node.names)


def own_imports(module: Module) -> list[tuple[str, ...]]:
    """Return the imports of our own four packages, in parts."""
    split = [tuple(name.split(".")) for name in module.imports]
    return [parts for parts in split if parts[0] in PACKAGES and len(parts) > 1]


def _outside(module: Module, package: str, allowed: set[str]) -> list[str]:
    names = {p[1] for p in own_imports(module) if p[0] == package and p[1] not in allowed}
    return [f"imports {package}.{name}" for name in sorted(names)]


def _reaches(module: Module, packages: tuple[str, ...]) -> list[str]:
    """Return where a module imports, or names in a text, one of ``packages``."""
    imported = {".".join(p) for p in own_imports(module) if p[0] in packages}
    named = {t for t in _strings(module) if any(package in t for package in packages)}
    return [f"imports {n}" for n in sorted(imported)] + [f"names {t!r}" for t in sorted(named)]


def harness_imports_no_other_package(module: Module) -> list[str]:
    return _reaches(module, PACKAGES[1:]) if module.package == HARNESS else []


def leaves_import_only_leaves(module: Module) -> list[str]:
    is_leaf = module.package == HARNESS and module.area in LEAVES
    return _outside(module, HARNESS, LEAVES) if is_leaf else []


def packages_import_only_lower_ones(module: Module) -> list[str]:
    if module.package != HARNESS or module.area not in MAY_IMPORT:
        return []
    return _outside(module, HARNESS, LEAVES | MAY_IMPORT[module.area] | {module.area})


def every_module_of_the_harness_has_a_place(module: Module) -> list[str]:
    top = {"", "__main__", "cli", *LEAVES, *MAY_IMPORT}
    fits = module.package != HARNESS or module.area in top
    return [] if fits else [f"{module.area} is neither a leaf nor a package that the rules know"]


def systems_and_subjects_import_leaves_processes_and_media(module: Module) -> list[str]:
    if module.package not in (SYSTEMS, SUBJECTS):
        return []
    return _outside(module, HARNESS, OPEN_TO_SYSTEMS)


def systems_and_subjects_do_not_import_each_other(module: Module) -> list[str]:
    others = {SYSTEMS: (SUBJECTS, BENCH), SUBJECTS: (SYSTEMS, BENCH)}
    return _reaches(module, others.get(module.package, ()))


def one_system_does_not_import_another(module: Module) -> list[str]:
    if module.package not in (SYSTEMS, SUBJECTS) or not module.area:
        return []
    shared = SHARED_SYSTEMS.get(module.area, set()) if module.package == SYSTEMS else set()
    return _outside(module, module.package, {module.area} | shared)


def configs_import_only_pydantic(module: Module) -> list[str]:
    if module.package == HARNESS or "config" not in module.parts:
        return []
    allowed = {"pydantic", *sys.stdlib_module_names}
    names = {name for name in module.imports if name.split(".")[0] not in allowed}
    return [f"imports {name}" for name in sorted(names) if ".config" not in name]


def only_main_imports_the_cli(module: Module) -> list[str]:
    if module.package == HARNESS and module.area in ("cli", "__main__"):
        return []
    return [f"imports {'.'.join(p)}" for p in own_imports(module) if p[:2] == (HARNESS, "cli")]


def module_is_short(module: Module) -> list[str]:
    lines = len(module.source.splitlines())
    return [f"has {lines} lines"] if lines > LONGEST_MODULE else []


def functions_are_short(module: Module) -> list[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    sizes = [
        (node.name, (node.end_lineno or 0) - node.lineno + 1)
        for node in module.nodes
        if isinstance(node, functions)
    ]
    return [f"{name} has {n} lines" for name, n in sizes if n > LONGEST_FUNCTION]


def module_has_docstring(module: Module) -> list[str]:
    return [] if ast.get_docstring(module.tree) else ["has no docstring"]


def name_says_something(module: Module) -> list[str]:
    return [f"is called {name}" for name in module.parts if name in BANNED_NAMES]


def public_names_are_listed(module: Module) -> list[str]:
    listed = _dunder_all(module.tree)
    if listed is None:
        public = sorted(_defined(module.tree))
        return [f"has no __all__, but defines {', '.join(public)}"] if public else []
    bound = _bound(module) if listed else set()
    found = [f"__all__ names {n}, which is not there" for n in listed if n not in bound]
    if listed != sorted(listed, key=_export_order):
        found.append("__all__ is not sorted")
    twice = sorted({name for name in listed if listed.count(name) > 1})
    return found + [f"__all__ names {name} twice" for name in twice]


def exceptions_are_not_swallowed(module: Module) -> list[str]:
    wide = {"Exception", "BaseException", None}
    found = []
    for node in module.nodes:
        if isinstance(node, ast.ExceptHandler):
            names = {None if node.type is None else ast.unparse(node.type)}
            if isinstance(node.type, ast.Tuple):
                names = {ast.unparse(part) for part in node.type.elts}
            if names & wide and all(_does_nothing(statement) for statement in node.body):
                found.append(f"line {node.lineno} swallows every exception")
    return found + [
        f"line {call.lineno} suppresses every exception"
        for call in module.nodes
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("suppress")
        if {ast.unparse(argument) for argument in call.args} & wide
    ]


def nothing_goes_through_a_shell(module: Module) -> list[str]:
    keywords = [
        (node.lineno, keyword)
        for node in module.nodes
        if isinstance(node, ast.Call)
        for keyword in node.keywords
    ]
    shell = [line for line, k in keywords if k.arg == "shell" and ast.unparse(k.value) != "False"]
    system = {"os.system", "os.popen"}.intersection(all_calls(module))
    return [f"line {line} has shell=" for line in shell] + [f"calls {n}" for n in sorted(system)]


def suppressions_have_codes(module: Module) -> list[str]:
    bare = re.compile(r"#\s*(type:\s*ignore(?!\[)|noqa(?!:\s*[A-Z]+[0-9]))", re.IGNORECASE)
    if not bare.search(module.source):
        return []
    return [
        f"line {token.start[0]}: {token.string}"
        for token in tokenize.generate_tokens(io.StringIO(module.source).readline)
        if token.type == tokenize.COMMENT and bare.search(token.string)
    ]


def all_calls(module: Module) -> list[str]:
    """Return the names of everything that is called."""
    return [ast.unparse(n.func) for n in module.nodes if isinstance(n, ast.Call)]


def _does_nothing(statement: ast.stmt) -> bool:
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_text or isinstance(statement, ast.Pass | ast.Continue)


def _strings(module: Module) -> list[str]:
    docstrings = {
        id(node.body[0].value)
        for node in module.nodes
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    constants = [n for n in module.nodes if isinstance(n, ast.Constant)]
    return [n.value for n in constants if isinstance(n.value, str) and id(n) not in docstrings]


def _dunder_all(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
            value: list[str] = ast.literal_eval(node.value)  # type: ignore[attr-defined]
            return list(value)
    return None


def _assigned(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    flat = [part for t in targets for part in (t.elts if isinstance(t, ast.Tuple) else [t])]
    return {t.id for t in flat if isinstance(t, ast.Name)}


def _defined(tree: ast.Module) -> set[str]:
    names = set().union(*(_assigned(node) for node in tree.body))
    return {name for name in names if not name.startswith("_")}


def _bound(module: Module) -> set[str]:
    statements = [node for node in module.nodes if isinstance(node, ast.stmt)]
    names = set().union(*(_assigned(statement) for statement in statements))
    imports = [n for n in module.nodes if isinstance(n, ast.Import | ast.ImportFrom)]
    return names | {(a.asname or a.name).split(".")[0] for node in imports for a in node.names}


def _export_order(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)
