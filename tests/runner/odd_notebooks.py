"""Notebooks that are right, and unlike the ones that a careful person writes.

Each is a function of its name, and returns the bytes of a file. All take ``level`` as a parameter,
which is 1 unless it is planned otherwise, and check that it is what was planned.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from typing import Any

import nbformat

PLANNED = 3

Cell = dict[str, Any]
Notebook = dict[str, Any]
Change = Callable[[Notebook], object]
Make = Callable[[str], bytes]
"""Returns the bytes of a notebook of this name."""

PARAMETERS = "level: int = 1"
BEGIN = "from proofbook.checks import Checks\nchecks = Checks({name!r})"
FINISH = f"checks.expect('planned', actual=level, expected={PLANNED})\nchecks.finish()"


def code(source: str | list[str], *tags: str, **fields: Any) -> Cell:
    """Return a code cell."""
    return {
        "cell_type": "code", "metadata": {"tags": list(tags)}, "source": source,
        "outputs": [], "execution_count": None, **fields,
    }  # fmt: skip


def text(source: str, kind: str = "markdown", **fields: Any) -> Cell:
    """Return a cell that is not executed."""
    return {"cell_type": kind, "metadata": {}, "source": source, **fields}


def runbook(name: str, *cells: str | Cell, last: str = FINISH) -> Notebook:
    """Return a notebook of format 4.5 with these cells in the middle."""
    middle = [code(each) if isinstance(each, str) else each for each in cells]
    before = [code(PARAMETERS, "parameters"), code(BEGIN.format(name=name))]
    every = [*before, *middle, code(last)]
    for number, cell in enumerate(every):
        cell.setdefault("id", f"c{number}")
    return {
        "cells": every,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def written(notebook: Notebook) -> bytes:
    """Return a notebook as Jupyter writes it."""
    return json.dumps(notebook, indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass")


def of_format(minor: int) -> Callable[[str], bytes]:
    """Return a notebook of an older format 4, which knows no ids."""

    def make(name: str) -> bytes:
        notebook = runbook(name, "1 + 1", text("# Old"))
        notebook["nbformat_minor"] = minor
        for cell in notebook["cells"]:
            del cell["id"]
        return written(notebook)

    return make


def of_format_3(name: str) -> bytes:
    """Return a notebook of format 3: worksheets, ``input`` and ``prompt_number``."""
    notebook = nbformat.from_dict(runbook(name, "print('old')"))
    return nbformat.writes(notebook, version=3).encode()


def changed(change: Change, *cells: str | Cell) -> Callable[[str], bytes]:
    """Return a notebook after ``change`` has been applied to it."""

    def make(name: str) -> bytes:
        notebook = runbook(name, *cells)
        change(notebook)
        return written(notebook)

    return make


def encoded(encoding: str, bom: bytes = b"") -> Callable[[str], bytes]:
    """Return a notebook in another of JSON's encodings."""
    return lambda name: bom + written(runbook(name, "'é'")).decode().encode(encoding)


def cells(*sources: str | Cell, last: str = FINISH) -> Callable[[str], bytes]:
    """Return a notebook with these cells between its first and its last."""
    return lambda name: written(runbook(name, *sources, last=last))


def each_cell(**fields: Any) -> Change:
    """Return what changes each cell."""
    return lambda notebook: [cell.update(fields) for cell in notebook["cells"]]


def without_ids(notebook: Notebook) -> None:
    """Take all ids away."""
    for cell in notebook["cells"]:
        del cell["id"]


def as_lines(notebook: Notebook) -> None:
    """Write each source as a list of lines."""
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)


def with_windows_lines(notebook: Notebook) -> None:
    """End each line of each source as Windows does."""
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r\n")


def executed(notebook: Notebook) -> None:
    """Leave the traces of an earlier execution, which failed."""
    output = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["E: v"]}
    for number, cell in enumerate(notebook["cells"]):
        cell["metadata"]["papermill"] = {"status": "failed", "exception": True, "duration": 1.0}
        if cell["cell_type"] == "code":
            cell.update(execution_count=number, outputs=[output])
    notebook["metadata"]["papermill"] = {"exception": True, "parameters": {"level": 7}}
    marker = text("<span>An Exception was encountered</span>", id="marker")
    marker["metadata"]["tags"] = ["papermill-error-cell-tag"]
    notebook["cells"].insert(0, marker)


