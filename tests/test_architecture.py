"""The rules of DESIGN.md and STYLE.md that a parser can see, over every module of ``lib/``.

Each rule is a pure function from a module to what it breaks; each is also fed with a snippet that
breaks it, so that no rule can silently stop looking.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

LIB = Path(__file__).resolve().parents[1] / "lib"
PACKAGE = "proofbook"

LEAVES = {"errors", "records", "hardware", "media"}
LOW = {
    "expectations",
    "judgement",
    "notebooks",
    "project",
    "redaction",
    "storage",
    "values",
    "yamlfile",
}
SHARED_SYSTEMS = {
    "dreambooth": {"training"},
    "foundry": {"training"},
    "pipeline": {"apis", "musicgen", "dreambooth"},
}
DYNAMIC_IMPORTER = "runner.parameters"
BANNED_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}
HEAVY = {
    "accelerate",
    "diffusers",
    "matplotlib",
    "nbclient",
    "pandas",
    "papermill",
    "scrapbook",
    "torch",
    "transformers",
}
LONGEST_MODULE = 350
LONGEST_FUNCTION = 50


@dataclass(frozen=True)
class Module:
    """One module: its path under the package, and its source."""

    path: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """Its dotted name below ``proofbook``; a package's is that of its folder."""
        parts = Path(self.path).with_suffix("").parts
        return parts[:-1] if parts[-1] == "__init__" else parts

    @property
    def name(self) -> str:
        return ".".join(self.parts)

    @property
    def area(self) -> str:
        """The first part of its name; ``""`` for the package itself."""
        return self.parts[0] if self.parts else ""


Rule = Callable[[Module], list[str]]


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    if node.level == 0:
        return node.module or ""
    is_package = module.path.endswith("__init__.py")
    base = (PACKAGE, *module.parts)[: len(module.parts) + 1 - (node.level - is_package)]
    return ".".join((*base, *([node.module] if node.module else [])))


