"""Types and bounds of the parameters of the benchmarks of the harness."""

from __future__ import annotations

from pydantic import Field

from proofbook_bench.config.base import BenchConfig, MeasuredConfig

__all__ = [
    "ClusterRunsConfig",
    "HeavyImportsConfig",
    "KernelMemoryConfig",
    "LargeReportConfig",
    "ManyJobsConfig",
    "ManyNotebooksConfig",
    "ManyReviewersConfig",
    "NotebookSavingConfig",
    "PlanningConfig",
    "RunKillsConfig",
    "StartUpConfig",
    "TinySuiteConfig",
    "TrivialNotebookConfig",
    "WarmAttachConfig",
]


class HeavyImportsConfig(MeasuredConfig):
    """Parameters of ``benchmarks/heavy_imports``."""

    in_a_row: int = Field(ge=1)
    modules: list[str] = Field(min_length=1)


class TrivialNotebookConfig(MeasuredConfig):
    """Parameters of ``benchmarks/trivial_notebook``."""

    modules: list[str]


class WarmAttachConfig(MeasuredConfig):
    """Parameters of ``benchmarks/warm_attach``."""

    modules: list[str]


class TinySuiteConfig(MeasuredConfig):
    """Parameters of ``benchmarks/tiny_suite``."""

    profile: str = Field(min_length=1)
    jobs: list[str]
    slots: int = Field(ge=1)


class NotebookSavingConfig(MeasuredConfig):
    """Parameters of ``benchmarks/notebook_saving``."""

    cells: int = Field(ge=1)
    kilobytes: int = Field(ge=1)


class ManyNotebooksConfig(BenchConfig):
    """Parameters of ``benchmarks/many_notebooks``."""

    notebooks: int = Field(ge=1)
    slots: int = Field(ge=1)
    patience: float = Field(ge=0)


class ClusterRunsConfig(MeasuredConfig):
    """Parameters of ``benchmarks/cluster_runs``."""

    jobs: int = Field(ge=1)
    nodes: int = Field(ge=1)
    cpus: int = Field(ge=1)
    megabytes: int = Field(ge=1)
    transfer_bar: float = Field(gt=0)
    gpu_jobs: int = Field(ge=2)
    killed_jobs: int = Field(ge=1)
    work: float = Field(ge=0)
    every: float = Field(gt=0)
    seed: int = Field(ge=0)


class ManyJobsConfig(MeasuredConfig):
    """Parameters of ``benchmarks/many_jobs``."""

    jobs: int = Field(ge=2)
    fewer: int = Field(ge=1)
    slots: int = Field(ge=1)
    memory_bar: float = Field(gt=0)


class StartUpConfig(MeasuredConfig):
    """Parameters of ``benchmarks/start_up``."""

    command: str = Field(min_length=1)


class PlanningConfig(MeasuredConfig):
    """Parameters of ``benchmarks/planning``."""

    jobs: int = Field(ge=10)
    growth: float = Field(gt=0)
    shapes: list[str] = Field(min_length=1)


class KernelMemoryConfig(MeasuredConfig):
    """Parameters of ``benchmarks/kernel_memory``."""

    kernels: int = Field(ge=1)
    modules: list[str] = Field(min_length=1)


class RunKillsConfig(BenchConfig):
    """Parameters of ``benchmarks/run_kills``."""

    kills: int = Field(ge=1)
    slots: int = Field(ge=1)
    short: int = Field(ge=1)
    long: int = Field(ge=0)
    seconds: float = Field(gt=0)
    patience: float = Field(gt=0)
    seed: int = Field(ge=0)


class LargeReportConfig(BenchConfig):
    """Parameters of ``benchmarks/large_report``."""

    jobs: int = Field(ge=1)
    rounds: int = Field(ge=1)
    build_bar: float = Field(gt=0)
    paint_bar: float = Field(gt=0)
    act_bar: float = Field(gt=0)
    bytes_bar: float = Field(gt=0)


class ManyReviewersConfig(BenchConfig):
    """Parameters of ``benchmarks/many_reviewers``."""

    reviewers: int = Field(ge=1)
    answers: int = Field(ge=1)
    kills: int = Field(ge=0)
    jobs: int = Field(ge=1)
    seed: int = Field(ge=0)
