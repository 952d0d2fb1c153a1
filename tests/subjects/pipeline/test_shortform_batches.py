"""Batches of the small pipeline: the death of any process loses and doubles nothing."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest
from small_pipeline import SmallPipeline
from waiting import HANG

VIDEOS = 6


@pytest.mark.exhaustive
def test_a_batch_is_done_once(pipeline: SmallPipeline):
    arguments = ("--videos", "2", "--workers", "2", "--lines", "2")
    assert pipeline.run("produce_batch", *arguments).code == 0
    film = pipeline.root / "data" / "final_videos" / "batch_001.mp4"
    before = film.stat().st_mtime_ns
    film.with_name("batch_002.mp4").unlink()
    again = pipeline.run("produce_batch", *arguments)
    assert (again.code, again.out.startswith("1 of 2 were done before")) == (0, True)
    assert film.stat().st_mtime_ns == before
    assert film.with_name("batch_002.mp4").is_file()


def test_a_batch_tells_what_failed_and_tries_those_alone(pipeline: SmallPipeline):
    arguments = ("--videos", "2", "--workers", "1", "--lines", "2")
    failed = pipeline.run("produce_batch", *arguments, TREND_FEED="data/feeds/gone.xml")
    assert failed.code == 1
    assert "2 of 2 failed, the first is batch_001: feed: there is no file" in failed.err
    assert pipeline.run("produce_batch", *arguments).code == 0


@pytest.mark.exhaustive
@pytest.mark.slow
def test_workers_and_parents_that_are_killed_lose_nothing(pipeline: SmallPipeline):
    rng = random.Random(5)
    command = [sys.executable, str(pipeline.root / "scripts" / "produce_batch.py")]
    command += ["--videos", str(VIDEOS), "--workers", "3", "--lines", "2"]
    checkpoint = pipeline.root / "data" / "batches" / "batch.jsonl"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        while not checkpoint.exists():
            time.sleep(0.3)
            workers = psutil.Process(parent.pid).children()
            if workers and rng.random() < 0.5:
                with contextlib.suppress(psutil.NoSuchProcess):
                    rng.choice(workers).kill()
        workers = psutil.Process(parent.pid).children()
        os.kill(parent.pid, signal.SIGKILL)
    _, left = psutil.wait_procs(workers, timeout=HANG)
    assert left == []
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=False)
    assert done.returncode == 0, done.stderr
    films = sorted(p.name for p in (pipeline.root / "data" / "final_videos").glob("*.mp4"))
    assert films == [f"batch_{n:03d}.mp4" for n in range(1, VIDEOS + 1)]
    counts = "SELECT COUNT(*), COUNT(DISTINCT episode) FROM generation_metrics GROUP BY stage"
    assert set(pipeline.rows("metrics.db", counts)) == {(VIDEOS, VIDEOS)}
    used = "SELECT SUM(usage_count) FROM image_library"
    assert pipeline.rows("image_library.db", used) == [(2 * VIDEOS,)]
    assert list((pipeline.root / "data").rglob("*.part")) == []
