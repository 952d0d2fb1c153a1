"""All that cases need: the pipeline prepared before each stage, and the servers that misbehave.

with open_bench(config, folder) as bench:
    bench.prepare()
    bench.try_case("voice", case)
"""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook.processes.placeholders import fill_command
from proofbook_systems.apis.faulty_server import FaultyServer, Lane, start_faulty_server
from proofbook_systems.apis.servers import find_server, start_server
from proofbook_systems.pipeline.integrations.cases import ALWAYS, Case
from proofbook_systems.pipeline.integrations.config import IntegrationsConfig
from proofbook_systems.pipeline.integrations.leaks import find_leaks
from proofbook_systems.pipeline.integrations.leftovers import look_at
from proofbook_systems.pipeline.integrations.services import SERVICES, Service, script_text
from proofbook_systems.pipeline.integrations.trials import Terms, Trial
from proofbook_systems.pipeline.stages import StageRun, run_stage
from proofbook_systems.pipeline.workspace import Workspace, copy_workspace

__all__ = ["Bench", "open_bench"]

_IDLE = 1.0
_MADE_OF_ANSWER = ("wrong_length", "delay", "slow_body")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The pipeline and the servers, ready."""

    config: IntegrationsConfig
    folder: Path
    episode: str
    servers: Mapping[str, FaultyServer]
    """By API; each with a port that answers rightly."""
    keys: Mapping[str, str]
    says: str
    """What a language model says where it does right."""
    bases: dict[str, Workspace] = field(default_factory=dict)
    """By API: the pipeline as it is before the stage that calls it."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def terms(self) -> Terms:
        """What is expected of every run."""
        c = self.config
        return Terms(
            retries=c.retries, fallback=c.fallback, patience=c.patience,
            refresh_path=c.refresh_path, publish_path=c.publish_path,
        )  # fmt: skip

    def copy(self, api: str, name: str) -> Workspace:
        """Return a copy of the pipeline as it is before an API's stage."""
        folder = self.folder / "cases" / f"{next(self._numbers):03d}-{api}-{name}"
        return copy_workspace(self.bases[api], folder, self.config.link)

    def try_case(self, api: str, case: Case | None, workspace: Workspace | None = None) -> Trial:
        """Run the stage in a case, by default in a copy of the pipeline as it is before it."""
        service = SERVICES[api]
        place = workspace or self.copy(api, case.name if case else "right")
        with self.servers[api].open_lane() as lane:
            lane.plan(self.plan(service, case))
            return self.try_on(lane, service, place, case)

    def try_on(
        self, lane: Lane, service: Service, place: Workspace, case: Case | None = None,
        command: Sequence[str] = (), values: Mapping[str, str | Path] | None = None,
    ) -> Trial:  # fmt: skip
        """Run a stage against a port that was planned already, since when its calls count."""
        before = len(lane.calls())
        run = self.run(service.stage, place, {service.name: lane}, command, values)
        lane.wait_idle(_IDLE)
        calls = lane.calls()[before:]
        leaks = find_leaks(place, run, self.keys[service.name])
        return Trial(
            service=service, case=case, workspace=place, run=run, calls=calls, leaks=leaks,
            peak=max((call.in_flight for call in calls), default=0),
            leftovers=look_at(place, service.artefacts, self.episode),
        )  # fmt: skip

    def run(
        self, stage: str, workspace: Workspace, lanes: Mapping[str, Lane] | None = None,
        command: Sequence[str] = (), values: Mapping[str, str | Path] | None = None,
    ) -> StageRun:  # fmt: skip
        """Run a stage that meets these servers, and elsewhere those that answer rightly."""
        asked = {api: (lanes or {}).get(api, server.lane) for api, server in self.servers.items()}
        # A pipeline that knows two forms of language models would choose between them.
        models = [api for api in asked if SERVICES[api].answers_itself]
        chosen = next((api for api in lanes or {} if api in models), models[0] if models else "")
        pointed = workspace.with_environment(**self._variables(asked, models, chosen))
        urls = {f"{api}_url": lane.base_url for api, lane in asked.items()}
        keys = {f"{api}_key": key for api, key in self.keys.items()}
        filled = {"caption": self.config.caption, **urls, **keys, **(values or {})}
        limit = self.config.patience if lanes else self.config.timeout
        return run_stage(pointed, stage, self.episode, command=command, timeout=limit, **filled)

    def _variables(
        self, lanes: Mapping[str, Lane], models: Sequence[str], chosen: str
    ) -> dict[str, str]:
        filled: dict[str, str] = {}
        for api, lane in lanes.items():
            if api in models and api != chosen:
                continue
            known = {"url": lane.base_url if api in models else lane.root, "root": lane.root,
                     "key": self.keys[api]}  # fmt: skip
            for name, value in self.config.addresses.get(api, {}).items():
                filled[name] = fill_command([value], known, f"addresses.{api}.{name}")[0]
        others = {name for api in models for name in self.config.addresses.get(api, {})}
        return {**dict.fromkeys(others - set(filled), ""), **filled}

    def plan(self, service: Service, case: Case | None) -> list[dict[str, Any]]:
        """Return the faults of a case as a server takes them, and the right answer after them."""
        says = case.says if case and case.says is not None else self.says
        right = service.completion(says, cut=bool(case and case.cut))
        faults = [self._filled(service, fault, right) for fault in (case.faults if case else ())]
        if case and case.spared:
            faults.insert(0, {"kind": "none", "times": case.spared})
        if service.answers_itself:
            faults.append(answer_with(right))
        return faults

    def _filled(self, service: Service, fault: Mapping[str, Any], right: Any) -> dict[str, Any]:
        filled = dict(fault)
        if filled["kind"] == "status" and "body" not in filled:
            number = int(filled["status"])
            filled["body"] = service.error(number, f"refused with {number}")
            filled["content_type"] = "application/json"
        if filled.get("body") == "{error}":
            filled["body"] = service.error(503, "The engine is overloaded")
        made = filled["kind"] in _MADE_OF_ANSWER or filled.get("when") == "in_body"
        if made and service.answers_itself:
            filled["body"] = right
        if "path" in filled:
            filled["path"] = filled["path"].replace("{publish_path}", self.config.publish_path)
        return filled


