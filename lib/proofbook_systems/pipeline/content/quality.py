"""Judge how good the speech of each line sounds, as people would rate it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from proofbook_systems.pipeline.content.judged import Control, controlled
from proofbook_systems.pipeline.content.limits import ContentLimits
from proofbook_systems.pipeline.content.lines import HeardLine
from proofbook_systems.pipeline.content.sounds import Observed
from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["judge_quality"]

_NAME = "speech-quality"
_WHY = "noise, clipping and artefacts make viewers leave"


def judge_quality(
    script: Sequence[HeardLine], spoilt: Mapping[str, Observed], limits: ContentLimits
) -> tuple[Finding, dict[str, float]]:
    """Return the finding, and the ratings.

    Args:
        script: The lines with what is said of their sounds.
        spoilt: What is said of the same sounds with noise, or silenced, by a name.
        limits: How bad a line may sound.
    """
    ratings = [each.observed.rating for each in script if each.observed.rating is not None]
    if not ratings:
        return finding(_NAME, [], why=_WHY, untried="no line has a sound that can be rated"), {}
    bound = max(limits.least_quality, median(ratings) - limits.most_quality_loss)
    faults = [
        f"{each.place} is rated {each.observed.rating:.2f}; at least {bound:.2f} is expected, "
        f"as the middle of all lines is {median(ratings):.2f}"
        for each in script
        if each.observed.rating is not None and each.observed.rating < bound
    ]
    worse = [each.rating for each in spoilt.values() if each.rating is not None]
    control = Control(
        name="noise twice as loud as the speech",
        tried=len(worse),
        objected=sum(r < bound for r in worse),
    )
    numbers = {"quality_median": median(ratings), "quality_least": min(ratings)}
    return controlled(_NAME, faults, [control], why=_WHY), numbers
