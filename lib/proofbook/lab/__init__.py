"""JupyterLab on a runbook or an executed job, with warm kernels."""
