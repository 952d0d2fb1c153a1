"""What a script and its sounds say: words, voices, topic, quality; by trained models.

The models come with the extra ``real``. Where it is not installed, each claim is untried and names
the package that is missing; the topic is then looked for by words alone.
"""

from proofbook_systems.pipeline.content.judging import (
    ContentReport,
    examine_content,
    judge_content,
)
from proofbook_systems.pipeline.content.limits import ContentLimits

__all__ = ["ContentLimits", "ContentReport", "examine_content", "judge_content"]
