"""The hub's files come through its own library into its own cache, and from there into ours."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import Hub
from faulty_mirror import serving
from laid_cache import blob_name, lay

from proofbook.errors import SubjectError
from proofbook.files import hash_file
from proofbook_systems.musicgen.preload import hub as hubs
from proofbook_systems.musicgen.preload import resolution, verification
from proofbook_systems.musicgen.preload.arrival import bring_models
from proofbook_systems.musicgen.preload.checksums import read_notes
from proofbook_systems.musicgen.preload.store import preload
from proofbook_systems.musicgen.subject import find_model

NAME = "facebook/musicgen-mini"
FILES = {"config.json": b"{}", "model.safetensors": bytes(5000), "README.md": b"not wanted"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub import constants

    server = Hub()
    server.repositories[NAME] = dict(FILES)
    monkeypatch.setattr(constants, "ENDPOINT", server.base)
    template = f"{server.base}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with serving(server):
        yield server


def silent(*args: object) -> None:
    pass


def test_a_repository_arrives_with_the_hubs_checksums_and_takes_space_once(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    told: list[tuple[str, int, int | None]] = []
    origin = hubs.hub_origin(NAME, lambda *report: told.append(report))
    result = preload(origin, tmp_path / "cache" / "mini")
    assert result.bytes_brought == 5002
    assert sorted(read_notes(result.folder)) == ["config.json", "model.safetensors"]
    weights = tmp_path / "cache" / "mini" / "model.safetensors"
    assert origin.digests == {"model.safetensors": hash_file(weights)}
    assert weights.stat().st_nlink == 2
    assert told[-1] == (NAME, 5002, 5002)
    assert "Fetching" not in capsys.readouterr().err


def test_what_is_in_the_hubs_cache_is_not_downloaded_again(hub: Hub):
    hubs.hub_origin(NAME, silent)
    hub.asked.clear()
    hubs.hub_origin(NAME, silent)
    assert not [line for line in hub.asked if line.startswith("GET") and "/resolve/" in line]


def test_offline_the_hubs_cache_is_used_with_the_checksums_in_its_names(hub: Hub):
    assert hubs.cached_hub_origin(NAME) is None
    online = hubs.hub_origin(NAME, silent)
    hub.asked.clear()
    assert hubs.cached_hub_origin(NAME) == online
    assert hub.asked == []


def test_offline_a_half_download_is_named_file_by_file(hub: Hub, tmp_path: Path):
    online = hubs.hub_origin(NAME, silent)
    blob = (online.folder / "model.safetensors").resolve()
    (online.folder / "model.safetensors").unlink()
    blob.rename(blob.with_name(f"{blob.name}.12345678.incomplete"))
    with pytest.raises(SubjectError, match=r"without model\.safetensors, and 1 half .*incomplete"):
        hubs.cached_hub_origin(NAME)


def test_a_cache_elsewhere_is_looked_into_too(hub: Hub, tmp_path: Path):
    hubs.hub_origin(NAME, silent)
    (tmp_path / "hub").rename(tmp_path / "audiocraft")
    assert hubs.cached_hub_origin(NAME) is None
    found = hubs.cached_hub_origin(NAME, str(tmp_path / "audiocraft"))
    assert found is not None
    assert found.folder.is_relative_to(tmp_path / "audiocraft")


def test_a_file_with_another_checksum_than_the_hub_tells_is_refused(hub: Hub, tmp_path: Path):
    hub.lie = "model.safetensors"
    origin = hubs.hub_origin(NAME, silent)
    with pytest.raises(SubjectError, match=r"model\.safetensors .* should have 000000000000"):
        preload(origin, tmp_path / "mini")
    assert not (tmp_path / "mini" / "model.safetensors").exists()


def test_a_repository_that_is_not_there_is_one_line(hub: Hub):
    with pytest.raises(SubjectError, match="cannot be brought from the hub") as error:
        hubs.hub_origin("facebook/nothing", silent)
    assert "\n" not in str(error.value)


def test_where_the_hub_does_not_answer_what_its_cache_has_is_taken(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    from huggingface_hub import constants

    online = hubs.hub_origin(NAME, silent)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert hubs.hub_origin(NAME, silent) == online
    assert f"{NAME} is taken from a cache; the hub:" in caplog.text


def test_a_small_file_that_was_changed_in_the_cache_is_refused(hub: Hub):
    folder = hubs.hub_origin(NAME, silent).folder
    (folder / "config.json").resolve().write_bytes(b"[]")
    assert hubs.cached_hub_origin(NAME) is not None  # of one name alone nothing can be said
    (folder / "generation_config.json").symlink_to(
        other := (folder / "config.json").resolve().with_name(blob_name("x.json", b"{ }"))
    )
    other.write_bytes(b"{ }")
    with pytest.raises(SubjectError, match=r"config\.json in .* has changed since it came"):
        hubs.cached_hub_origin(NAME)


def test_a_disk_that_is_too_small_is_told_first(hub: Hub, monkeypatch: pytest.MonkeyPatch):
    usage = shutil.disk_usage("/")._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(SubjectError, match="set HF_HOME to a larger disk"):
        hubs.hub_origin(NAME, silent)
    assert not [line for line in hub.asked if line.startswith("GET") and "/resolve/" in line]


def test_a_model_that_was_preloaded_is_found_without_the_hub(hub: Hub, reference: Path):
    files = {path.name: path.read_bytes() for path in reference.iterdir()}
    hub.repositories[NAME] = {**files, "README.md": b"nobody asks for it"}
    hubs.hub_origin(NAME, silent)
    hub.asked.clear()
    hub.repositories.clear()
    assert (find_model(NAME).folder / "model.safetensors").is_file()
    assert hub.asked == []


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.lstat().st_size, p.lstat().st_mtime_ns) for p in folder.rglob("*")}


@pytest.mark.parametrize("given", ["hub", "."], ids=["the cache", "HF_HOME"])
def test_a_cache_of_the_hub_given_as_the_cache_is_read_and_nothing_is_written_into_it(
    hub: Hub, tmp_path: Path, given: str, monkeypatch: pytest.MonkeyPatch
):
    from huggingface_hub import constants

    hubs.hub_origin(NAME, silent)
    hub.repositories.clear()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "another"))
    before = listing(tmp_path / "hub")
    there = resolution.hub_cache(given, str(tmp_path))
    assert there == tmp_path / "hub"
    cache = resolution.cache_folder(given, str(tmp_path))
    assert not cache.is_relative_to(tmp_path)
    wanted = resolution.wanted_models({"mini": NAME}, {})
    for offline in (False, True):
        arrived = bring_models(wanted, {}, cache, mirror="", offline=offline, hub=there)
        assert (arrived.problems, list(arrived.results)) == ({}, ["mini"])
    assert verification.check_files(arrived.results["mini"].folder) == []
    assert listing(tmp_path / "hub") == before


def test_what_is_no_cache_of_the_hub_is_an_ordinary_one(tmp_path: Path):
    (tmp_path / "models--a--b").mkdir()
    assert resolution.hub_cache(str(tmp_path)) is None
    assert resolution.hub_cache(resolution.FRESH) is None
    assert resolution.hub_cache("", environ={}) is None
    assert resolution.cache_folder(str(tmp_path)) == tmp_path


WHOLE = {"config.json": b"{}", "tokenizer.json": b"[]", "model.safetensors": bytes(50)}


@pytest.mark.parametrize("given", ["", "refs", "repository"])
def test_a_folder_of_the_hubs_cache_is_taken_with_its_checksums(tmp_path: Path, given: str):
    snapshot = lay(tmp_path, WHOLE, ref="" if given == "refs" else "main")
    folder = snapshot if given == "" else snapshot.parent.parent
    origin = resolution.find_origin(str(folder), "", offline=True)
    assert origin == hubs.snapshot_origin(snapshot)
    (snapshot / "model.safetensors").resolve().write_bytes(bytes(49) + b"x")
    with pytest.raises(SubjectError, match=r"model\.safetensors .* should have"):
        preload(origin, tmp_path / "mine")


def test_a_repositorys_folder_given_as_the_cache_is_that_of_the_hub(tmp_path: Path):
    repository = lay(tmp_path, WHOLE).parent.parent
    assert resolution.hub_cache(str(repository)) == tmp_path


@pytest.mark.parametrize("target", ["gone.json", "config.json"], ids=["nothing", "itself"])
def test_a_link_that_leads_nowhere_is_named(tmp_path: Path, target: str):
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "config.json").symlink_to(target)
    (tmp_path / "notes.txt").symlink_to("nowhere")
    with pytest.raises(SubjectError, match=rf"config\.json in .* is a link to {target}"):
        resolution.FolderOrigin(folder=tmp_path).files()
