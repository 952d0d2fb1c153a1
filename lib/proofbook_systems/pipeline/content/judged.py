"""A judge with its control: what makes it red or untried, and never green by blindness."""

from __future__ import annotations

from dataclasses import dataclass

from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["Control", "controlled"]


@dataclass(frozen=True, kw_only=True)
class Control:
    """The same judge on data that were spoilt on purpose."""

    name: str
    """What was spoilt: ``the lines exchanged``."""
    tried: int
    objected: int
    least: float = 1.0
    """Share of the tries at which it must object."""

    @property
    def fails(self) -> bool:
        """Whether the judge would not see the defect; a control that was not tried fails too."""
        return self.tried == 0 or self.objected < self.least * self.tried

    @property
    def told(self) -> str:
        """What happened, for a reader."""
        if not self.tried:
            return f"no control could be made of {self.name}"
        return f"the control ({self.name}) was noticed in {self.objected} of {self.tried} tries"


def controlled(
    name: str, faults: list[str], controls: list[Control], *, why: str, note: str = ""
) -> Finding:
    """Return a finding: faults stay faults, and without any a failing control makes it untried."""
    blind = [control.told for control in controls if control.fails]
    told = "; ".join(control.told for control in controls)
    reason = f"{why} ({'; '.join(each for each in (note, told) if each)})"
    untried = f"the judge is blind here: {'; '.join(blind)}" if blind and not faults else ""
    return finding(name, faults, why=reason, untried=untried)
