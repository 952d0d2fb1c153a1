"""Small right projects, each laid out as a kind of public project is, and ways to spoil them.

A layout is its files and what is installed in its interpreter. Nothing here is made to please a
check: each has what its kind is known for (optional imports, unused extras, several locks).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

__all__ = ["LAYOUTS", "PLANTS", "Layout", "Plant"]


@dataclass(frozen=True)
class Layout:
    """A right project."""

    files: dict[str, str]
    installed: tuple[str, ...]
    python: str = "3.11.7"
    conda: dict[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    """Findings of which nothing can be said, and that is."""

    def but(self, files: dict[str, str | None] | None = None, **changes: object) -> Layout:
        """Return it with other files (None removes one) and other packages."""
        kept = {**self.files, **(files or {})}
        written = {name: text for name, text in kept.items() if text is not None}
        return replace(self, files=written, **changes)  # type: ignore[arg-type]

    def installing(self, *packages: str, without: str = "") -> Layout:
        """Return it with packages in the place of those of the same name, and without one."""
        names = {package.split()[0] for package in packages} | {without}
        kept = [each for each in self.installed if each.split()[0] not in names]
        return replace(self, installed=(*kept, *packages))


@dataclass(frozen=True)
class Plant:
    """One defect in a right project."""

    layout: Layout
    finding: str
    """Name of the finding that must tell of it, and no other."""
    words: tuple[str, ...]
    """What it must say."""


_RESEARCH = Layout(
    # No declaration at all; the README says what to install. Scripts beside each other, modules
    # run by exec, features behind flags.
    files={
        "README.md": "# GPT\n\n```\npip install torch numpy tqdm\n```\n\nDependencies: torch <3\n",
        "train.py": (
            "import os\nimport numpy as np\nimport torch\nfrom model import GPT\n"
            "wandb_log = False\nif wandb_log:\n    import wandb\n"
            "def profile():\n    import torch_profiler\n"
        ),
        "model.py": "import math\nimport torch.nn as nn\nclass GPT(nn.Module): ...\n",
        "data/shakespeare/prepare.py": "import tqdm\n",
        "config/small.py": "out_dir = 'out-small'\n",
    },
    installed=("torch 2.4.1+cpu", "numpy 1.26.4", "tqdm 4.66.5"),
)
_FINETUNING = Layout(
    # requirements.txt with pins, a commented option, a torch that only the README installs, -e .
    files={
        "README.md": "pip install torch==2.6.0 torchvision --index-url https://example.org/cu124\n",
        "requirements.txt": (
            "-r requirements/base.txt\n-c constraints.txt\n--extra-index-url https://example.org\n"
            "diffusers[torch]==0.32.1 \\\n    --hash=sha256:abc \\\n    --hash=sha256:def\n"
            "# timm==0.6.12\nbitsandbytes; sys_platform == 'win32'\n"
            "toml @ https://example.org/toml-0.10.2-py3-none-any.whl\n-e .\n"
        ),
        "requirements/base.txt": "opencv-python==4.10.0.84  # pictures\nsafetensors\n",
        "constraints.txt": "safetensors<0.5\nnever-installed==1\n",
        "setup.py": "from setuptools import setup, find_packages\n"
                    "setup(name='library', packages=find_packages())\n",
        "library/__init__.py": "",
        "library/train_util.py": "import cv2\nimport torch, toml\n"
                                 "try:\n    import xformers\nexcept Exception:\n    pass\n",
        "train_network.py": "import torchvision\nfrom library import train_util\n"
                            "from diffusers import DDPMScheduler\n",
        "finetune/blip.py": "import timm\n",
        "tests/test_util.py": "import pytest\n",
    },
    installed=(
        "torch 2.6.0", "torchvision 0.21.0", "opencv-python 4.10.0.84 cv2", "safetensors 0.4.5",
        "diffusers 0.32.1 diffusers <- torch>=1.4; extra == 'torch' & accelerate; extra == 'torch'"
        " & jax; extra == 'flax'", "accelerate 1.6.0", "toml 0.10.2", "timm 0.6.12",
        "library 0.0.0 library @here",
    ),
)  # fmt: skip
_LIBRARY = Layout(
    # PEP 621 with extras, groups and uv.lock; src layout; a feature in a module of its own.
    files={
        "pyproject.toml": """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "Flasky"
