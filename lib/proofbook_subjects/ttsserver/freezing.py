"""Freeze the server into one file with PyInstaller: the reference project's build step."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main", "pyinstaller_command"]

_EXCLUDED = [
    "IPython", "PIL", "accelerate", "diffusers", "httpx", "matplotlib", "numpy", "pandas",
    "pkg_resources", "psutil", "pytest", "rich", "scipy", "setuptools", "soundfile", "tkinter",
    "torch", "transformers", "typer", "watchfiles", "websockets", "yaml",
]  # fmt: skip
_ESPEAK_DATA = [
    "en_dict", "de_dict", "es_dict", "fr_dict", "it_dict", "pt_dict", "intonations", "phondata",
    "phonindex", "phontab", "lang/gmw", "lang/roa", "voices",
]  # fmt: skip
_TAIL = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Write ``DIST/<name>`` and return the exit code; why it failed is one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dist", type=Path, required=True)
    parser.add_argument("--name", default="voicebox-server")
    options = parser.parse_args(argv)
    options.dist.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.dist, prefix=".build-") as work:
        command = pyinstaller_command(Path(work), options.name)
        done = subprocess.run(
            command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        built = [path for path in (Path(work) / "dist").glob(f"{options.name}*") if path.is_file()]
        if done.returncode != 0 or not built:
            last = " / ".join(done.stdout.strip().splitlines()[-_TAIL:])
            print(f"PyInstaller failed with code {done.returncode}: {last}", file=sys.stderr)  # noqa: T201
            return 1
        os.replace(built[0], options.dist / built[0].name)  # noqa: PTH105 - it must replace
    return 0


def pyinstaller_command(work: Path, name: str) -> list[str]:
    """Return the command that freezes the server below ``work``."""
    command = [
        sys.executable, "-m", "PyInstaller", "--onefile", "--clean", "--noconfirm",
        "--log-level", "WARN", "--name", name, "--distpath", str(work / "dist"),
        "--workpath", str(work / "work"), "--specpath", str(work),
    ]  # fmt: skip
    for module in _EXCLUDED:
        command += ["--exclude-module", module]
    for hidden in ("uvicorn.lifespan.on", "uvicorn.protocols.http.h11_impl", "python_multipart"):
        command += ["--hidden-import", hidden]
    return [*command, *_espeak_options(), str(Path(__file__).with_name("server.py"))]


def _espeak_options() -> list[str]:
    try:
        import espeakng_loader
    except ImportError:
        return []
    library = Path(espeakng_loader.get_library_path())
    data = Path(espeakng_loader.get_data_path())
    options = ["--add-binary", f"{library}{os.pathsep}espeakng_loader"]
    for name in _ESPEAK_DATA:
        source = data / name
        inside = Path("espeakng_loader", data.name, name)
        place = inside if source.is_dir() else inside.parent
        options += ["--add-data", f"{source}{os.pathsep}{place}"]
    return options


if __name__ == "__main__":
    sys.exit(main())
