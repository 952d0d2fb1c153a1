"""A missing extra is named before anything starts, and the harness needs none."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from proofbook.errors import UsageError
from proofbook.extras import missing_packages, refuse_missing_extra, refuse_missing_extras

LIB = Path(__file__).resolve().parents[1] / "lib"
OPTIONAL_MODULES = {
    *("bitsandbytes", "playwright", "tiktoken", "wandb"),
    *("anthropic", "litellm", "ollama", "openai"),  # each in an environment of its own
}
"""Used where they are installed; no extra brings them."""
OPTIONAL_IN = {"diffusion.py": {"torch", "diffusers", "transformers"}}
"""The same, in one module alone, which says what to install."""
LARGE = {"real", "s3"}
"""Extras that are not among what the tests install: s3 is tried in an environment of its own."""
IN_JUPYTERLAB = (
    "proofbook.review.panel",
    *("proofbook.lab.checkpoints", "proofbook.lab.contents", "proofbook.lab.kernels"),
)
"""Loaded by JupyterLab and its server alone, with the extra lab."""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that installs a package: its name, requirements and entry points."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, *requirements: str, systems: tuple[str, ...] = ()) -> None:
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
        lines += [f"Requires-Dist: {line}" for line in requirements]
        (info / "METADATA").write_text("\n".join(lines))
        points = [f"{system} = {name}.config" for system in systems]
        (info / "entry_points.txt").write_text("\n".join(["[proofbook.configs]", *points]))

    return write


def test_what_an_extra_lacks_is_found_through_other_extras(install: Callable[..., None]) -> None:
    install("here")
    install("team", "here", "gone-always", 'here; extra == "a"', 'Gone_A; extra == "a"',
            'team[b]; extra == "a"', 'gone-b; extra == "b"', 'team[a]; extra == "b"')  # fmt: skip
    assert missing_packages("a", "team") == ["gone-a", "gone-b"]
    assert missing_packages("unknown", "team") == []
    assert missing_packages("a", "not-installed") == []


def test_a_requirement_of_another_platform_is_not_missing(install: Callable[..., None]) -> None:
    install("team", 'gone; sys_platform == "nowhere" and extra == "a"')
    assert missing_packages("a", "team") == []


def test_runbooks_name_the_extras_of_the_package_that_brings_their_system(
    install: Callable[..., None],
) -> None:
    install("team", 'gone; extra == "sound"', 'lost; extra == "film"', systems=("sound", "film"))
    with pytest.raises(UsageError) as caught:
        refuse_missing_extras(["mine/check", "sound/a", "sound/a", "film/b"])
    assert str(caught.value) == (
        "sound/a and 1 more need team[film,sound] (not installed: gone, lost): "
        "pip install 'team[film,sound]'"
    )


def test_a_system_without_an_extra_needs_nothing(install: Callable[..., None]) -> None:
    install("team", 'gone; extra == "other"', systems=("sound",))
    refuse_missing_extras(["sound/a", "mine/check", "flat"])


def test_an_extra_of_our_own_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        importlib.metadata, "requires", lambda name: ['gone-lab; extra == "lab"', "here"]
    )
    with pytest.raises(
        UsageError, match=r"^proofbook lab needs proofbook\[lab\] \(not .*: gone-lab\)"
    ):
        refuse_missing_extra("proofbook lab", "lab")


def test_every_extra_of_ours_is_installed_here() -> None:
    extras = importlib.metadata.metadata("proofbook").get_all("Provides-Extra") or []
    assert {"musicgen", "training", "dreambooth", "gpu", "ttsserver", "lab", "all"} <= set(extras)
    expected = [extra for extra in extras if extra not in LARGE]
    assert {extra: missing_packages(extra) for extra in expected} == {
        extra: [] for extra in expected
    }


def brought_by(*extras: str) -> set[str]:
    """Return all packages that ``proofbook`` with some extras installs, and what those need."""
    brought: set[str] = set()
    waiting = [("proofbook", frozenset(extras))]
    visited = set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in visited:
            continue
        visited.add((name, wanted))
        try:
            lines = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        brought.add(canonicalize_name(name))
        for requirement in map(Requirement, lines):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in ("", *wanted)):
                waiting.append((requirement.name, frozenset(requirement.extras)))
    return brought


def test_the_harness_imports_only_what_it_installs() -> None:
    """Every module of ``lib/proofbook``, where nothing else can be imported."""
    names = sorted(
        ".".join(path.relative_to(LIB).with_suffix("").parts).removesuffix(".__init__")
        for path in (LIB / "proofbook").rglob("*.py")
        if path.name != "__main__.py"
    )
    for name in IN_JUPYTERLAB:
        names.remove(name)
    modules = importlib.metadata.packages_distributions()
    base = brought_by()
    allowed = {
        module for module, packages in modules.items()
        if base & {canonicalize_name(package) for package in packages}
    }  # fmt: skip
    assert "torch" in modules and "torch" not in allowed and "numpy" in allowed
    script = f"""
