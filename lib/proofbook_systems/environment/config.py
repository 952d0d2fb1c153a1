"""The parameters of the environment runbooks.

Imports pydantic alone. Field names, types and defaults equal those of each runbook's parameters
cell. Defaults avoid ``>=``, since papermill does not list a default with an equals sign in it; a
profile may use it.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["RUNBOOKS", "ValidateConfig"]


class ValidateConfig(BaseModel):
    """Parameters of ``environment/validate``."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    project: str = "reference:project"
    """Folder that relative paths start from; ``reference:project`` makes a small example."""
    packages: list[str] = ["python>3.11", "torch>2.12", "transformers>5", "papermill", "numpy>2"]
    """Python and packages that must be there, as PEP 508 requirements."""
    optional_packages: list[str] = ["openvino", "ray", "bitsandbytes"]
    """Packages that are checked where they are installed."""
    programs: list[str] = []
    """System programs that must be on the PATH."""
    optional_programs: list[str] = ["git", "ffmpeg", "sqlite3"]
    """System programs that are checked where they are installed."""
    keys: list[str] = ["OPENAI_API_KEY", "ELEVENLABS_API_KEY"]
    """Names of keys that must be set; values are never shown."""
    env_file: str = "config/.env"
    """File in which keys may be set as well as in the environment."""
    folders: list[str] = ["data", "outputs"]
    """Folders that must be writable and have ``disk_gb`` free."""
    databases: dict[str, list[str]] = {
        "data/trends.db": ["trends|trending_topics"],
        "data/metrics.db": ["generation_metrics|video_metrics"],
    }
    """SQLite files with the tables they must hold; ``a|b`` asks for either."""
    hardware: dict[str, float] = {"cores": 1, "memory_gb": 2, "disk_gb": 1}
    """Least amounts: cores, memory_gb, disk_gb, gpu, gpu_memory_gb, gpu_driver."""


RUNBOOKS: dict[str, type[BaseModel]] = {"validate": ValidateConfig}
