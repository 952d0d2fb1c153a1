"""Which variables may differ between a forkserver and its kernels, and which must not."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_kernels import run_cell

from proofbook.kernels.environment import IRRELEVANT, IRRELEVANT_PREFIXES, differing
from proofbook.kernels.ownership import start_forkserver

OURS = {"HOME": "/home/me", "LANG": "C.UTF-8", "PYTHONPATH": "/a", "OMP_NUM_THREADS": "2"}


def test_all_variables_must_be_equal_but_for_those_that_cannot_matter() -> None:
    theirs = {
        **OURS, "PWD": "/x", "OLDPWD": "/y", "TERM": "dumb", "TMPDIR": "/z", "PROOFBOOK_RUN": "1",
        "VSCODE_PID": "7", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    assert differing(OURS, theirs) == []
    assert differing(theirs, OURS) == []
    assert differing(OURS, {**theirs, "HF_HOME": "/hub", "LANG": "C"}) == ["HF_HOME", "LANG"]
    del theirs["HOME"]
    assert differing(OURS, theirs) == ["HOME"]


@pytest.mark.parametrize(
    ("ours", "theirs", "different"),
    [
        (None, "1", False), ("0,1", "1", False), (None, "", True), ("0", "-1", True),
        ("-1", "", False),
    ],
)  # fmt: skip
def test_a_kernel_may_have_another_gpu_but_not_none_instead_of_one(
    ours: str | None, theirs: str, different: bool
) -> None:
    """A job's own GPU is what it is given; whether there is one is what an import may ask."""
    known = {} if ours is None else {"CUDA_VISIBLE_DEVICES": ours}
    assert bool(differing(known, {"CUDA_VISIBLE_DEVICES": theirs})) == different


@pytest.mark.parametrize(
    "name", ["PYTHONHASHSEED", "LD_PRELOAD", "LC_ALL", "MKL_CBWR", "HF_HOME", "HOME", "TQDM_X"]
)
def test_what_an_interpreter_or_a_library_reads_is_never_on_the_list(name: str) -> None:
    assert differing({}, {name: "1"}) == [name]


def test_no_name_is_on_the_list_twice() -> None:
    names = [name for names in IRRELEVANT.values() for name in names]
    assert len(names) == len(set(names))
    prefixes = tuple(p for each in IRRELEVANT_PREFIXES.values() for p in each)
    assert [name for name in names if name.startswith(prefixes)] == []


@pytest.mark.slow
def test_an_import_that_copies_the_environment_serves_kernels_of_every_folder(
    tmp_path: Path,
) -> None:
    """fsspec copies os.environ by its keys when it is imported."""
    pytest.importorskip("fsspec", reason="fsspec comes with torch")
    code = "import fsspec, os; print(os.getcwd(), os.environ['PWD'], os.environ['OLDPWD'])"
    with start_forkserver(["fsspec"], bare=True) as started:
        assert started.wait_ready().usable
        for name, before in (("a", "/"), ("b", "/tmp")):
            folder = str(tmp_path / name)
            Path(folder).mkdir()
            env = {"PWD": folder, "OLDPWD": before}
            reply = run_cell(started, code, cwd=folder, env=env)  # fails unless it is warm
            assert reply.text.split() == [folder, folder, before]
        env = {"FSSPEC_FILE": "{}", "PYTEST_CURRENT_TEST": "changes with each test"}
        assert run_cell(started, "print(1)", refused=True, env=env).text == "1\n"


@pytest.mark.parametrize(
    ("ours", "theirs", "different"),
    [({}, "0", False), ({"RAY_CLIENT_MODE": "1"}, "1", False), ({}, "1", True)],
)
def test_what_ray_sets_when_it_is_imported_is_its_default(
    ours: dict[str, str], theirs: str, different: bool
) -> None:
    assert bool(differing(ours, {"RAY_CLIENT_MODE": theirs})) == different


def test_the_options_of_pytest_are_read_by_pytest_alone() -> None:
    assert differing({"PYTEST_ADDOPTS": "-q"}, {"PYTEST_ADDOPTS": ""}) == []
    assert differing({"PYTEST_ADDOPTS": "-q"}, {}) == []