version = "3.2"
requires-python = ">=3.10"
dependencies = ["click>=8.1", "Jinja2>=3.1", "importlib-metadata; python_version < '3.10'"]
[project.optional-dependencies]
async = ["asgiref>=3.2"]
[dependency-groups]
tests = ["pytest", {include-group = "typing"}]
typing = ["mypy"]
""",
        "uv.lock": """
version = 1
[[package]]
name = "flasky"
version = "3.2"
source = { editable = "." }
[[package]]
name = "click"
version = "8.1.7"
[[package]]
name = "jinja2"
version = "3.1.4"
[[package]]
name = "markupsafe"
version = "2.1.5"
[[package]]
name = "colorama"
version = "0.4.6"
[[package]]
name = "asgiref"
version = "3.8.1"
""",
        ".python-version": "3.13\n",
        "src/flasky/__init__.py": "from .app import App\n",
        "src/flasky/app.py": (
            "from __future__ import annotations\nimport typing as t\nimport click, markupsafe\n"
            "if t.TYPE_CHECKING:\n    from _typeshed.wsgi import StartResponse\n"
            "def run_async():\n    from . import aio\n"
        ),
        "src/flasky/aio.py": "import asgiref.sync\n",
        "docs/conf.py": "import sphinx_theme\n",
        "examples/js/pyproject.toml": "[project]\nname='js'\nversion='1'\n",
        "examples/js/app.py": "import nothing\n",
    },
    installed=(
        "Flasky 3.2 flasky <- click>=8.1 & Jinja2>=3.1", "click 8.1.7",
        "Jinja2 3.1.4 jinja2 <- MarkupSafe>=2.0", "MarkupSafe 2.1.5 markupsafe", "pip 24.0",
    ),
)  # fmt: skip
_BUILDING = Layout(
    # A hatch project whose scripts are run by the build and in environments of their own.
    files={
        "pyproject.toml": """
[build-system]
requires = ["pdm-backend"]
build-backend = "pdm.backend"
[project]
name = "changes"
version = "1.0"
dependencies = ["jinja2"]
[tool.hatch.envs.docs]
dependencies = ["mkdocs>=1.5"]
[tool.hatch.envs.test]
extra-dependencies = ["invoke", "plugin @ {root:uri}/plugin"]
""",
        "duties.py": "import scripts.get_version\n",  # beside it: what it leaves out is used
        "src/changes/__init__.py": "import jinja2\n",
        "scripts/get_version.py": "from pdm.backend.hooks.version import get_version_from_scm\n",
        "scripts/make_docs.py": "import mkdocs\nimport invoke\n",
    },
    installed=("changes 1.0 changes @here <- jinja2", "jinja2 3.1.4"),
)
_POETRY = Layout(
    files={
        "pyproject.toml": """
