"""Proofbook: executable Jupyter runbooks for people who ship generative models.

The notebook-side API is :mod:`proofbook.checks`; the command line is :mod:`proofbook.cli`. This
package imports nothing on its own, so that ``proofbook --help`` stays instant.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
