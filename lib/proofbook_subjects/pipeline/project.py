"""The reference pipeline as a project on disk: thin commands, settings, a feed, an image library.

Prepared once for each state of the sources; its feed is written anew each time, since trends age.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from proofbook_subjects.pipeline.guide import README
from proofbook_subjects.pipeline.paths import FOLDERS

__all__ = ["COMMANDS", "prepare_once", "prepare_project", "write_feed", "write_project"]

COMMANDS: Mapping[str, str] = {
    "assemble_video.py": "video",
    "clean_up.py": "cleaning",
    "fetch_trends.py": "trends",
    "generate_audio.py": "audio",
    "generate_character_image.py": "characters",
    "generate_script.py": "scripts",
    "init_databases.py": "initialising",
    "post_instagram.py": "posting",
    "produce.py": "produce",
    "produce_batch.py": "batch",
    "select_images.py": "images",
    "validate_env.py": "validating",
}
"""The files of ``scripts/``, and the module that does the work of each."""
_COMMAND = '''"""{about}"""

import sys
from pathlib import Path

from proofbook_subjects.pipeline.{module} import main

if __name__ == "__main__":
    sys.exit(main(Path(__file__).absolute().parents[1]))
'''
_SETTINGS = """\
# Settings of the pipeline. The environment's own values come first.
TREND_FEED=data/feeds/trends.xml
USE_MOCK_APIS=true
"""
_EXAMPLE = """\
# Copy to config/.env. Keys belong into the environment of the process, not into a file in git.
TREND_FEED=data/feeds/trends.xml
# false: every endpoint below is called and needs its key
USE_MOCK_APIS=true
# A chat endpoint that writes the scripts: one of the two
OPENAI_BASE_URL=
OPENAI_API_KEY=
ANTHROPIC_BASE_URL=
ANTHROPIC_API_KEY=
SCRIPT_MODEL=
# Without an endpoint: small_model or deterministic; empty: the small model where it is installed
SCRIPT_WRITER=
# A voice endpoint; without one eSpeak NG speaks
ELEVENLABS_BASE_URL=
ELEVENLABS_API_KEY=
# library, or generate: where the library has no image, a tiny diffusion model draws one
IMAGE_SOURCE=library
# Posting
INSTAGRAM_BASE_URL=
INSTAGRAM_ACCESS_TOKEN=
INSTAGRAM_USER_ID=
# Another folder for the databases
TEST_DB_PATH=
"""
_TOPICS = (
    "solar power", "city bicycles", "ocean heat", "electric buses", "wild bees", "school gardens",
    "night trains", "street music", "rain water", "chess clubs", "old forests", "paper maps",
)  # fmt: skip


def prepare_project(cache: Path) -> Path:
    """Return the project's folder below ``cache``, making it if it is not there."""
    return prepare_once(cache, f"shortform-{_sources_hash()}", write_project)


def prepare_once(cache: Path, name: str, write: Callable[[Path], Path]) -> Path:
    """Return a project's folder below ``cache``; ``write`` fills it if it is not there."""
    from filelock import FileLock

    root = cache / "pipeline"
    place = root / name
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f".{place.name}.lock"):
        if not place.is_dir():
            _make(root, place, write)
        write_feed(place / "data" / "feeds" / "trends.xml")
    return place


def write_project(folder: Path) -> Path:
    """Fill ``folder`` with the project, and return it."""
    from proofbook_subjects.pipeline.drawing import draw_library

    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, module in COMMANDS.items():
        about = f"Of the pipeline: {name.removesuffix('.py').replace('_', ' ')}."
        text = _COMMAND.format(about=about, module=module)
        (folder / "scripts" / name).write_text(text, encoding="utf-8")
    (folder / "config" / ".env").write_text(_SETTINGS, encoding="utf-8")
    (folder / "config" / ".env.example").write_text(_EXAMPLE, encoding="utf-8")
    (folder / "README.md").write_text(README, encoding="utf-8")
    draw_library(folder / "data" / "images")
    write_feed(folder / "data" / "feeds" / "trends.xml")
    return folder


def write_feed(path: Path) -> None:
    """Write an RSS feed of the last hours, and the same topics as JSON beside it."""
    from proofbook.files import atomic_write

    at = datetime.now(UTC).replace(microsecond=0)
    items, entries = [], []
    for place, topic in enumerate(_TOPICS):
        seen = at - timedelta(hours=place)
        traffic = 20_000 - 1_500 * place
        items.append(
            f"<item><title>{topic}</title><pubDate>{format_datetime(seen)}</pubDate>"
            f"<approx_traffic>{traffic}+</approx_traffic></item>"
        )
        entries.append({"name": topic, "score": traffic, "timestamp": seen.isoformat()})
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel><title>Trends</title>'
    )
    atomic_write(path, "\n".join([head, *items, "</channel></rss>", ""]))
    atomic_write(path.with_suffix(".json"), json.dumps(entries, indent=1) + "\n")


def _make(root: Path, place: Path, write: Callable[[Path], Path]) -> None:
    partial = Path(tempfile.mkdtemp(dir=root, prefix=f".{place.name}."))
    try:
        write(partial)
        partial.chmod(0o755)
        os.replace(partial, place)  # noqa: PTH105 - a whole folder appears at once
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _sources_hash() -> str:
    """Return 16 hexadecimal digits that change with what writes the project."""
    digest = hashlib.sha256()
    for name in ("drawing.py", "guide.py", "paths.py", "project.py"):
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()[:16]
