"""The parameters of the benchmarks.

Imports pydantic alone. Field names, types and defaults equal those of each runbook's parameters
cell. Defaults measure little, so that each runbook takes minutes at most; the profile
``benchmarks`` asks for more rounds.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "RUNBOOKS",
    "CheckpointSavingConfig",
    "GenerationSpeedConfig",
    "HeavyImportsConfig",
    "KernelMemoryConfig",
    "KeyMatchingConfig",
    "LargeReportConfig",
    "ManyNotebooksConfig",
    "ManyReviewersConfig",
    "ModelLoadingConfig",
    "NotebookSavingConfig",
    "PlanningConfig",
    "SpeechKillsConfig",
    "SpeechRowsConfig",
    "StartUpConfig",
    "TinySuiteConfig",
    "TrainingKillsConfig",
    "TrainingSpeedConfig",
    "TrivialNotebookConfig",
    "WarmAttachConfig",
]

_STACK = [
    "torch",
    "transformers:MusicgenForConditionalGeneration",
    "diffusers:StableDiffusionPipeline",
    "scrapbook",
    "matplotlib",
]


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class HeavyImportsConfig(_Config):
    """Parameters of ``benchmarks/heavy_imports``."""

    rounds: int = Field(default=2, ge=1)
    """How often each side is measured."""
    in_a_row: int = Field(default=4, ge=1)
    """Notebooks in one warm run; the time is for each of them."""
    bar: float = Field(default=10.0, gt=0)
    """Least number of times that a warm run must be faster."""
    modules: list[str] = Field(default=_STACK, min_length=1)
    """What the notebook imports: ``module``, or ``module:attribute``."""


class TrivialNotebookConfig(_Config):
    """Parameters of ``benchmarks/trivial_notebook``."""

    rounds: int = Field(default=3, ge=1)
    """How often each side is measured."""
    bar: float = Field(default=0.35, gt=0)
    """Largest part of papermill's time that is allowed."""
    modules: list[str] = _STACK
    """What the template of the warm kernels has imported."""


class WarmAttachConfig(_Config):
    """Parameters of ``benchmarks/warm_attach``."""

    rounds: int = Field(default=3, ge=1)
    """How often each side is measured."""
    bar: float = Field(default=0.25, gt=0)
    """Largest part of an ordinary kernel's time that is allowed."""
    modules: list[str] = _STACK
    """What the template of the warm kernels has imported."""


class TinySuiteConfig(_Config):
    """Parameters of ``benchmarks/tiny_suite``."""

    rounds: int = Field(default=2, ge=1)
    """How often each side is measured."""
    bar: float = Field(default=5.0, gt=0)
    """Least number of times that the suite must be faster."""
    profile: str = Field(default="tiny", min_length=1)
    """The profile whose jobs are run."""
    slots: int = Field(default=2, ge=1)
    """How many jobs proofbook runs at a time."""


class NotebookSavingConfig(_Config):
    """Parameters of ``benchmarks/notebook_saving``."""

    rounds: int = Field(default=2, ge=1)
    """How often each side is measured."""
    bar: float = Field(default=1.1, gt=0)
    """Largest time with saving, as a multiple of the time without."""
    cells: int = Field(default=100, ge=1)
    """Cells of the notebook."""
    kilobytes: int = Field(default=100, ge=1)
    """What each cell prints, in units of 1,000 bytes."""


class ManyNotebooksConfig(_Config):
    """Parameters of ``benchmarks/many_notebooks``."""

    notebooks: int = Field(default=24, ge=1)
    """How many notebooks are executed."""
    slots: int = Field(default=16, ge=1)
    """How many of them at a time."""
    patience: float = Field(default=5.0, ge=0)
    """Seconds after the run in which its last processes may still end."""


class StartUpConfig(_Config):
    """Parameters of ``benchmarks/start_up``."""

    rounds: int = Field(default=3, ge=1)
    """How often each command is run."""
    bar: float = Field(default=0.5, gt=0)
    """Largest median allowed, in seconds."""
    command: str = Field(default="proofbook", min_length=1)
    """The command: a name beside the interpreter, or a path."""


