"""Imports are told with how much they are needed; files of features are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from accounts import account, write_files

from proofbook_systems.environment.declared.wanted import Declaration, from_pep508
from proofbook_systems.environment.packages.undeclared import judge_imports
from proofbook_systems.environment.sources.imports import read_imports
from proofbook_systems.environment.sources.module_graph import feature_files
from proofbook_systems.environment.sources.source_files import find_sources


@pytest.mark.parametrize(
    ("source", "need"),
    [
        ("import a.b", "always"),
        ("from a import b", "always"),
        ("class C:\n    import a", "always"),
        ("with lock:\n    import a", "always"),
        ("for x in y:\n    import a", "always"),
        ("try:\n    import a\nfinally:\n    pass", "always"),
        ("try:\n    import a\nexcept ValueError:\n    pass", "always"),
        ("if __name__ == '__main__':\n    import a", "always"),
        ("def main():\n    import a", "always"),
        ("def go():\n    import a\ngo()", "always"),
        ("async def f():\n    import a", "later"),
        ("class C:\n    def f(self):\n        import a", "later"),
        ("try:\n    import a\nexcept ImportError:\n    a = None", "optional"),
        ("try:\n    import a\nexcept (ValueError, ModuleNotFoundError):\n    pass", "optional"),
        ("try:\n    import a\nexcept:\n    pass", "optional"),
        ("try:\n    import b\nexcept ImportError:\n    import a", "optional"),
        ("from contextlib import suppress\nwith suppress(ImportError):\n    import a", "optional"),
        ("if sys.platform == 'win32':\n    import a", "optional"),
        ("if have_a():\n    import a", "optional"),
        ("match x:\n    case 1:\n        import a", "optional"),
        ("if TYPE_CHECKING:\n    import a", "typing"),
        ("import typing as t\nif t.TYPE_CHECKING:\n    import a", "typing"),
        ("if TYPE_CHECKING:\n    b = 1\nelse:\n    import a", "always"),
    ],
)
def test_how_much_an_import_is_needed(source: str, need: str, tmp_path: Path):
    (tmp_path / "m.py").write_text(source)
    found = {each.module: each.need for each in read_imports(tmp_path / "m.py")}
    assert found["a"] == need


def features(root: Path, **files: str) -> set[str]:
    write_files(root, [(f"{name.replace('__', '/')}.py", text) for name, text in files.items()])
    write_files(root, [("pkg/__init__.py", files.get("pkg", ""))])
    sources = find_sources(root)
    found = feature_files({file: read_imports(file) for file in sources.files}, sources)
    return {file.relative_to(root).as_posix() for file in found}


@pytest.mark.parametrize(
    "guard", ["if have_it():", "try:", "if TYPE_CHECKING or SLOW:", "with suppress(ImportError):"]
)
def test_what_is_imported_under_a_guard_alone_is_a_feature_with_what_it_imports(
    guard: str, tmp_path: Path
):
    handler = "\nexcept ImportError: pass" if guard == "try:" else ""
    found = features(
        tmp_path,
        pkg__app=f"from . import core\n{guard}\n    from . import extra{handler}\n",
        pkg__core="", pkg__extra="from .deep import x\n", pkg__deep="", pkg__cli="",
    )  # fmt: skip
    assert found == {"pkg/extra.py", "pkg/deep.py"}


@pytest.mark.parametrize(
    "source", ["def f():\n    from . import b\n", "if TYPE_CHECKING:\n    from .b import B\n"]
)
def test_an_import_in_a_function_or_for_annotations_makes_no_feature(source: str, tmp_path: Path):
    assert features(tmp_path, pkg__a=source, pkg__b="") == set()


def test_what_a_package_names_for_type_checkers_alone_is_loaded_lazily(tmp_path: Path):
    lazy = "if TYPE_CHECKING:\n    from .b import B\nelse:\n    load_lazily()\n"
    assert features(tmp_path, pkg=lazy, pkg__b="") == {"pkg/b.py"}


def test_what_is_also_imported_always_is_no_feature(tmp_path: Path):
    found = features(tmp_path, pkg__a="try:\n    import pkg.b\nexcept ImportError: 1\n",
                     pkg__b="", main="import pkg.b\n")  # fmt: skip
    assert found == set()


def test_modules_that_import_each_other_are_no_feature(tmp_path: Path):
    assert features(tmp_path, pkg__a="import pkg.b\n", pkg__b="import pkg.a\n") == set()


def judge(root: Path, files: dict[str, str], *installed: str, declared: str = "") -> list[str]:
    write_files(root, files.items())
    wanted = tuple(from_pep508(each, "requirements.txt") for each in declared.split())
    declarations = [Declaration(file="requirements.txt", wanted=wanted)] if wanted else []
    return list(judge_imports(find_sources(root), declarations, account(*installed)).issues)


@pytest.mark.parametrize(
    "files",
    [
        {"a.py": "import b\n", "b.py": ""},
        {"a.py": "from b.c import d\n", "b/c.py": ""},
        {"scripts/a.py": "import b\n", "scripts/b.py": ""},
        {"app/a.py": "import lib.b\n", "lib/b.py": ""},
        {"app/deep/a.py": "import core\n", "app/core/__init__.py": ""},
        {"src/pkg/__init__.py": "import pkg.x\n", "src/pkg/x.py": ""},
    ],
)
def test_the_projects_own_modules_need_no_declaration(files: dict[str, str], tmp_path: Path):
    assert judge(tmp_path, files, declared="numpy") == []


def test_a_module_in_a_package_does_not_hide_one_that_is_installed(tmp_path: Path):
    files = {"pkg/__init__.py": "", "pkg/a.py": "import yaml\n", "pkg/yaml.py": ""}
    found = judge(tmp_path, files, "PyYAML 6 yaml", declared="numpy")
    assert [words for words in found if "pkg/a.py:1 imports yaml" in words] == found != []


def test_what_a_declared_package_brings_may_be_imported(tmp_path: Path):
    installed = ("torch 2 torch <- numpy & jinja2", "numpy 2", "jinja2 3")
    assert judge(tmp_path, {"a.py": "import numpy, jinja2\n"}, *installed, declared="torch") == []


def test_one_of_several_packages_that_bring_a_module_is_enough(tmp_path: Path):
    installed = ("protobuf 5 google", "google-auth 2 google")
    assert (
        judge(tmp_path, {"a.py": "import google.auth\n"}, *installed, declared="google-auth") == []
    )


@pytest.mark.parametrize(
    ("module", "declared"),
    [("cv2", "opencv-python-headless"), ("yaml", "PyYAML"), ("PIL", "Pillow"),
     ("sklearn", "scikit-learn"), ("onnxruntime", "onnxruntime-gpu"), ("dotenv", "python-dotenv")],
)  # fmt: skip
def test_a_declared_package_that_is_not_installed_is_not_called_undeclared(
    module: str, declared: str, tmp_path: Path
):
    assert judge(tmp_path, {"a.py": f"import {module}\n"}, declared=declared) == []


def test_a_module_is_told_once_at_its_first_place(tmp_path: Path):
    files = {"a.py": "\nimport fire\n", "b.py": "import fire\n"}
    assert judge(tmp_path, files) == [
        "a.py:2 imports fire, which is not installed, and nothing declares it"
    ]


def test_a_file_that_is_not_python_stops_nothing(tmp_path: Path):
    files = {"a.py": "print 'old'\n", "b.py": "import fire\n", "c.py": "x = '\x00'\n"}
    assert len(judge(tmp_path, files)) == 1


OPTION = Declaration(file="a", group="x", wanted=(from_pep508("toolkit", "a"),))


@pytest.mark.parametrize(
    ("option", "found"),
    [
        ("import toolkit\n", 0),
        ("def f():\n    import toolkit\n", 0),
        ("try:\n    import toolkit\nexcept ImportError: 1\n", 1),
        ("if TYPE_CHECKING:\n    import toolkit\n", 1),
    ],
)
def test_what_is_missing_beside_a_missing_extra_may_come_with_it(
    option: str, found: int, tmp_path: Path
):
    write_files(tmp_path, [("a.py", f"{option}import fire\n")])
    judged = judge_imports(find_sources(tmp_path), [OPTION], account())
    assert len(judged.issues) == found


def test_what_is_here_by_chance_beside_a_missing_extra_is_told(tmp_path: Path):
    write_files(tmp_path, [("a.py", "import toolkit, yaml\n")])
    judged = judge_imports(find_sources(tmp_path), [OPTION], account("PyYAML 6 yaml"))
    assert len(judged.issues) == 1
