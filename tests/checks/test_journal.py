"""A journal belongs to one kernel, tells it what it writes, and learns secrets as they come."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import comm
import IPython.core.getipython
import pytest
from IPython.core.events import EventManager, available_events
from jupyter_client.session import Session

from proofbook.checks import journal as journals
from proofbook.checks.journal import (
    JOB_FOLDER,
    KERNEL,
    MEDIA_FOLDER,
    Journal,
    kernel_mark,
    open_journal,
)
from proofbook.checks.ledger import Ledger
from proofbook.errors import UsageError
from proofbook.records import Check, Fact, Fault
from proofbook.runs.redaction import Redactor

SECRET = "swordfish-4711"
KEY = b"the key of this kernel"


class Publisher:
    """Takes what a notebook displays."""

    def __init__(self) -> None:
        self.published: list[tuple[Any, Any]] = []

    def publish(self, data: Any, metadata: Any = None) -> None:
        self.published.append((data, metadata))


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have this process be a kernel, with a real session and real events."""
    shell = SimpleNamespace(display_pub=Publisher(), events=None)
    shell.events = EventManager(shell, available_events)
    kernel = SimpleNamespace(shell=shell, session=Session(key=KEY))
    monkeypatch.setattr(
        IPython.core.getipython, "get_ipython", lambda: SimpleNamespace(kernel=kernel)
    )
    return kernel


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The secrets that the runner is told of."""
    told: list[dict[str, str]] = []
    monkeypatch.setattr(journals, "_announce", lambda values: told.append(dict(values)))
    return told


def job(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment of a job's kernel."""
    return {JOB_FOLDER: str(folder / "job"), **more}


def test_the_mark_of_a_kernel_is_16_digits_of_its_key_and_of_no_other() -> None:
    mark = kernel_mark(KEY)
    assert (len(mark), int(mark, 16) > 0) == (16, True)
    assert mark != kernel_mark(b"another key")
    assert KEY.hex()[:8] not in mark


def test_a_record_is_glued_by_the_kernel_itself(kernel: Any, tmp_path: Path) -> None:
    journal = open_journal("demo/one", job(tmp_path))
    journal.write(Fact(name="size", value=3), "proofbook.1")
    ((data, metadata),) = kernel.shell.display_pub.published
    (scrap,) = data.values()
    assert (scrap["name"], scrap["encoder"], scrap["version"]) == ("proofbook.1", "json", 1)
    assert scrap["data"]["value"] == 3
    assert scrap["data"] == json.loads((tmp_path / "job" / "records.jsonl").read_text())
    about = {"name": "proofbook.1", "data": True, "display": False}
    assert metadata == {"scrapbook": about}


def test_nothing_is_glued_where_there_is_no_kernel(tmp_path: Path) -> None:
    assert open_journal("demo/one", job(tmp_path)).glue is None


def test_only_the_jobs_own_kernel_writes_into_the_jobs_folder(kernel: Any, tmp_path: Path) -> None:
    own = open_journal("demo/one", job(tmp_path, **{KERNEL: kernel_mark(KEY)}))
    assert (own.folder, own.interactive) == (tmp_path / "job", False)