def all_imports(module: Module) -> Iterator[str]:
    """Yield every imported name in full, of function-level and type-only imports too."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{_absolute(node, module)}.{alias.name}" for alias in node.names)


def own_imports(module: Module) -> list[tuple[str, ...]]:
    """Return the imports of our own modules, as parts below ``proofbook``."""
    split = [tuple(name.split(".")) for name in all_imports(module)]
    return [parts[1:] for parts in split if parts[0] == PACKAGE and len(parts) > 1]


def _outside(module: Module, allowed: set[str]) -> list[str]:
    found = {".".join(parts) for parts in own_imports(module) if parts[0] not in allowed}
    return [f"imports {name}" for name in sorted(found)]


def leaves_import_only_leaves(module: Module) -> list[str]:
    return _outside(module, LEAVES) if module.area in LEAVES else []


def low_modules_import_only_low_ones(module: Module) -> list[str]:
    return _outside(module, LEAVES | LOW) if module.area in LOW else []


def systems_import_no_harness(module: Module) -> list[str]:
    return _outside(module, LEAVES | LOW | {"systems"}) if module.area == "systems" else []


def systems_do_not_import_each_other(module: Module) -> list[str]:
    if module.area != "systems" or len(module.parts) < 2:
        return []
    allowed = {module.parts[1], *SHARED_SYSTEMS.get(module.parts[1], ())}
    others = {p[1] for p in own_imports(module) if p[0] == "systems" and len(p) > 1} - allowed
    return [f"imports the system {name}" for name in sorted(others)]


def harness_imports_no_system(module: Module) -> list[str]:
    if module.area == "systems":
        return []
    found = [f"imports {'.'.join(p)}" for p in own_imports(module) if p[0] == "systems"]
    if module.name != DYNAMIC_IMPORTER:
        found += [f"names {text!r}" for text in _strings(module) if "proofbook.systems" in text]
    return found


def configs_import_only_pydantic(module: Module) -> list[str]:
    if module.area != "systems" or module.parts[-1] != "config":
        return []
    allowed = {"pydantic", *sys.stdlib_module_names}
    found = {name for name in all_imports(module) if name.split(".")[0] not in allowed}
    return [f"imports {name}" for name in sorted(found)]


def only_main_imports_the_cli(module: Module) -> list[str]:
    if module.name in ("cli", "__main__"):
        return []
    return [f"imports {'.'.join(p)}" for p in own_imports(module) if p[0] == "cli"]


def module_is_short(module: Module) -> list[str]:
    lines = len(module.source.splitlines())
    return [f"has {lines} lines"] if lines > LONGEST_MODULE else []


def functions_are_short(module: Module) -> list[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    sizes = [
        (node.name, (node.end_lineno or 0) - node.lineno + 1)
        for node in ast.walk(module.tree)
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
    found = [f"__all__ names {n}, which is not there" for n in listed if n not in _bound(module)]
    if listed != sorted(listed, key=_export_order):
        found.append("__all__ is not sorted")
    twice = sorted({name for name in listed if listed.count(name) > 1})
    return found + [f"__all__ names {name} twice" for name in twice]


def exceptions_are_not_swallowed(module: Module) -> list[str]:
    wide = {"Exception", "BaseException", None}
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            names = {None if node.type is None else ast.unparse(node.type)}
            if isinstance(node.type, ast.Tuple):
                names = {ast.unparse(part) for part in node.type.elts}
            if names & wide and all(_does_nothing(statement) for statement in node.body):
                found.append(f"line {node.lineno} swallows every exception")
    return found + [
        f"line {call.lineno} suppresses every exception"
        for call in ast.walk(module.tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("suppress")
        if {ast.unparse(argument) for argument in call.args} & wide
    ]


def nothing_goes_through_a_shell(module: Module) -> list[str]:
    keywords = [
        (node.lineno, keyword)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
    ]
    shell = [line for line, k in keywords if k.arg == "shell" and ast.unparse(k.value) != "False"]
    system = {"os.system", "os.popen"}.intersection(all_calls(module))
    return [f"line {line} has shell=" for line in shell] + [f"calls {n}" for n in sorted(system)]


def suppressions_have_codes(module: Module) -> list[str]:
    bare = re.compile(r"#\s*(type:\s*ignore(?!\[)|noqa(?!:\s*[A-Z]+[0-9]))", re.IGNORECASE)
    tokens = tokenize.generate_tokens(io.StringIO(module.source).readline)
    return [
        f"line {token.start[0]}: {token.string}"
        for token in tokens
        if token.type == tokenize.COMMENT and bare.search(token.string)
    ]


def all_calls(module: Module) -> list[str]:
    """Return the names of everything that is called."""
    return [ast.unparse(n.func) for n in ast.walk(module.tree) if isinstance(n, ast.Call)]


def _does_nothing(statement: ast.stmt) -> bool:
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_text or isinstance(statement, ast.Pass | ast.Continue)


def _strings(module: Module) -> list[str]:
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    constants = [n for n in ast.walk(module.tree) if isinstance(n, ast.Constant)]
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
    statements = [node for node in ast.walk(module.tree) if isinstance(node, ast.stmt)]
    names = set().union(*(_assigned(statement) for statement in statements))
    imports = [n for n in ast.walk(module.tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    return names | {(a.asname or a.name).split(".")[0] for node in imports for a in node.names}


def _export_order(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


RULES: dict[Rule, Module] = {
    leaves_import_only_leaves: Module(
        "media/sounds.py", "def f():\n    from proofbook.storage import hash_file\n"
    ),
    low_modules_import_only_low_ones: Module("storage.py", "import proofbook.checks\n"),
    systems_import_no_harness: Module(
        "systems/musicgen/clips.py", "from proofbook import checks\n"
    ),
    systems_do_not_import_each_other: Module(
        "systems/musicgen/clips.py", "from proofbook.systems.training import follow\n"
    ),
    harness_imports_no_system: Module(
        "listing.py", "def f():\n    from proofbook.systems import musicgen\n"
    ),
    configs_import_only_pydantic: Module(
        "systems/musicgen/config.py", "def f():\n    import torch\n"
    ),
    only_main_imports_the_cli: Module("runner/run.py", "from proofbook.cli import app\n"),
    module_is_short: Module("storage.py", "\n" * (LONGEST_MODULE + 1)),
    functions_are_short: Module("storage.py", "def f():\n" + "    1\n" * LONGEST_FUNCTION),
    module_has_docstring: Module("storage.py", "x = 1\n"),
    name_says_something: Module("runner/utils.py", ""),
    public_names_are_listed: Module("storage.py", "x = 1\n"),
    exceptions_are_not_swallowed: Module(
        "storage.py", "try:\n    f()\nexcept Exception:\n    pass\n"
    ),
    nothing_goes_through_a_shell: Module("storage.py", "run('ls', shell=True)\n"),
    suppressions_have_codes: Module("storage.py", "import x  # type: ignore\n"),
}
"""Every rule, with a module that breaks it."""

MORE_VIOLATIONS: list[tuple[Rule, Module]] = [
    (leaves_import_only_leaves, Module("records.py", "from . import storage\n")),
    (leaves_import_only_leaves, Module("media/__init__.py", "from ..storage import hash_file\n")),
    (
        systems_import_no_harness,
        Module("systems/a/b.py", "from proofbook.journal import Journal\n"),
    ),
    (systems_import_no_harness, Module("systems/a/b.py", "import proofbook.runner.run\n")),
    (systems_do_not_import_each_other, Module("systems/a/b.py", "from ..training import follow\n")),
    (harness_imports_no_system, Module("lab.py", "load('proofbook.systems.musicgen.clips')\n")),
    (public_names_are_listed, Module("a.py", "__all__ = ['b', 'a']\na = b = 1\n")),
    (public_names_are_listed, Module("a.py", "__all__ = ['a', 'gone']\na = 1\n")),
    (public_names_are_listed, Module("a.py", "__all__ = ['a', 'a']\na = 1\n")),
    (functions_are_short, Module("a.py", "def f():\n" + "    1\n" * 50 + "def f(): ...\n")),
    (exceptions_are_not_swallowed, Module("a.py", "try:\n    f()\nexcept:\n    '''why'''\n")),
    (exceptions_are_not_swallowed, Module("a.py", "with suppress(Exception):\n    f()\n")),
    (nothing_goes_through_a_shell, Module("a.py", "os.system('ls')\n")),
    (suppressions_have_codes, Module("a.py", "x = f()  # noqa\n")),
    (
        configs_import_only_pydantic,
        Module("systems/a/config.py", "from proofbook import records\n"),
    ),
]

INNOCENT = Module(
    "systems/pipeline/clips.py",
    '"""Text about shell=True."""\n'
    "from proofbook.errors import SubjectError\n"
    "from proofbook.systems.musicgen import clips\n"
    "__all__ = ['LIMIT', 'Clip', 'cut']\n"
    "LIMIT = 3\n"
    "class Clip: ...\n"
    "def cut(): run(['ls'], shell=False)  # type: ignore[name-defined]  # noqa: F821\n",
)


def modules() -> list[Module]:
    """Return every module of the package."""
    root = LIB / PACKAGE
    return [
        Module(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(root.rglob("*.py"))
    ]


def _name(rule: Rule) -> str:
    return rule.__name__


@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_every_module_keeps_the_rule(rule: Rule) -> None:
    broken = {module.path: rule(module) for module in modules()}
    assert {path: found for path, found in broken.items() if found} == {}


@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_rule_sees_its_violation(rule: Rule) -> None:
    assert rule(RULES[rule])


@pytest.mark.parametrize(("rule", "module"), MORE_VIOLATIONS)
def test_rule_sees_less_obvious_violations(rule: Rule, module: Module) -> None:
    assert rule(module)


@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_rule_accepts_an_innocent_module(rule: Rule) -> None:
    assert rule(INNOCENT) == []


def test_the_rules_look_at_the_whole_package() -> None:
    names = {module.name for module in modules()}
    assert {"cli", "checks", "media.sounds", "runner.run", "systems.musicgen.config"} <= names


def find_circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of one circle of imports, or nothing."""
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return []
        for target in sorted(graph.get(name, ())):
            if circle := visit(target, [*trail, name]):
                return circle
        done.add(name)
        return []

    return next((c for name in sorted(graph) if (c := visit(name, []))), [])


