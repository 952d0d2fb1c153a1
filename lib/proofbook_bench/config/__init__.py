"""Types and bounds of the parameters of the benchmarks.

Each runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone,
so that a profile is validated at once.
"""

from __future__ import annotations

from pydantic import BaseModel

from proofbook_bench.config import harness, systems

__all__ = ["RUNBOOKS"]

RUNBOOKS: dict[str, type[BaseModel]] = {
    "api_calls": systems.ApiCallsConfig,
    "checkpoint_saving": systems.CheckpointSavingConfig,
    "chunk_cutting": systems.ChunkCuttingConfig,
    "cluster_runs": harness.ClusterRunsConfig,
    "film_encoding": systems.FilmEncodingConfig,
    "generation_speed": systems.GenerationSpeedConfig,
    "heavy_imports": harness.HeavyImportsConfig,
    "kernel_memory": harness.KernelMemoryConfig,
    "key_matching": systems.KeyMatchingConfig,
    "language_saving": systems.LanguageSavingConfig,
    "language_speed": systems.LanguageSpeedConfig,
    "large_report": harness.LargeReportConfig,
    "many_jobs": harness.ManyJobsConfig,
    "many_notebooks": harness.ManyNotebooksConfig,
    "many_reviewers": harness.ManyReviewersConfig,
    "model_loading": systems.ModelLoadingConfig,
    "model_types": systems.ModelTypesConfig,
    "notebook_saving": harness.NotebookSavingConfig,
    "speech_kills": systems.SpeechKillsConfig,
    "speech_rows": systems.SpeechRowsConfig,
    "planning": harness.PlanningConfig,
    "resume_matrix": systems.ResumeMatrixConfig,
    "run_kills": harness.RunKillsConfig,
    "start_up": harness.StartUpConfig,
    "tiny_suite": harness.TinySuiteConfig,
    "training_kills": systems.TrainingKillsConfig,
    "training_speed": systems.TrainingSpeedConfig,
    "trivial_notebook": harness.TrivialNotebookConfig,
    "warm_attach": harness.WarmAttachConfig,
}