def answer_with(document: Any) -> dict[str, Any]:
    """Return the plan of answering every call with a JSON document."""
    return {"kind": "body", "times": ALWAYS, "body": json.dumps(document),
            "content_type": "application/json"}  # fmt: skip


@contextmanager
def open_bench(
    config: IntegrationsConfig, folder: Path, workspace: Workspace, episode: str
) -> Iterator[Bench]:
    """Start the servers that misbehave, each before a right one where it needs one.

    Raises:
        SubjectError: One cannot be started.
    """
    folder.mkdir(parents=True, exist_ok=True)
    servers: dict[str, FaultyServer] = {}
    keys: dict[str, str] = {}
    file = find_server(config.faulty_server, "apis.faulty_server")
    says = script_text(config.script_answer, config.names)
    with ExitStack() as owned:
        for api in config.apis:
            service = SERVICES[api]
            url, key = "", ""
            if not service.answers_itself:
                url, key = owned.enter_context(_right_server(config, api, folder))
            keys[api] = key or f"pb-{secrets.token_hex(16)}"
            servers[api] = owned.enter_context(
                start_faulty_server(
                    file, protocol=service.protocol, log=folder / f"{api}.log", upstream=url
                )
            )
            if service.answers_itself:
                servers[api].lane.plan([answer_with(service.completion(says))])
        bench = Bench(
            config=config, folder=folder, episode=episode, servers=servers, keys=keys, says=says
        )
        bench.bases["all"] = workspace
        yield bench


@contextmanager
def _right_server(config: IntegrationsConfig, api: str, folder: Path) -> Iterator[tuple[str, str]]:
    if not config.servers.get(api):
        raise SubjectError(
            f"servers has no {api}; give the URL or the server.json of a local server that answers "
            "rightly"
        )
    found = find_server(config.servers[api], "pipeline.server")
    with start_server(found, log=folder / f"{api}-right.log") as server:
        yield server.url, "" if server.file is None else server.file.api_key
