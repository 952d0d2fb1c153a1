"""The rules of DESIGN.md and STYLE.md that a parser can see, over every module of ``lib/``.

Each rule is also fed with snippets that break it, so that none can silently stop looking.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from architecture_rules import (
    LONGEST_FUNCTION,
    LONGEST_MODULE,
    PACKAGE,
    Module,
    Rule,
    configs_import_only_pydantic,
    exceptions_are_not_swallowed,
    functions_are_short,
    harness_imports_no_system,
    leaves_import_only_leaves,
    low_modules_import_only_low_ones,
    module_has_docstring,
    module_is_short,
    name_says_something,
    nothing_goes_through_a_shell,
    only_main_imports_the_cli,
    own_imports,
    public_names_are_listed,
    suppressions_have_codes,
    systems_do_not_import_each_other,
    systems_import_no_harness,
)

LIB = Path(__file__).resolve().parents[1] / "lib"
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