def _graph(found: list[Module]) -> dict[str, set[str]]:
    known = {module.parts for module in found if module.parts}
    graph: dict[str, set[str]] = {}
    for module in found:
        targets = (p if p in known else p[:-1] for p in own_imports(module))
        graph[module.name] = {".".join(t) for t in targets if t in known and t != module.parts}
    return graph


def test_imports_never_form_a_circle() -> None:
    assert find_circle(_graph(modules())) == []


def test_a_circle_of_imports_is_found() -> None:
    a = Module("a.py", "from proofbook.b import c\n")
    b = Module("b.py", "def f():\n    from proofbook import a\n")
    assert find_circle(_graph([a, b])) == ["a", "b", "a"]


def heavy_after(statement: str) -> set[str]:
    """Return which heavy packages a fresh interpreter has imported after ``statement``."""
    script = f"{statement}\nimport sys\nprint('HEAVY', *sorted(set(sys.modules) & {HEAVY!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.rsplit("HEAVY", 1)[1].split())


HELP = """
import sys, proofbook.cli
sys.argv = ["proofbook", {words}]
try:
    proofbook.cli.main()
except SystemExit as ending:
    assert ending.code == 0, ending.code
"""

LIGHT = {
    "proofbook --help": HELP.format(words="'--help'"),
    "proofbook run --help": HELP.format(words="'run', '--help'"),
    "proofbook list": HELP.format(words="'list'"),
    "cli": "import proofbook.cli",
    "profiles": "import proofbook.profiles",
    "plan": "import proofbook.runner.plan",
    "lab": "import proofbook.lab",
    "checks": "import proofbook.checks",
}


@pytest.mark.parametrize("statement", LIGHT.values(), ids=LIGHT)
def test_nothing_heavy_is_imported_for(statement: str) -> None:
    assert heavy_after(statement) == set()


def test_a_heavy_import_is_noticed() -> None:
    assert heavy_after("import matplotlib") == {"matplotlib"}


def test_no_config_imports_anything_heavy() -> None:
    names = [m.name for m in modules() if m.area == "systems" and m.parts[-1] == "config"]
    assert names
    assert heavy_after("\n".join(f"import proofbook.{name}" for name in names)) == set()