def changed_at_end(*more: Cell) -> Callable[[str], bytes]:
    """Return a notebook whose last cell exits, with more cells after it."""

    def make(name: str) -> bytes:
        notebook = runbook(name, last=FINISH + "\nexit()")
        notebook["cells"] += more
        return written(notebook)

    return make


def injected(*places: int) -> Change:
    """Return what leaves cells of parameters that an earlier execution has injected."""

    def change(notebook: Notebook) -> None:
        for number, place in enumerate(places):
            stale = code(f"level = {100 + number}", "injected-parameters", id=f"stale{number}")
            notebook["cells"].insert(place, stale)

    return change


def with_metadata(**metadata: Any) -> Change:
    """Return what replaces the notebook's metadata."""
    return lambda notebook: notebook.update(metadata=metadata)


SHOW = "from IPython.display import display, clear_output, HTML, update_display\n"
FORK = """
import os
pid = os.fork()
if pid == 0:
    print('in the child', flush=True)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
"""
LATE_THREAD = """
import threading, time
def speak():
    for number in range(20):
        print('late', number)
        time.sleep(0.01)
thread = threading.Thread(target=speak)
thread.start()
"""
BAD_REPR = """
class Odd(Exception):
    def __repr__(self): raise ValueError('no repr')
    __str__ = __repr__
raise Odd()
"""
WIDGET = """
import ipywidgets
slider = ipywidgets.IntSlider(value=level)
display(slider)
out = ipywidgets.Output()
display(out)
with out:
    print('captured')
    display(HTML('<b>captured</b>'))
out.clear_output()
slider.value = 5
"""
MAGICS = """
%matplotlib inline
%load_ext autoreload
%autoreload 2
%time sum(range(10))
%timeit -n1 -r1 pass
"""
ODD_STREAMS = """
import os, sys
print('to the process', file=sys.__stdout__)
os.write(1, b'below Python\\n')
os.write(2, b'\\xff\\xfe not UTF-8\\n')
print('\\x1b[31mred\\x1b[0m \\x00 \\x07 \\ud800'.encode('utf-8', 'replace').decode())
"""
NO_INPUT = """
try:
    input('name? ')
except Exception as error:
    print(type(error).__name__)
"""
ALARM = """
import signal, time
rung = []
signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.01)
while not rung: time.sleep(0.005)
"""

