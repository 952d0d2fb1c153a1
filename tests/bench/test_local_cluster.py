"""A node of the cluster is waited for as long as its process lives, however busy the machine."""

from __future__ import annotations

from typing import Any

import pytest

from proofbook_bench import local_cluster


class Ray:
    """Knows a node after it was asked for it so many times."""

    def __init__(self, times: int) -> None:
        self.times, self.asked = times, 0

    def get_node(self, address: str, node: str) -> str:
        self.asked += 1
        if self.asked <= self.times:
            raise RuntimeError("no such node")
        return f"{node} at {address}"


def ask(monkeypatch: pytest.MonkeyPatch, ray: Ray, *, starts: list[bool]) -> Any:
    monkeypatch.setattr(local_cluster, "_is_starting", lambda before: starts.pop(0))
    monkeypatch.setattr(local_cluster, "_PAUSE_SECONDS", 0.0)
    return local_cluster._ask_again(ray.get_node, (), "here:1", "n1")


def test_a_node_that_is_still_starting_is_asked_for_again(monkeypatch: pytest.MonkeyPatch):
    assert ask(monkeypatch, Ray(50), starts=[True] * 50) == "n1 at here:1"


def test_a_node_whose_process_has_ended_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    ray = Ray(50)
    with pytest.raises(RuntimeError, match="no such node"):
        ask(monkeypatch, ray, starts=[True, True, False])
    assert ray.asked == 3


def test_a_node_that_lives_and_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(local_cluster, "_START_SECONDS", -1)
    with pytest.raises(RuntimeError, match="no such node"):
        ask(monkeypatch, Ray(50), starts=[True])


def test_a_node_finds_said_that_its_helper_serves_no_port(monkeypatch: pytest.MonkeyPatch):
    from ray import _raylet

    told: list[tuple[Any, ...]] = []
    monkeypatch.setattr(_raylet, "persist_port", lambda *each: told.append(each))

    def start(redis: str, node_id: str, session_dir: str, *, port: int = 0) -> str:
        assert len(told) == 3  # before the node looks for them
        return f"{node_id}:{port}"

    assert local_cluster._start_without_ports(start, "r", "n1", "/session", port=7) == "n1:7"
    assert {(folder, node, port) for folder, node, _, port in told} == {("/session", "n1", -1)}
    assert len({name for _, _, name, _ in told}) == 3


def test_ray_is_as_it_was_when_a_node_has_started():
    from ray._private import services

    before = (services.get_node, services.start_raylet)
    with local_cluster._awaiting_nodes(()):
        assert services.get_node is not before[0]
        assert services.start_raylet is not before[1]
    assert (services.get_node, services.start_raylet) == before


def test_only_a_living_raylet_is_a_node_that_starts(monkeypatch: pytest.MonkeyPatch):
    class Process:
        def __init__(self, program: str, status: str) -> None:
            self.program, self.state = program, status

        def cmdline(self) -> list[str]:
            return [f"/ray/core/{self.program}", "--x"]

        def status(self) -> str:
            return self.state

    old, other = Process("raylet", "sleeping"), Process("gcs_server", "running")
    zombie, new = Process("raylet", "zombie"), Process("raylet", "sleeping")
    for there, starts in (([old, other], False), ([old, zombie], False), ([old, new], True)):
        monkeypatch.setattr(local_cluster, "_processes_of_ray", lambda there=there: iter(there))
        assert local_cluster._is_starting([old]) is starts
