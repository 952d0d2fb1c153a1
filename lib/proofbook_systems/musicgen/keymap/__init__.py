"""Align the keys of audiocraft's checkpoints with the parameters of transformers' MusicGen.

Exact rules first, proposals for what is left, and no parameter filled silently. Knows tensors by
name, shape and type; reads no checkpoint and builds no model.
"""

from proofbook_systems.musicgen.keymap.mappings import read_mapping, write_applied, write_artefacts
from proofbook_systems.musicgen.keymap.plan import Options, Plan, Proposal, Recipe, plan_keys
from proofbook_systems.musicgen.keymap.rules import Part
from proofbook_systems.musicgen.keymap.slots import TensorSpec
from proofbook_systems.musicgen.keymap.tensors import Form, build_tensor, to_audiocraft

__all__ = [
    "Form",
    "Options",
    "Part",
    "Plan",
    "Proposal",
    "Recipe",
    "TensorSpec",
    "build_tensor",
    "plan_keys",
    "read_mapping",
    "to_audiocraft",
    "write_applied",
    "write_artefacts",
]