@pytest.mark.parametrize("why", ["another key", "forked", "no session", "no kernel"])
def test_another_process_writes_elsewhere(
    why: str, kernel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environment = job(tmp_path, **{KERNEL: kernel_mark(KEY)})
    if why == "another key":
        kernel.session = Session(key=b"of a nested notebook")
    elif why == "forked":
        kernel.session.pid = os.getpid() + 1
    elif why == "no session":
        kernel.session = None
    else:
        monkeypatch.setattr(IPython.core.getipython, "get_ipython", lambda: None)
    journal = open_journal("demo/one", environment)
    assert journal.interactive
    assert journal.folder.parent == tmp_path / "outputs" / "interactive"
    assert not (tmp_path / "job").exists()


def test_a_folder_outside_of_a_run_has_the_runbooks_name_and_its_own_media(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one, two = open_journal("demo/one", {}), open_journal("demo/one", {})
    assert one.interactive and one.folder != two.folder
    assert one.folder.is_dir() and one.media == one.folder / "media"
    assert one.folder.name.startswith("demo-one-20")
    assert one.folder.name.count("-") == 4  # two of the name, three of date, time, fraction


def test_a_job_may_find_its_folder_there(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    journal = open_journal("demo/one", job(tmp_path, **{MEDIA_FOLDER: str(tmp_path / "shared")}))
    assert (journal.folder, journal.media) == (tmp_path / "job", tmp_path / "shared")
    assert open_journal("demo/one", job(tmp_path)).media == tmp_path / "job" / "media"


def test_the_runner_is_told_of_secrets_that_appear_while_the_notebook_runs(
    kernel: Any, announced: list[dict[str, str]], tmp_path: Path
) -> None:
    environment = job(tmp_path, TMPDIR=str(tmp_path))
    open_journal("demo/one", environment)
    assert announced == []
    environment["APP_PASSWORD"] = SECRET
    kernel.shell.events.trigger("post_run_cell", None)
    assert [list(each) for each in announced] == [[SECRET]]


def test_secrets_that_are_there_from_the_start_are_known_at_once(
    kernel: Any, announced: list[dict[str, str]], tmp_path: Path
) -> None:
    environment = job(tmp_path, TMPDIR=str(tmp_path), APP_PASSWORD=SECRET)
    journal = open_journal("demo/one", environment)
    assert SECRET not in journal.redact(f"it is {SECRET}")
    assert [list(each) for each in announced] == [[SECRET]]


def test_secrets_of_this_process_are_told_of_too(
    kernel: Any, announced: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_PASSWORD", SECRET)
    open_journal("demo/one", {**os.environ, **job(tmp_path, TMPDIR=str(tmp_path))})
    assert SECRET in announced[0]


def test_nobody_is_told_outside_of_a_run(
    kernel: Any, announced: list[dict[str, str]], tmp_path: Path
) -> None:
    journal = open_journal("demo/one", job(tmp_path, APP_PASSWORD=SECRET))
    assert announced == []
    assert SECRET not in journal.redact(SECRET)


def late(folder: Path) -> tuple[Journal, dict[str, str]]:
    """Return a journal, and an environment in which a secret may still appear."""
    environment: dict[str, str] = {}
    journal = Journal(
        folder=folder, media=folder / "media", redact=Redactor({}), environment=environment
    )
    return journal, environment


def test_a_secret_that_has_just_appeared_is_refused_and_removed(tmp_path: Path) -> None:
    journal, environment = late(tmp_path)
    environment["APP_PASSWORD"] = SECRET
    with pytest.raises(UsageError, match="holds the value of a secret"):
        journal.refuse_secrets("output 'x'", {"a": SECRET})

    journal, environment = late(tmp_path)
    environment["APP_PASSWORD"] = SECRET
    file = journal.store(f"it is {SECRET}".encode(), ".txt")
    assert SECRET not in (tmp_path / "media" / f"{file.sha256}.txt").read_text()


def test_a_clean_text_keeps_every_byte(tmp_path: Path) -> None:
    journal, _ = late(tmp_path)
    source = tmp_path / "log.txt"
    source.write_bytes(b"no text: \xff\xfe\r\n")
    file = journal.store(source, ".txt")
    assert (tmp_path / "media" / f"{file.sha256}.txt").read_bytes() == source.read_bytes()


def test_the_name_of_a_scrap_is_clean_too(tmp_path: Path) -> None:
    glued: dict[str, Any] = {}
    journal = Journal(
        folder=tmp_path, media=tmp_path, redact=Redactor({SECRET: "APP_PASSWORD"}),
        glue=glued.__setitem__,
    )  # fmt: skip
    journal.write(Fact(name="size", value=3), f"fact {SECRET}")
    ((name, values),) = glued.items()
    assert SECRET not in name
    assert values["name"] == "size"


def test_records_that_a_fork_has_written_stay_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proofbook.checks.ledger.current_cell", lambda: "one")
    journal = Journal(folder=tmp_path, media=tmp_path, interactive=True)
    ledger = Ledger(journal)
    ledger.write_once(Check(name="one", status="passed"))
    line = Fault(what="of a fork", cell="other").model_dump_json()
    with (tmp_path / "records.jsonl").open("a") as file:
        file.write(line + "\n")
    ledger.take_back("one")
    kept = (tmp_path / "records.jsonl").read_text().splitlines()
    assert [json.loads(each)["kind"] for each in kept] == ["fault"]


def test_there_may_be_no_records_to_take_back(tmp_path: Path) -> None:
    journal = Journal(folder=tmp_path, media=tmp_path, redact=Redactor({}), interactive=True)
    journal.remove(lambda line: True)
    assert (tmp_path / "records.jsonl").read_bytes() == b""


def test_secrets_are_told_in_a_message_that_is_closed_at_once(
    kernel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[Any] = []

    def create_comm(**about: Any) -> Any:
        messages.append(about)
        return SimpleNamespace(close=lambda: messages.append("closed"))

    monkeypatch.setattr(comm, "create_comm", create_comm)
    open_journal("demo/one", job(tmp_path, TMPDIR=str(tmp_path), APP_PASSWORD=SECRET))
    told = {"target_name": "proofbook.secrets", "data": {"values": {SECRET: "APP_PASSWORD"}}}
    assert messages == [told, "closed"]
