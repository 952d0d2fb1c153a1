"""Warm kernels: forked from a forkserver that has the heavy imports done, watched by a warden.

``session`` starts a kernel for the runner, ``provisioner`` for papermill and JupyterLab,
``ownership`` and ``shared_forkserver`` own the forkserver. This package imports nothing on its own.
"""

__all__: list[str] = []
