"""Warm kernels: forked from a template that has the heavy imports done, watched by a warden.

``session`` starts a kernel for the runner, ``provisioner`` for papermill and JupyterLab,
``ownership`` and ``warmth`` own the template. This package imports nothing on its own.
"""

__all__: list[str] = []