ODD: dict[str, Callable[[str], bytes]] = {
    "format-3": of_format_3,
    **{f"format-4-{minor}": of_format(minor) for minor in range(5)},
    "format-4-5": cells("1 + 1"),
    "bom": encoded("utf-8", codecs.BOM_UTF8),
    "utf-16": encoded("utf-16-le", codecs.BOM_UTF16_LE),
    "no-ids": changed(without_ids, "1"),
    "doubled-ids": changed(each_cell(id="same"), "1", "2"),
    "lines": changed(as_lines, "a = 1\nb = 2\nassert a < b"),
    "windows-lines": changed(with_windows_lines, "if level:\n    level\n"),
    "windows-file": lambda name: written(runbook(name)).replace(b"\n", b"\r\n"),
    "no-metadata": changed(with_metadata()),
    "own-kernel": changed(
        with_metadata(kernelspec={"name": ".venv", "display_name": ".venv", "language": "python"})
    ),
    "colab": changed(
        with_metadata(
            kernelspec={"name": "python3", "display_name": "Python 3"},
            accelerator="GPU",
            colab={"provenance": []},
        )
    ),
    "executed-before": changed(executed, "1"),
    "injected-once": changed(injected(1), "assert level == 3"),
    "injected-late": changed(injected(3), "assert level == 3"),
    "injected-twice": changed(injected(1, 3), "assert level == 3"),
    "injected-before": changed(injected(0), "assert level == 3"),
    "unicode": cells("größe = 'λ → 🎉'\nprint(größe)", text("# Überschrift 🎉")),
    "empty-cells": cells("", "   \n\t", "# only a comment", code([])),
    "raw-cells": cells(text("raw", "raw"), text("![a](attachment:a)", attachments={"a": {}})),
    "expected-exception": cells(code("1 / 0", "raises-exception")),
    "many-cells": cells(*[f"x{n} = {n}" for n in range(120)]),
    "semicolons": cells("1;", "level\n", "_ = 7", "[1, 2, 3][0]; 4"),
    "long-source": cells("x = '" + "y" * 200_000 + "'"),
    "line-magics": cells(MAGICS),
    "captured": cells("%%capture taken\nprint('hidden')", "assert taken.stdout == 'hidden\\n'"),
    "shell": cells("!echo hello", "x = !echo there\nassert list(x) == ['there']"),
    "bash": cells("%%bash\necho from bash; echo wrong >&2"),
    "background": cells("%%bash --bg\nsleep 301"),
    "files": cells("%%writefile part.py\ny = 4", "%run part.py\nassert y == 4"),
    "html": cells("%%html\n<b>bold</b>", "%%javascript\nalert(1)", "%%latex\n$x$"),
    "help": cells("print?", "%pinfo len", "%config", "%lsmagic"),
    "await": cells("import asyncio\nawait asyncio.sleep(0)", "await asyncio.sleep(0, 'x')"),
    "task": cells(
        "import asyncio\ntask = asyncio.create_task(asyncio.sleep(0.05, 7))",
        "assert await task == 7",
    ),
    "async-for": cells(
        "async def count():\n    for n in range(3): yield n",
        "assert [n async for n in count()] == [0, 1, 2]",
    ),
    "loop-in-thread": cells(
        "import asyncio, concurrent.futures\n"
        "with concurrent.futures.ThreadPoolExecutor() as pool:\n"
        "    pool.submit(asyncio.run, asyncio.sleep(0)).result()"
    ),
    "late-thread": cells(LATE_THREAD, "print('the next cell')", "thread.join()"),
    "threads": cells(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(8) as pool: list(pool.map(print, range(50)))"
    ),
    "fork": cells(FORK),
    "processes": cells(
        "import multiprocessing\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    assert pool.map(abs, [-1, -2]) == [1, 2]"
    ),
    "server": cells("import subprocess\nserver = subprocess.Popen(['sleep', '302'])"),
    "widgets": cells(SHOW + WIDGET),
    "progress": cells("from tqdm.auto import tqdm\nfor _ in tqdm(range(50)): pass"),
    "updates": cells(
        SHOW + "handle = display('one', display_id='a')",
        "handle.update('two')\nupdate_display('three', display_id='a')",
        "display('four', display_id='a')",
    ),
    "updates-in-a-flood": cells(
        SHOW + "handle = display('one', display_id='a')\nfor n in range(4000): display(n)\n"
        "last = display('last', display_id='b')\nprint('x' * 2_000_000)\n"
        "handle.update('two'); last.update('end')"
    ),
    "cleared-displays": cells(
        SHOW + "for _ in range(80): clear_output(); display(HTML('x' * 500_000))"
    ),
    "cleared-prints": cells(
        SHOW + "for _ in range(60): clear_output(wait=True); print('x' * 20_000)\nprint('last')"
    ),
    "60-mb-display": cells(SHOW + "display(HTML('x' * 60_000_000))"),
    "60-mb-print": cells("for _ in range(60): print('x' * 1_000_000)"),
    "many-displays": cells(SHOW + "for n in range(5000): display(n)"),
    "returns": cells("for n in range(30_000): print('\\r' + 'x' * 60, n, end='')\nprint()"),
    "unknown-media-type": cells(
        SHOW + "display({'application/x-thing': {'a': [1]}, 'text/plain': 'thing'}, raw=True)",
        "display({'text/x-list': [1, 2], 'text/x-none': None}, raw=True)",
    ),
    "bad-repr": cells(code(BAD_REPR, "raises-exception")),
    "large-exception": cells(code("raise ValueError('x' * 5_000_000)", "raises-exception")),
    "exit-at-the-end": cells(last=FINISH + "\nexit"),
    "exit-before-text": changed_at_end(text("The end.", id="end"), code("", id="empty")),
    "kept-kernel": cells("get_ipython().keepkernel_on_exit = True\nget_ipython().ask_exit()"),
    "next-input": cells("get_ipython().set_next_input('more')"),
    "odd-streams": cells(ODD_STREAMS),
    "no-input": cells(NO_INPUT),
    "alarm": cells(ALARM),
    "other-folder": cells(
        "import os, tempfile\nos.chdir(tempfile.mkdtemp())", "print(os.getcwd())"
    ),
    "deep": cells("def f(): f()\ntry: f()\nexcept RecursionError: print('deep')"),
    "at-exit": cells("import atexit\natexit.register(print, 'bye')"),
    "warnings": cells(
        "import warnings, logging\nwarnings.warn('careful')\nlogging.warning('careful')"
    ),
    "comm": cells(
        "from comm import create_comm\ncomm = create_comm(target_name='nobody')",
        "comm.send({'a': 1})",
    ),
}
"""What is made, by its name."""
