"""What became of one model type: each check's verdict, and what was measured."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = [
    "CHECKS",
    "DEVICE_STEPS",
    "ON_DEVICE",
    "DeviceVerdict",
    "Finding",
    "Status",
    "Verdict",
    "find_cause",
]

Status = Literal["passed", "failed", "skipped"]

CHECKS: dict[str, str] = {
    "init": "a type that cannot be made cannot be used",
    "forward": "a model that takes no input of its own kind answers nothing",
    "tensors": "one number that is none, or a table that nothing has filled, spoils every answer",
    "reference": "float32 must be no further from float64 than rounding explains",
    "determinism": "two equal questions must have one answer",
    "sensitivity": "a model that does not look at an input answers for another",
    "batch": "what one user gets must not depend on who else asks",
    "padding": "padding that is masked must not change an answer",
    "save-load": "what is saved must be what was there",
    "control": "a comparison that misses a broken weight proves nothing",
    "generate": "a head that writes must write, and write the same again",
    "cache": "a cache saves time and must not change the words",
    "gradient": "a model that cannot take a step cannot be trained",
    "export": "a model that cannot be exported runs nowhere but in Python",
}
"""Each check in its order, and whom it helps."""

DEVICE_STEPS: dict[str, str] = {
    "export": "a model that cannot be exported runs on no other device",
    "compile": "a device must take what was exported for it",
    "run": "what was compiled must answer",
    "match": "the same question must have the same answer on every device",
    "inputs": "a device that answers everything alike has looked at nothing",
    "other-shape": "a device that takes one shape alone serves nobody else",
}
"""Each step on a device in its order, and whom it helps."""


ON_DEVICE = "device "
"""What a trial tells when it begins with a device, before its name."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The verdict of one check."""

    check: str
    status: Status
    reason: str = ""
    """What is wrong, or why it was skipped."""
    applies: bool = True
    """Whether the type has what the check asks of; where it has not, it is skipped."""


@dataclass(kw_only=True)
class DeviceVerdict:
    """What became of one type on one device."""

    device: str
    """Its name, and its precision where that is not float32: ``cuda-bf16``."""
    skipped: str = ""
    """Why it was not tried."""
    ran_on: str = ""
    """What the device says of itself."""
    way: str = ""
    """How the model came to it, as ``exported``."""
    findings: list[Finding] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)

    def status_of(self, step: str) -> str:
        """Return a step's verdict; empty where it was not reached."""
        return next((f.status for f in self.findings if f.check == step), "")

    @property
    def failed(self) -> list[Finding]:
        """Steps that did not hold."""
        return [each for each in self.findings if each.status == "failed"]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> DeviceVerdict:
        """Return what ``asdict`` made of one."""
        return cls(**{**data, "findings": [Finding(**each) for each in data["findings"]]})


@dataclass(kw_only=True)
class Verdict:
    """What became of one type."""

    type: str
    category: str
    model_class: str = ""
    task: str = ""
    implementation: str = "RANDOM"
    """REAL: weights that somebody trained; RANDOM: drawn here; MOCK: no model of transformers."""
    device: str = "cpu"
    inputs: list[str] = field(default_factory=list)
    layout: str = ""
    profile: int = 0
    findings: list[Finding] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    devices: list[DeviceVerdict] = field(default_factory=list)
    """On other devices than :attr:`device`; they have no part in :attr:`passed`."""
    planted: list[Finding] = field(default_factory=list)
    """Faults that were planted on purpose; passed are those that were found."""
    imported: dict[str, str] = field(default_factory=dict)
    """The releases that the process which tried it had imported, as each says of itself."""

    def status_of(self, check: str) -> str:
        """Return a check's verdict; empty where it was not reached."""
        return next((f.status for f in self.findings if f.check == check), "")

    @property
    def failed(self) -> list[Finding]:
        """Checks that did not hold."""
        return [each for each in self.findings if each.status == "failed"]

    @property
    def inapplicable(self) -> list[Finding]:
        """Checks that ask of what a model of this kind does not have."""
        return [each for each in self.findings if not each.applies]

    @property
    def passed(self) -> bool:
        """Whether the model was run, and everything held."""
        return not self.failed and self.status_of("forward") == "passed"

    def as_dict(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Verdict:
        """Return what :meth:`as_dict` wrote."""
        findings = [Finding(**each) for each in data["findings"]]
        devices = [DeviceVerdict.from_dict(each) for each in data.get("devices", [])]
        planted = [Finding(**each) for each in data.get("planted", [])]
        return cls(**{**data, "findings": findings, "devices": devices, "planted": planted})


_CAUSES: list[tuple[str, str]] = [
    (r"requires the (\w+) library|No module named '?(\w+)|name '(\w+)' is not defined",
     "a package is not installed: {}"),
    (r"mask is not looked at", "a mask that is not looked at"),
    (r"no finite number", "nothing finite is answered"),
    (r"has no model class", "no model class of its own"),
    (r"million parameters at its smallest", "too large at its smallest"),
    (r"time limit", "took too long"),
    (r"memory limit|can't allocate|bad_alloc|MemoryError", "took too much memory"),
    (r"ended by signal (\w+)", "crashed: {}"),
    (r"missing the required .forward|missing the required \"forward", "has no forward of its own"),
    (r"missing \d+ required positional", "an input that no rule makes"),
    (r"StrictDataclass", "fields of the configuration contradict each other"),
    (r"mrope|split_with_sizes|sections", "sections of the rotary embedding"),
    (r"placeholder|image tokens|tokens do not match|number of audio tokens|image features",
     "placeholders and features differ in number"),
    (r"inference_session", "reads a session that its processor makes"),
    (r"rounding explains", "a difference that rounding does not explain"),
    (r"(?i)cache", "the cache"),
    (r"shape|size|dimension|channels|mat1|unpack|broadcast", "the layout of an input"),
    (r"NoneType|AttributeError|KeyError|must be (provided|specified|set)|needs? to be"
     "|have to specify|required", "a default that the configuration does not have"),
]  # fmt: skip
_NUMBERS = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")


def find_cause(reason: str) -> str:
    """Return the group of causes that a message belongs to; its own words where it fits none."""
    for pattern, name in _CAUSES:
        if found := re.search(pattern, reason):
            return name.format(next((g for g in found.groups() if g), ""))
    return _NUMBERS.sub("N", reason)[:80]
