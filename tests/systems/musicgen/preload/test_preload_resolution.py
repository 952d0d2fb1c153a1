"""What a person writes becomes an origin, a place and a line; two models never share a place."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.preload.manifest import ManifestEntry
from proofbook_systems.musicgen.preload.mirrors import MirrorOrigin
from proofbook_systems.musicgen.preload.origins import FolderOrigin
from proofbook_systems.musicgen.preload.resolution import (
    cache_folder,
    find_origin,
    is_offline,
    place_under,
    wanted_models,
)

SMALL = "facebook/musicgen-small"
KNOWN = {"small": ManifestEntry(hf_id=SMALL, local_path="team/small")}


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise AssertionError("the network was tried")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(socket.socket, "connect", fail)


def test_a_model_without_a_source_is_the_manifests_or_else_the_published_one():
    small, large = wanted_models({"small": "", "large": ""}, KNOWN)
    assert (small.source, small.entry) == (SMALL, KNOWN["small"])
    assert large.source == "facebook/musicgen-large"
    assert (large.entry.purpose, large.entry.license) == ("text to music", "CC-BY-NC-4.0")
    with pytest.raises(SubjectError, match=r"mine has no source .*\(small\)"):
        wanted_models({"mine": ""}, KNOWN)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (SMALL, "facebook--musicgen-small"),
        ("reference:large/pair", "reference-large--pair"),
        ("t5-base", "t5-base"),
        ("https://mirror.example/x", "my-key"),
        ("/some/folder", "my-key"),
    ],
)
def test_a_place_is_called_after_the_model_or_else_the_key(source: str, place: str):
    (wanted,) = wanted_models({"my key": source}, {})
    assert wanted.entry.local_path == place


def test_no_place_is_given_twice():
    models = {"a": "x/y", "b": "x/y", "..": "/p", "//": "/q"}
    places = [w.entry.local_path for w in wanted_models(models, {})]
    assert places == ["x--y", "x--y-b", "model", "model-too"]


def test_a_key_that_is_another_model_in_the_manifest_is_refused():
    for source in ("reference:small", "facebook/musicgen-medium"):
        with pytest.raises(SubjectError, match=f"small is {SMALL} in the manifest and {source}"):
            wanted_models({"small": source}, KNOWN)


def test_a_folder_or_address_may_stand_for_the_model_in_the_manifest(tmp_path: Path):
    for source in (str(tmp_path), "https://mirror.example/small", SMALL):
        (wanted,) = wanted_models({"small": source}, KNOWN)
        assert (wanted.source, wanted.entry) == (source, KNOWN["small"])


def test_a_licence_that_is_not_known_is_not_made_up():
    (mine, text) = wanted_models({"mine": "/models/mine", "t5": "t5-base"}, {})
    assert mine.entry.license == ""
    assert (text.entry.purpose, text.entry.license) == ("text encoder", "Apache-2.0")


def test_a_password_does_not_get_into_the_manifest():
    (mine,) = wanted_models({"mine": "https://ann:secret@mirror.example/x"}, {})
    assert mine.entry.hf_id == "https://mirror.example/x"


def test_the_cache_is_where_the_environment_says(tmp_path: Path):
    environ = {"AUDIOCRAFT_CACHE_DIR": "/a", "PROOFBOOK_CACHE": "/p"}
    assert cache_folder(str(tmp_path), "/project", environ) == tmp_path
    assert cache_folder("cache", "/project", environ) == Path("/project/cache")
    assert cache_folder("", "/project", environ) == Path("/a")
    assert cache_folder("", environ={"PROOFBOOK_CACHE": "/p"}) == Path("/p/models")
    assert place_under("", "x") == Path("x")


def test_a_fresh_cache_is_a_new_one_each_time():
    one, two = cache_folder("fresh"), cache_folder("fresh")
    assert one != two
    assert [*one.iterdir(), *two.iterdir()] == []


@pytest.mark.parametrize(("value", "found"), [("1", True), ("ON", True), ("0", False), ("", False)])
def test_the_hubs_own_switch_is_honoured(value: str, found: bool):
    assert is_offline(False, {"HF_HUB_OFFLINE": value}) is found
    assert is_offline(False, {"TRANSFORMERS_OFFLINE": value}) is found
    assert is_offline(True, {})


def test_of_two_switches_the_hubs_own_counts():
    assert not is_offline(False, {"HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "1"})


@pytest.mark.usefixtures("no_network")
def test_offline_the_network_is_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for source in ("facebook/musicgen-nowhere", "https://mirror.invalid/x"):
        assert find_origin(source, "https://mirror.invalid", offline=True) is None
        assert find_origin(source, "", offline=True) is None


@pytest.mark.usefixtures("no_network")
def test_a_mirror_may_be_a_folder_or_a_file_address(tmp_path: Path):
    place = tmp_path / "my mirror" / "facebook" / "musicgen-small"
    place.mkdir(parents=True)
    mirror = tmp_path / "my mirror"
    for base in (str(mirror), mirror.as_uri()):
        assert find_origin(SMALL, base, offline=True) == FolderOrigin(folder=place)
        with pytest.raises(SubjectError, match=r"mirror folder .* does not exist"):
            find_origin("facebook/other", base, offline=False)
    assert find_origin(place.as_uri(), "", offline=True) == FolderOrigin(folder=place)


def test_a_hub_id_is_looked_for_under_the_mirror():
    origin = find_origin(SMALL, "https://mirror.invalid/base/", offline=False)
    assert isinstance(origin, MirrorOrigin)
    assert origin.base == f"https://mirror.invalid/base/{SMALL}"
    direct = find_origin("https://x.invalid/m", "https://mirror.invalid", offline=False)
    assert isinstance(direct, MirrorOrigin)
    assert direct.base == "https://x.invalid/m"


def test_a_source_that_is_nothing_is_named():
    with pytest.raises(SubjectError, match="is not a folder here"):
        find_origin("/nowhere/at/all", "", offline=False)