[tool.poetry]
name = "ritch"
version = "14.0"
[tool.poetry.dependencies]
python = "^3.8"
pygments = "^2.13.0"
typing-extensions = { version = ">=4.0.0, <5.0", python = "<3.11" }
numpy = [
    { version = "<=1.24", python = "<3.9" },
    { version = "^1.26 || ^2.0", python = ">=3.9" },
]
ipywidgets = { version = ">=7.5.1,<9", optional = true }
[tool.poetry.extras]
jupyter = ["ipywidgets"]
[tool.poetry.group.dev.dependencies]
black = "~22.6"
[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"
""",
        "poetry.lock": """
[[package]]
name = "pygments"
version = "2.18.0"
[[package]]
name = "numpy"
version = "1.24.0"
[[package]]
name = "numpy"
version = "2.0.1"
[[package]]
name = "typing-extensions"
version = "4.12.0"
[[package]]
name = "ipywidgets"
version = "8.1.3"
""",
        "ritch/__init__.py": "import pygments\nimport numpy\n"
                             "from . import jupyter_hint\n",
        "ritch/jupyter_hint.py": "def show():\n    from IPython.display import display\n",
        "tools/widths.py": "import wcwidth\n",
    },
    installed=("pygments 2.18.0", "numpy 2.0.1", "pip 24.0"),
)  # fmt: skip
_CONDA = Layout(
    files={
        "environment.yaml": """
name: ldm
channels: [pytorch, defaults]
dependencies:
  - python=3.8.5
  - cudatoolkit=11.0
  - pytorch::pytorch=1.7.0=py3.8_cuda11.0
  - numpy=1.19
  - ffmpeg>=4
  - pip:
    - albumentations==0.4.3
    - -e git+https://example.org/taming-transformers.git@master#egg=taming-transformers
    - -e .
""",
        "setup.py": "from setuptools import setup\nsetup(name='latent', install_requires=["
                    "'torch',\n 'numpy'])\n",
        "main.py": "import torch, numpy, albumentations\nfrom taming.modules import vq\n"
                   "from ldm.util import f\nimport distutils.version\n",
        "ldm/util.py": "import torch\n",
    },
    python="3.8.5",
    conda={"python": "3.8.5", "cudatoolkit": "11.0.221", "pytorch": "1.7.0", "numpy": "1.19.2",
           "ffmpeg": "4.3"},
    installed=("torch 1.7.0", "numpy 1.19.2", "albumentations 0.4.3",
               "taming-transformers 0.0.1 taming", "latent 0.0.1 ldm @here"),
)  # fmt: skip
_DJANGO = Layout(
    files={
        "requirements.txt": "Django[argon2]==5.1\npsycopg==3.2.1\nPyJWT[crypto]==2.9.0\n",
        "requirements-dev.txt": "-r requirements.txt\ndjango-stubs\n",
        "manage.py": "import os, sys\ndef main():\n    from django.core.management import execute\n"
                     "if __name__ == '__main__':\n    main()\n",
        "hc/settings.py": "import os\nfrom django.http import HttpRequest\nimport jwt\n",
        "hc/api/models.py": "from django.db import models\nfrom hc.lib.dates import now\n",
        "hc/lib/dates.py": "import psycopg\n",
        "hc/api/tests/test_models.py": "import time_machine\n",
        "hc/local_settings.py.example": "import anything\n",
    },
    python="3.12.1",
    installed=(
        "Django 5.1 django <- argon2-cffi; extra == 'argon2' & sqlparse", "sqlparse 0.5",
        "argon2-cffi 23.1 argon2", "psycopg 3.2.1",
        "PyJWT 2.9.0 jwt <- cryptography; extra=='crypto'",
        "cryptography 43.0",
    ),
)  # fmt: skip
_SERVICE = Layout(
    # A workspace of uv: the lock and the environment at the top, the service in a member.
    files={
        "pyproject.toml": "[tool.uv.workspace]\nmembers = ['backend']\n"
                          "[dependency-groups]\ndev = ['prek']\n",
        "uv.lock": "[[package]]\nname='fastapi'\nversion='0.115.0'\n"
                   "[[package]]\nname='pydantic-settings'\nversion='2.5.2'\n",
        "backend/pyproject.toml": "[project]\nname='app'\nversion='0'\nrequires-python='>=3.11'\n"
                                  "dependencies=['fastapi[standard]<1.0.0,>=0.114.2', "
                                  "'pydantic-settings<3.0.0,>=2.2.1']\n"
                                  "[build-system]\nrequires=['hatchling']\nbuild-backend='hatchling'\n",
        "backend/app/__init__.py": "",
        "backend/app/main.py": "import fastapi\nfrom app.core import config\nimport starlette\n",
        "backend/app/core.py": "import pydantic_settings as config\n",
        "backend/tests/test_main.py": "import pytest\n",
        "frontend/node_modules/x/gyp.py": "import gyp\n",
    },
    installed=(
        "fastapi 0.115.0 fastapi <- starlette & uvicorn; extra == 'standard'", "starlette 0.38",
        "uvicorn 0.30", "pydantic-settings 2.5.2",
    ),
)  # fmt: skip
_SETUP_CFG = Layout(
    files={
        "setup.cfg": "[metadata]\nname = pre_commit\n[options]\npackages = find:\n"
                     "python_requires = >=3.9\ninstall_requires =\n    cfgv>=2.0.0\n"
                     "    importlib-metadata;python_version<\"3.8\"\n    pyyaml>=5.1\n"
                     "[options.extras_require]\nfast = orjson>=3\n",
        "setup.py": "from setuptools import setup\nsetup()\n",
        "requirements-dev.txt": "covdefaults>=2.2\ncoverage\n",
        "pre_commit/__init__.py": "",
        "pre_commit/main.py": "import cfgv\nimport yaml\nfrom pre_commit import hooks\n",
        "pre_commit/hooks.py": "import functools\n",
        "testing/fixtures.py": "import anything\n",
    },
    installed=("cfgv 3.4.0", "PyYAML 6.0.2 yaml"),
)  # fmt: skip
_COMPUTED = Layout(
    # setup.py computes what it needs; the project is installed, and its metadata says it.
    files={
        "setup.py": "from setuptools import setup, find_packages\n_deps = ['numpy', 'torch>=2']\n"
                    "deps = {d.split('>')[0]: d for d in _deps}\n"
                    "install_requires = [deps['numpy']]\n"
                    "setup(name='diffusors', python_requires='>=3.10', package_dir={'': 'src'},\n"
                    "      packages=find_packages('src'), install_requires=list(install_requires)"
                    ")\n",
        "src/diffusors/__init__.py": "from typing import TYPE_CHECKING\nimport numpy\n"
                                     "if TYPE_CHECKING:\n    from .pipelines.onnx import Pipe\n",
        "src/diffusors/pipelines/__init__.py": "",
        "src/diffusors/pipelines/onnx.py": "import onnxruntime\n",
        "utils/release.py": "import git\n",
    },
    installed=("diffusors 0.1 diffusors <- numpy & torch>=2; extra == 'torch'", "numpy 2.1.0"),
)  # fmt: skip
_VARIANTS = Layout(
    # Extras that exclude each other, overrides against what a package asks for, a wheel by address.
    files={
        "pyproject.toml": """
[project]
name = "speech"
version = "1"
dependencies = [
  "numpy>=1.26",
  "misaki[en]==0.9.4",
  "en-core-web-sm @ https://example.org/en_core_web_sm-3.8.0-py3-none-any.whl",
]
[project.optional-dependencies]
cpu = ["torch==2.8.0"]
gpu = ["torch==2.8.0+cu126 ; platform_machine == 'x86_64'"]
[tool.uv]
conflicts = [[{ extra = "cpu" }, { extra = "gpu" }]]
override-dependencies = ["triton>=3.5 ; platform_machine == 'aarch64'"]
[build-system]
requires = ["setuptools"]
[tool.setuptools]
package-dir = { "" = "api/src" }
""",
        "api/src/main.py": "import numpy, misaki\nimport torch\nfrom core import paths\n",
        "api/src/core/paths.py": "import spacy\n",
        "api/tests/test_main.py": "import pytest\n",
    },
    installed=(
        "numpy 2.0.0", "misaki 0.9.4 misaki <- spacy; extra == 'en' & triton>=3; extra == 'en'",
        "spacy 3.8.0", "en-core-web-sm 3.8.0", "torch 2.8.0+cpu",
    ),
    groups=("cpu",),
)  # fmt: skip
_PIPENV = Layout(
    files={
        "Pipfile": "[packages]\nrequests = '*'\ndjango = {version = '>=4', extras = ['bcrypt']}\n"
                   "pywin32 = {version='*', markers=\"sys_platform == 'win32'\"}\n"
                   "[dev-packages]\npytest = '*'\n[requires]\npython_version = '3.11'\n",
        "Pipfile.lock": '{"default": {"requests": {"version": "==2.32.3"}, "django": '
                        '{"version": "==5.0"}, "pywin32": {"version": "==306"}}, "develop": {}}',
        "app.py": "import requests, django\n",
    },
    installed=("requests 2.32.3", "Django 5.0 django"),
)  # fmt: skip
_ALTERNATIVES = Layout(
    # The top-level file is the host's; those who develop install another one.
    files={
        "requirements.txt": "-r requirements/production.txt\n",
        "requirements/production.txt": "-r base.txt\nelasticsearch==5.5.3\nuwsgi>=2.0\n",
        "requirements/development.txt": "-r base.txt\ndjango-debug-toolbar\n",
        "requirements/base.txt": "Django>=5\nwagtail>=6\ndj-database-url\n",
        "bakery/settings.py": "import django, dj_database_url\ntry:\n    from .local import *\n"
                              "except ImportError:\n    pass\n",
    },
    installed=("Django 5.1 django", "wagtail 6.2", "dj-database-url 2.2",
               "django-debug-toolbar 4.4"),
    told=("declared-requirements.txt",),
)  # fmt: skip
_DEVELOPERS_LIST = Layout(
    # requirements.txt is what those who develop install; the table says what is needed.
    files={
        "pyproject.toml": "[project]\nname='httpy'\ndependencies=['certifi', 'idna']\n"
                          "[build-system]\nrequires=['hatchling']\n",
        "requirements.txt": "-e .[http2]\nmkdocs==1.6.1\npytest==8.3\n",
        "httpy/__init__.py": "import certifi\nfrom ._api import get\n",
        "httpy/_api.py": "import idna\n\ndef http2():\n    import h2\n",
    },
    installed=("httpy 1 httpy @here <- certifi & idna", "certifi 2024.8", "idna 3.10"),
)  # fmt: skip
_FOREIGN_LOCK = Layout(
    # Installed by pip from ranges; the lock is for those who develop it.
    files={
        "pyproject.toml": "[project]\nname='pdmish'\nversion='1'\n"
                          "dependencies=['rich>=13', 'httpx', 'dep-logic', 'platformdirs']\n"
                          "[build-system]\nrequires=['pdm-backend']\n",
        "pdm.lock": (
            "[[package]]\nname='rich'\nversion='13.1'\n[[package]]\nname='httpx'\n"
            "version='0.27.0'\n[[package]]\nname='dep-logic'\nversion='0.4'\n"
            "[[package]]\nname='platformdirs'\nversion='4.2'\n"
        ),
        "src/pdmish/__init__.py": "import rich, httpx\n",
    },
    installed=("pdmish 1 pdmish @here", "rich 14.0", "httpx 0.28.1", "dep-logic 0.5",
               "platformdirs 4.2"),
    told=("lock-pdm.lock",),
)  # fmt: skip
_FEATURES = Layout(
    # A platform: features in packages of their own with their own requirements, some for a GPU,
    # and images that install them.
    files={
        "pyproject.toml": "[project]\nname='titan'\nversion='1'\ndependencies=['torch>=2']\n"
                          "[build-system]\nrequires=['setuptools']\n",
        ".ci/docker/requirements-flux.txt": "transformers\neinops\n",
        "titan/__init__.py": "",
        "titan/train.py": "import torch\nfrom titan.models import find\n",
        "titan/models/__init__.py": "import importlib\n",
        "titan/models/flux/__init__.py": "",
        "titan/models/flux/embedder.py": "import transformers\n",
        "titan/models/vision/__init__.py": "",
        "titan/models/vision/requirements.txt": "torchvision\n",
        "titan/models/vision/model.py": "import torchvision\nfrom titan.data import images\n",
        "titan/data/__init__.py": "",
        "titan/data/images.py": "import imageio\n",
        "titan/kernels.py": "import triton\n",
        "titan/experiments/__init__.py": "",
        "titan/experiments/rl/main.py": "import vllm\n",
    },
    installed=("torch 2.8.0+cpu", "titan 1 titan @here <- torch>=2"),
)  # fmt: skip
_PARTS = Layout(
    # Nothing at the top: a frontend, and a backend with its environment and declarations.
    files={
        "README.md": "# App\n", "package.json": "{}",
        "pyproject.toml": "[tool.ruff]\nline-length = 100\n",
        "backend/requirements.txt": "fastapi>=0.100\nsqlalchemy\n",
        "backend/main.py": "import fastapi\nfrom backend.db import models\nfrom utils.x import y\n",
        "backend/db/models.py": "import sqlalchemy\n",
        "backend/utils/x.py": "",
        "backend/tests/test_main.py": "import pytest\n",
        "frontend/scripts/gen.js": "",
    },
    installed=("fastapi 0.115", "SQLAlchemy 2.0 sqlalchemy"),
)  # fmt: skip
_EXTRAS_BY_FILE = Layout(
    # setup.py reads one file for each extra; back ends are loaded by name and bring their own.
    files={
        "setup.py": "from setuptools import setup\ndef reqs(*f): ...\n"
                    "setup(name='cellery', install_requires=reqs('default.txt'), "
                    "python_requires='>=3.8')\n",
        "requirements/default.txt": "kombu>=5\n",
        "requirements/extras/redis.txt": "kombu[redis]\n",
        "requirements/extras/eventlet.txt": "eventlet>=0.32\n",
        "cellery/__init__.py": "import kombu\n",
        "cellery/backends/__init__.py": "",
        "cellery/backends/redis.py": "import redis\n",
        "cellery/eventlet.py": "import greenlet\n\ndef patch():\n    from eventlet import hubs\n",
    },
    installed=("cellery 5 cellery @here <- kombu>=5",
               "kombu 5.3 kombu <- amqp & redis; extra == 'redis'", "amqp 5"),
)  # fmt: skip
_CONDA_OR_PIP = Layout(
    # For users of conda an environment.yml with pins, for others a list; this one uses pip.
    files={
        "environment.yml": "name: diff\nchannels: [pytorch]\ndependencies:\n  - python=3.8\n"
                           "  - pytorch=1.12\n  - numpy=1.23\n  - cudatoolkit=11.6\n",
        "requirements.txt": "torch\nnumpy\n",
        "sample.py": "import torch, numpy\n",
    },
    installed=("torch 2.4.1", "numpy 1.26.4"),
    told=("declared-environment.yml",),
)  # fmt: skip
_FROM_FILE = Layout(
    files={
        "pyproject.toml": "[project]\nname='filed'\ndynamic=['dependencies', 'version']\n"
                          "[tool.setuptools.dynamic]\ndependencies = {file = ['requirements.in']}\n"
                          "[build-system]\nrequires=['setuptools']\n",
        "requirements.in": "numpy\n# scipy>=1.10\n",
        "filed.py": "import numpy\n",
    },
    installed=("numpy 2.1",),
)  # fmt: skip
_STANDARD_ONLY = Layout(
    files={"run.py": "import json\nfrom helpers import f\n", "helpers.py": "import sys\n"},
    installed=(),
)

LAYOUTS = {
    "research": _RESEARCH, "finetuning": _FINETUNING, "library": _LIBRARY, "poetry": _POETRY,
    "conda": _CONDA, "django": _DJANGO, "service": _SERVICE, "setup-cfg": _SETUP_CFG,
    "computed": _COMPUTED, "variants": _VARIANTS, "pipenv": _PIPENV,
    "standard-only": _STANDARD_ONLY, "alternatives": _ALTERNATIVES,
    "developers' list": _DEVELOPERS_LIST, "foreign lock": _FOREIGN_LOCK, "features": _FEATURES,
    "parts": _PARTS, "from a file": _FROM_FILE, "conda or pip": _CONDA_OR_PIP,
    "extras by file": _EXTRAS_BY_FILE, "building": _BUILDING,
}  # fmt: skip

PLANTS = {
    "an import that is not installed": Plant(
        _RESEARCH.but({"model.py": "import einops\n"}),
        "imports", ("model.py:1", "einops", "not installed"),
    ),
    "an import that neither build nor tool declares": Plant(
        _BUILDING.but({"scripts/pages.py": "import jinja2\nimport sphinx\n"}),
        "imports", ("scripts/pages.py:2", "sphinx"),
    ),
    "an import that is here by chance": Plant(
        _RESEARCH.but({"model.py": "import yaml\n"}).installing("PyYAML 6.0 yaml"),
        "imports", ("model.py:1", "yaml", "nothing declares", "pyyaml"),
    ),
    "an import in the main function": Plant(
        _DJANGO.but({"manage.py": "def main():\n    import fire\nmain()\n"}),
        "imports", ("manage.py:2", "fire"),
    ),
    "an import under the main guard": Plant(
        _RESEARCH.but({"data/prepare.py": "if __name__ == '__main__':\n    import fire\n"}),
        "imports", ("data/prepare.py:2", "fire"),
    ),
    "an import in a module that another imports": Plant(
        _LIBRARY.but({"src/flasky/app.py": "from . import views\n",
                      "src/flasky/views.py": "import werkzeug\n"}),
        "imports", ("src/flasky/views.py:1", "werkzeug"),
    ),
    "an import in a member of a workspace": Plant(
        _SERVICE.but({"backend/app/core.py": "import sentry_sdk\n"}),
        "imports", ("backend/app/core.py:1", "sentry_sdk"),
    ),
    "a module that is gone from the standard library": Plant(
        _STANDARD_ONLY.but({"helpers.py": "import asynchat\n"}, python="3.12.0"),
        "imports", ("helpers.py:1", "asynchat"),
    ),
    "a package that is missing": Plant(
        _DJANGO.installing(without="psycopg"),
        "declared-requirements.txt", ("requirements.txt:2", "psycopg==3.2.1", "not installed"),
    ),
    "another version than the pin": Plant(
        _DJANGO.installing("psycopg 3.1.0"),
        "declared-requirements.txt", ("psycopg==3.2.1", "3.1.0 is installed"),
    ),
    "a package of an included file": Plant(
        _FINETUNING.installing("opencv-python 4.9.0 cv2"),
        "declared-requirements.txt", ("requirements/base.txt:1", "4.9.0 is installed"),
    ),
    "a constraint": Plant(
        _FINETUNING.installing("safetensors 0.5.2"),
        "declared-requirements.txt", ("constraints.txt:1", "safetensors<0.5", "0.5.2"),
    ),
    "an included file that is not there": Plant(
        _FINETUNING.but({"requirements/base.txt": None}),
        "declared-requirements.txt", ("requirements.txt:1", "requirements/base.txt", "not there"),
    ),
    "a line that is no requirement": Plant(
        _DJANGO.but({"requirements.txt": "Django==5.1\npsycopg=3.2\nPyJWT\n"}),
        "declared-requirements.txt", ("requirements.txt:2", "psycopg=3.2"),
    ),
    "the project itself is not installed": Plant(
        _FINETUNING.installing(without="library"),
        "declared-requirements.txt", ("requirements.txt:10: . is not installed",),
    ),
    "a package from an address": Plant(
        _VARIANTS.installing(without="en-core-web-sm"),
        "declared-pyproject.toml", ("en-core-web-sm", "not installed"),
    ),
    "an extra that was asked for": Plant(
        _VARIANTS.installing("torch 2.7.1"),
        "declared-pyproject.toml[cpu]", ("torch==2.8.0", "2.7.1"),
    ),
    "an extra that nobody declares": Plant(
        _VARIANTS.but(groups=("cuda",)), "groups", ("cuda", "cpu, gpu"),
    ),
    "a group that includes one that is not there": Plant(
        _SERVICE.but({"pyproject.toml": "[tool.uv.workspace]\nmembers = ['backend']\n"
                                        "[dependency-groups]\ndev = [{include-group = 'lint'}]\n"},
                     groups=("dev",)),
        "declared-pyproject.toml[dev]", ("'dev' includes 'lint'",),
    ),
    "a Python that is too old": Plant(
        _SETUP_CFG.but(python="3.8.1"), "declared-setup.cfg", ("python>=3.9", "3.8.1"),
    ),
    "another Python than the pinned": Plant(
        _RESEARCH.but({".python-version": "3.12\n"}),
        "declared-.python-version", ("3.12", "3.11.7"),
    ),
    "poetry's caret": Plant(
        _POETRY.installing("pygments 3.0.0").but({"poetry.lock": None}),
        "declared-pyproject.toml", ("pygments ^2.13.0", "3.0.0"),
    ),
    "poetry's version for this Python": Plant(
        _POETRY.installing("numpy 1.24.0").but({"poetry.lock": None}),
        "declared-pyproject.toml", ("numpy", "1.24.0 is installed"),
    ),
    "another version than the locked": Plant(
        _LIBRARY.installing("click 8.2.0"),
        "lock-uv.lock", ("click is locked to 8.1.7", "8.2.0"),
    ),
    "another version than poetry locked": Plant(
        _POETRY.installing("pygments 2.19.0"),
        "lock-poetry.lock", ("pygments is locked to 2.18.0", "2.19.0"),
    ),
    "another version than pipenv locked": Plant(
        _PIPENV.installing("requests 2.31.0"), "lock-Pipfile.lock", ("requests", "2.32.3"),
    ),
    "a lock that is older than the declaration": Plant(
        _SERVICE.but({"uv.lock": "[[package]]\nname='fastapi'\nversion='0.115.0'\n"}),
        "lock-uv.lock", ("pydantic-settings", "not in uv.lock", "lock again"),
    ),
    "a lock that contradicts the declaration": Plant(
        _LIBRARY.but({"pyproject.toml": _LIBRARY.files["pyproject.toml"].replace(
            "click>=8.1", "click>=8.1,!=8.1.7")}).installing("click 8.1.8"),
        "lock-uv.lock", ("click", "uv.lock has 8.1.7"),
    ),
    "a lock that is cut off": Plant(
        _LIBRARY.but({"uv.lock": "[[package]]\nname = 'cli"}), "lock-uv.lock", ("cannot be read",),
    ),
    "what a package needs itself": Plant(
        _DJANGO.installing(without="sqlparse"),
        "conflicts", ("Django 5.1 needs sqlparse", "not installed"),
    ),
    "what an extra of a package needs": Plant(
        _DJANGO.installing(without="argon2-cffi"), "conflicts", ("needs argon2-cffi",),
    ),
    "a conflict two packages away": Plant(
        _SERVICE.installing("starlette 0.38 starlette <- anyio<4", "anyio 4.4"),
        "conflicts", ("starlette 0.38 needs anyio<4", "4.4 is installed"),
    ),
    "a conda package of another version": Plant(
        _CONDA.but(conda={**_CONDA.conda, "numpy": "1.20.0"}),
        "declared-environment.yaml", ("numpy=1.19", "1.20.0"),
    ),
    "a conda program that is missing": Plant(
        _CONDA.but(conda={k: v for k, v in _CONDA.conda.items() if k != "ffmpeg"}),
        "declared-environment.yaml", ("ffmpeg>=4", "not installed"),
    ),
    "a pip package of a conda environment": Plant(
        _CONDA.installing("albumentations 1.0.0"),
        "declared-environment.yaml", ("albumentations==0.4.3", "1.0.0"),
    ),
    "a setup.cfg package": Plant(
        _SETUP_CFG.installing(without="cfgv"), "declared-setup.cfg", ("cfgv>=2.0.0",),
    ),
    "what a computed setup.py needs": Plant(
        _COMPUTED.installing(without="numpy"),
        "declared-setup.py", ("metadata of diffusors", "numpy"),
    ),
    "a pyproject.toml that is no TOML": Plant(
        _LIBRARY.but({"pyproject.toml": "[project\nname='x'\n", "uv.lock": None,
                      ".python-version": None}),
        "declared-pyproject.toml", ("pyproject.toml cannot be read",),
    ),
    "a package that every alternative needs": Plant(
        _ALTERNATIVES.installing(without="wagtail"),
        "declared-requirements.txt", ("requirements/base.txt:2", "wagtail>=6"),
    ),
    "a version that no alternative accepts": Plant(
        _ALTERNATIVES.installing("Django 4.2 django"),
        "declared-requirements.txt", ("Django>=5", "4.2 is installed"),
    ),
    "one version in a lock that is followed": Plant(
        _FOREIGN_LOCK.installing("rich 14.0", "httpx 0.27.0", "dep-logic 0.4"),
        "lock-pdm.lock", ("rich is locked to 13.1", "14.0"),
    ),
    "an import beside features": Plant(
        _FEATURES.but({"titan/train.py": "import torch\nimport fire\n"}),
        "imports", ("titan/train.py:2", "fire"),
    ),
    "a package of a part": Plant(
        _PARTS.installing(without="SQLAlchemy"),
        "declared-backend/requirements.txt", ("backend/requirements.txt:2", "sqlalchemy"),
    ),
    "an import in a part": Plant(
        _PARTS.but({"backend/db/models.py": "import alembic\n"}),
        "imports", ("backend/db/models.py:1", "alembic"),
    ),
    "a package of a dynamic file": Plant(
        _FROM_FILE.installing("numpy 2.1").but({"requirements.in": "numpy<2\n"}),
        "declared-pyproject.toml", ("numpy<2", "2.1 is installed"),
    ),
    "a package of those who do without conda": Plant(
        _CONDA_OR_PIP.installing(without="numpy"),
        "declared-requirements.txt", ("requirements.txt:2", "numpy is not installed"),
    ),
    "another version than conda's list": Plant(
        _CONDA_OR_PIP.but({"requirements.txt": None}, python="3.8.1").installing("numpy 1.26.4"),
        "declared-environment.yml", ("pytorch=1.12", "2.4.1"),
    ),
}  # fmt: skip