class PlanningConfig(_Config):
    """Parameters of ``benchmarks/planning``."""

    rounds: int = Field(default=2, ge=1)
    """How often each size is measured."""
    jobs: int = Field(default=2000, ge=10)
    """Jobs of the larger plan; the smaller one has a tenth."""
    bar: float = Field(default=3.0, gt=0)
    """Longest time from the profile to the plan, in seconds."""
    growth: float = Field(default=11.0, gt=0)
    """Largest multiple of the smaller plan's time."""
    shapes: list[str] = Field(default=["matrix", "chain", "star", "outputs"], min_length=1)
    """How the jobs are written."""


class KernelMemoryConfig(_Config):
    """Parameters of ``benchmarks/kernel_memory``."""

    rounds: int = Field(default=1, ge=1)
    """How often each side is measured."""
    kernels: int = Field(default=8, ge=1)
    """How many kernels are held at once."""
    bar: float = Field(default=0.35, gt=0)
    """Largest part of the ordinary kernels' memory that is allowed."""
    modules: list[str] = Field(default=_STACK, min_length=1)
    """What every kernel has imported."""


class KeyMatchingConfig(_Config):
    """Parameters of ``benchmarks/key_matching``."""

    rounds: int = Field(default=1, ge=1)
    """How often each side is measured."""
    bar: float = Field(default=50.0, gt=0)
    """Least number of times that the matching must be faster than difflib's."""
    layers: int = Field(default=12, ge=1)
    """Layers of the language model; a large one has 48."""
    width: int = Field(default=2048, ge=2)
    """Width of the language model."""
    seed: int = Field(default=11, ge=0)
    """The same seed gives the same names."""


class GenerationSpeedConfig(_Config):
    """Parameters of ``benchmarks/generation_speed``."""

    rounds: int = Field(default=3, ge=1)
    """How often each side is measured."""
    checkpoints: str = Field(default="reference:large/pair", min_length=1)
    """What generates: audiocraft's checkpoints, as musicgen/large_offload takes them."""
    duration: float = Field(default=0.5, ge=0.2)
    """Seconds of audio in each round."""
    cpu_memory: str = Field(default="50%", min_length=1)
    """Budget of the offloaded side."""
    bar: float = Field(default=0.97, gt=0)
    """Least speed, as a multiple of transformers' own."""
    offload_bar: float = Field(default=1.0, gt=0)
    """Least speed under the budget, as a multiple of Accelerate's disk_offload."""


class ModelLoadingConfig(_Config):
    """Parameters of ``benchmarks/model_loading``."""

    checkpoints: str = Field(default="random:small", min_length=1)
    """What is loaded: audiocraft's checkpoints, as musicgen/large_offload takes them."""
    dtype: str = Field(default="float16", pattern=r"^(float32|float16|bfloat16)$")
    """Number format of the weights."""
    cpu_memory: str = Field(default="512MiB", min_length=1)
    """Budget for weights in memory."""
    rounds: int = Field(default=1, ge=1)
    """How often the first and the second load, and the peer's, are measured."""
    bar: float = Field(default=0.25, gt=0)
    """Largest part of the first load's time that the second may take."""


class SpeechRowsConfig(_Config):
    """Parameters of ``benchmarks/speech_rows``."""

    rounds: int = Field(default=2, ge=1)
    """How often all rows are run, on a server of their own each time."""
    project: str = Field(default="reference:voicebox", min_length=1)
    """The server, as ttsserver/binary_e2e takes it; it must tell its own times."""
    share: float = Field(default=1.15, gt=0)
    """Largest multiple of the server's own time."""
    extra: float = Field(default=3.0, ge=0)
    """Seconds on top of that: starting, voices, ending."""
    notice: float = Field(default=0.2, gt=0)
    """Seconds after the server's own end within which a row must be noticed."""


class SpeechKillsConfig(_Config):
    """Parameters of ``benchmarks/speech_kills``."""

    project: str = Field(default="reference:voicebox", min_length=1)
    """The server, as ttsserver/binary_e2e takes it."""
    kills: int = Field(default=6, ge=1)
    """How many runs, with one random kill each."""
    slots: int = Field(default=3, ge=1)
    """How many of them at a time."""
    latest: float = Field(default=10.0, gt=0)
    """Seconds at which a run is killed at the latest, once its clock has started."""
    patience: float = Field(default=10.0, gt=0)
    """Seconds that what is left may take to vanish."""
    seed: int = Field(default=1, ge=0)
    """Chooses moments and victims."""