import importlib, importlib.abc, json, sys
allowed = {sorted(allowed)!r}
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in allowed or top in sys.stdlib_module_names or top.startswith(("_", "proofbook")):
            return None
        raise ModuleNotFoundError(f"{{name}} is not installed", name=name)
sys.meta_path.insert(0, Absent())
try:
    import torch
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("the finder does not work")
import papermill  # it loads our engine, which loads the modules in the order that works
for name in {names!r}:
    importlib.import_module(name)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def imported_packages(folder: Path) -> dict[str, set[str]]:
    """Return the packages that the modules of a folder import, each with the modules that do."""
    modules = importlib.metadata.packages_distributions()
    packages: dict[str, set[str]] = {}
    # What lies in a folder `programs` is run by the interpreter of an environment of its own.
    for path in sorted(p for p in folder.rglob("*.py") if p.parent.name != "programs"):
        for top in _tops(ast.parse(path.read_text(encoding="utf-8"))):
            if top in sys.stdlib_module_names or top.startswith(("proofbook", "_")):
                continue
            if top not in OPTIONAL_MODULES | OPTIONAL_IN.get(path.name, set()):
                for package in modules.get(top, [top]):
                    packages.setdefault(canonicalize_name(package), set()).add(path.name)
    return packages


def _tops(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0]


def areas() -> list[tuple[str, str]]:
    """Return each folder of systems and of subjects."""
    return [
        (package, folder.name)
        for package in ("proofbook_systems", "proofbook_subjects")
        for folder in sorted((LIB / package).iterdir())
        if (folder / "__init__.py").exists()
    ]


def lacking(folder: Path, *extras: str) -> dict[str, set[str]]:
    """Return what a folder imports, anywhere in its functions too, and an install would lack."""
    brought = brought_by(*extras)
    return {name: m for name, m in imported_packages(folder).items() if name not in brought}


@pytest.mark.exhaustive
@pytest.mark.parametrize(("package", "area"), areas())
def test_an_extra_brings_what_its_system_and_its_subject_import(package: str, area: str) -> None:
    assert lacking(LIB / package / area, area) == {}


@pytest.mark.exhaustive
def test_the_harness_with_its_lab_imports_only_what_it_installs() -> None:
    cluster = {path.name for path in (LIB / "proofbook/runner/executors/cluster").glob("*.py")}
    assert lacking(LIB / "proofbook", "lab", "timestamp", "ray") == {}
    server = {"checkpoints.py", "contents.py", "kernels.py"}
    bare = lacking(LIB / "proofbook")
    assert bare.pop("ray") <= cluster
    assert bare == {
        "anywidget": {"panel.py"}, "jupyter-server": server, "rfc3161-client": {"tokens.py"},
        "fsspec": {"store.py"},
    }  # fmt: skip


@pytest.mark.exhaustive
def test_an_import_that_no_extra_brings_is_noticed() -> None:
    assert "torch" in lacking(LIB / "proofbook_systems" / "musicgen")


def test_the_base_brings_no_model_library() -> None:
    heavy = {"torch", "transformers", "diffusers", "accelerate", "pyinstaller", "espeakng-loader"}
    assert brought_by() & (heavy | {"pandas", "pyarrow", "jupyterlab", "scrapbook"}) == set()
    assert heavy <= brought_by("all")
