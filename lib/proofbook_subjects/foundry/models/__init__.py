"""Networks: made from a configuration, counted, and asked for text."""

from __future__ import annotations

from proofbook_subjects.foundry.models.building import attention_for, create_model
from proofbook_subjects.foundry.models.counting import ParameterCount, count_parameters
from proofbook_subjects.foundry.models.generation import generate

__all__ = ["ParameterCount", "attention_for", "count_parameters", "create_model", "generate"]