class TrainingKillsConfig(_Config):
    """Parameters of ``benchmarks/training_kills``."""

    interruptions: int = Field(default=3, ge=3)
    """How many trainings, each interrupted once at a random moment."""
    steps: int = Field(default=16, ge=2)
    """Steps of each training."""
    checkpoint_every: int = Field(default=5, ge=1)
    """Steps between two checkpoints."""
    slots: int = Field(default=2, ge=1)
    """How many trainings at a time."""
    seed: int = Field(default=1, ge=0)
    """Chooses the moments."""


class TrainingSpeedConfig(_Config):
    """Parameters of ``benchmarks/training_speed``."""

    config: str = Field(default="reference:butcher", min_length=1)
    """The trainer's YAML file, or ``reference:…``."""
    rounds: int = Field(default=3, ge=1)
    """How often each side is measured."""
    steps: int = Field(default=40, ge=10)
    """Steps of each measurement."""
    batch: int = Field(default=8, ge=1)
    """Pictures of the one in each step."""
    precision: str = Field(default="no", pattern="^(no|fp16|bf16)$")
    """Number format, as the trainer's mixed_precision."""
    bar: float = Field(default=1.03, gt=0)
    """Largest part of the plain loop's time that is allowed."""


class CheckpointSavingConfig(_Config):
    """Parameters of ``benchmarks/checkpoint_saving``."""

    parameters: int = Field(default=40_000_000, ge=4_000_000)
    """Of the network; 859520964 is that of Stable Diffusion 1.5."""
    step_seconds: float = Field(default=1.0, gt=0)
    """That a step takes; 7.5 is what the checklist says of an RTX 4070."""
    steps: int = Field(default=12, ge=1)
    """During which a checkpoint must be written."""
    interval: int = Field(default=100, ge=1)
    """Steps between two checkpoints."""
    rounds: int = Field(default=1, ge=1)
    """How often each side is measured."""
    bar: float = Field(default=1.0, gt=0)
    """Largest part of Accelerate's cost that is allowed."""
    stall_bar: float = Field(default=0.1, gt=0)
    """Largest part of Accelerate's time that training may stand still."""


class LargeReportConfig(_Config):
    """Parameters of ``benchmarks/large_report``."""

    jobs: int = Field(default=300, ge=1)
    """Jobs of the run; each has ten checks and a clip."""
    rounds: int = Field(default=2, ge=1)
    """How often the report is built and opened."""
    build_bar: float = Field(default=10.0, gt=0)
    """Seconds that building may take."""
    paint_bar: float = Field(default=1.0, gt=0)
    """Seconds until a browser may show something."""
    act_bar: float = Field(default=0.1, gt=0)
    """Seconds that a search and a jump may take."""
    bytes_bar: float = Field(default=1.05, gt=0)
    """Largest part of the clips' bytes that may be written for them."""


class ManyReviewersConfig(_Config):
    """Parameters of ``benchmarks/many_reviewers``."""

    reviewers: int = Field(default=3, ge=1)
    """How many answer at once."""
    answers: int = Field(default=20, ge=1)
    """Answers of each."""
    kills: int = Field(default=2, ge=0)
    """How often the server is killed meanwhile."""
    jobs: int = Field(default=20, ge=1)
    """Jobs of the run, with a question each."""
    seed: int = Field(default=1, ge=0)
    """Chooses the moments."""


RUNBOOKS: dict[str, type[BaseModel]] = {
    "checkpoint_saving": CheckpointSavingConfig,
    "generation_speed": GenerationSpeedConfig,
    "heavy_imports": HeavyImportsConfig,
    "kernel_memory": KernelMemoryConfig,
    "key_matching": KeyMatchingConfig,
    "large_report": LargeReportConfig,
    "many_notebooks": ManyNotebooksConfig,
    "many_reviewers": ManyReviewersConfig,
    "model_loading": ModelLoadingConfig,
    "notebook_saving": NotebookSavingConfig,
    "speech_kills": SpeechKillsConfig,
    "speech_rows": SpeechRowsConfig,
    "planning": PlanningConfig,
    "start_up": StartUpConfig,
    "tiny_suite": TinySuiteConfig,
    "training_kills": TrainingKillsConfig,
    "training_speed": TrainingSpeedConfig,
    "trivial_notebook": TrivialNotebookConfig,
    "warm_attach": WarmAttachConfig,
}
