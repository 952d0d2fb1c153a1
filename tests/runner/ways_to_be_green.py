"""Ways to end a runbook without having proven what it claims; none of them may be green.

Each is the cells after the parameters. ``BEGIN`` opens the checks, ``FINISH`` makes one that passes
and finishes them.
"""

from __future__ import annotations

import itertools

BEGIN = "from proofbook.checks import Checks\nchecks = Checks('demo/one')"
CHECK = "checks.expect('fine', True)"
FINISH = f"{CHECK}\nchecks.finish()"

Cells = list[str]

_RAISING = {
    "an assertion": "assert 1 == 2",
    "a missing key": "{}['weights']",
    "an error of its own": "class Spoilt(Exception): pass\nraise Spoilt('model')",
    "an import": "import no_such_module_anywhere",
    "a failed subprocess": "import subprocess; subprocess.run(['false'], check=True)",
    "a magic's misuse": "get_ipython().run_line_magic('nothing', '')",
    "a group": "raise ExceptionGroup('many', [ValueError('one')])",
}

# {code} is replaced by a raising statement, indented; {path} by the name of a file that holds it.
_WRITE = "from pathlib import Path\nPath('script.py').write_text({code!r})\n"
_HIDING = {
    "%run": _WRITE + "%run script.py",
    "%run in the namespace": _WRITE + "%run -i script.py",
    "%run, then the output cleared": _WRITE
    + "%run script.py\nfrom IPython.display import clear_output\nclear_output()",
    "%run, then the output cleared by the next": _WRITE
    + "%run script.py\nfrom IPython.display import clear_output\n"
    "clear_output(wait=True)\nprint('loaded')",
    "%run in a capture": "%%capture\n"
    + _WRITE
    + "get_ipython().run_line_magic('run', 'script.py')",
    "%%time": "%%time\n{code}",
    "run_cell": "get_ipython().run_cell({code!r});",
    "a traceback shown by hand": "try:\n    exec({code!r})\nexcept Exception:\n"
    "    get_ipython().showtraceback()",
    "a callback after the cell": "def after(*_):\n    exec({code!r})\n"
    "get_ipython().events.register('post_run_cell', after)",
    "captured output": "from IPython.utils.capture import capture_output\n"
    "with capture_output():\n    get_ipython().run_cell({code!r})",
    "a picture that cannot be drawn": "class Plot:\n    def _repr_html_(self):\n"
    "        exec({code!r})\nPlot()",
    "a thread": "import threading\nthread = threading.Thread(target=lambda: exec({code!r}))\n"
    "thread.start(); thread.join()",
    "a thread, joined later": "import threading\n"
    "thread = threading.Thread(target=lambda: exec({code!r}))\nthread.start()\n"
    "import time\nwhile thread.is_alive(): time.sleep(0.01)",
    "a thread without an object": "import _thread, threading, time\nended = threading.Event()\n"
    "def work():\n    try: exec({code!r})\n    finally: ended.set()\n"
    "others = _thread._count()\n_thread.start_new_thread(work, ())\nended.wait()\n"
    "while _thread._count() > others: time.sleep(0.01)",
    "a timer": "import threading\ntimer = threading.Timer(0.01, lambda: exec({code!r}))\n"
    "timer.start(); timer.join()",
    "a task that is kept": "import asyncio\nasync def work():\n    exec({code!r})\n"
    "task = asyncio.create_task(work())\nawait asyncio.sleep(0.01)",
    "a task that is not kept": "import asyncio, gc\nasync def work():\n    exec({code!r})\n"
    "asyncio.create_task(work())\nawait asyncio.sleep(0.01)\ngc.collect();",
    "a task of another loop": "import asyncio, threading\nasync def work():\n    exec({code!r})\n"
    "async def main():\n    asyncio.create_task(work())\n    await asyncio.sleep(0.01)\n"
    "thread = threading.Thread(target=lambda: asyncio.run(main()))\nthread.start(); thread.join()",
    "a callback of the loop": "import asyncio\n"
    "asyncio.get_running_loop().call_soon(lambda: exec({code!r}))\nawait asyncio.sleep(0.01)",
    "a future's callback": "import asyncio\nfuture = asyncio.get_running_loop().create_future()\n"
    "future.add_done_callback(lambda _: exec({code!r}))\nfuture.set_result(1)\n"
    "await asyncio.sleep(0.01)",
}


def hidden_errors() -> dict[str, Cells]:
    """An exception that the cell survives, then checks that pass."""
    ways = {}
    for (what, code), (where, hiding) in itertools.product(_RAISING.items(), _HIDING.items()):
        cell = hiding.replace("{code!r}", repr(code)).replace("{code}", code)
        ways[f"{what} in {where}"] = [BEGIN, cell, FINISH]
    return ways


_FINISHING = {
    "atexit": "import atexit\natexit.register(checks.finish)",
    "a forked child": "import os\npid = os.fork()\nif pid == 0:\n    try:\n"
    "        checks.finish()\n    finally:\n        os._exit(0)\nos.waitpid(pid, 0)",
    "a timer": "import threading\ntimer = threading.Timer(0.01, checks.finish)\n"
    "timer.start(); timer.join()",
    "a thread": "import threading\nthread = threading.Thread(target=checks.finish)\n"
    "thread.start(); thread.join()",
    "a task": "import asyncio\nasync def end():\n    checks.finish()\n"
    "asyncio.ensure_future(end());",
    "a process pool": "import multiprocessing as m\n"
    "with m.get_context('fork').Pool(1) as pool:\n    pool.apply(checks.finish)",
    "a finalizer": "import weakref\nclass Kept: pass\nkept = Kept()\n"
    "weakref.finalize(kept, checks.finish);",
    "nobody": "checks.finish",
    "a generator not started": "def end():\n    yield checks.finish()\nend();",
    "a coroutine not awaited": "async def end():\n    checks.finish()\nend().close()",
    "a branch not taken": "if False:\n    checks.finish()",
    "a function not called": "def end():\n    checks.finish()",
    "the middle": "checks.finish()",
    "a callback after the cell": "get_ipython().events.register('post_run_cell', "
    "lambda *_: checks.finish());",
}


_AS_GOOD = ("the middle", "a task", "a callback after the cell")
"""Who finishes in the last cell finishes as it should."""


_SCRIPT_RAISES = _WRITE.replace("{code!r}", "'raise ValueError(1)'") + "%run script.py"
_SILENT = "import logging, warnings\nwarnings.filterwarnings('ignore')\nlogging.disable()\n"
_KEPT_TO_ITSELF = {
    "an exit in %prun": "%prun __import__('sys').exit(1)",
    "an exit with 0 in %%prun": "%%prun\nraise SystemExit(0)\nchecks.expect('never', False)",
    "an exit in %%prun -q": "%%prun -q\nimport sys\nsys.exit('no model')",
    "an exit in cProfile.run": "import cProfile\ncProfile.run('raise SystemExit(3)')",
    "an exit in profile.run": "import profile\nprofile.run('raise SystemExit(3)')",
    "%run -d": _SCRIPT_RAISES.replace("%run", "%run -d"),
    "%debug": "%debug 1 / 0",
    "%%debug": "%%debug\nraise ValueError(1)",
    "rich's traceback": "import rich.traceback\nrich.traceback.install()\n" + _SCRIPT_RAISES,
    "another traceback": "get_ipython()._showtraceback = lambda *_: print('oh')\n" + _SCRIPT_RAISES,
    "a traceback that cannot be made": _WRITE.replace(
        "{code!r}",
        "'class Odd(Exception):\\n  def _render_traceback_(self): raise RuntimeError\\nraise Odd'",
    )
    + "%run script.py",
    "a transformer of cells": "import ast\nclass Wrapper(ast.NodeTransformer):\n"
    "    def visit(self, node): raise ValueError('x')\n"
    "get_ipython().ast_transformers.append(Wrapper())",
    "a thread's exit with a failure": "import threading, sys\n"
    "thread = threading.Thread(target=lambda: sys.exit('no model'))\nthread.start(); thread.join()",
    "a callback from C": "import ctypes\nctypes.CFUNCTYPE(ctypes.c_int)(lambda: 1 // 0)()",
    "a future of a pool that is kept": "import asyncio\n"
    "future = asyncio.get_running_loop().run_in_executor(None, lambda: 1 / 0)\n"
    "await asyncio.sleep(0.05)",
    "a gathering that is kept": "import asyncio\nasync def work(): 1 / 0\n"
    "kept = [asyncio.gather(work())]\nawait asyncio.sleep(0.01)",
    "a callback of the loop without logs": _SILENT + "import asyncio\n"
    "asyncio.get_running_loop().call_soon(lambda: 1 / 0)\nawait asyncio.sleep(0.01)",
    "autoreload": "import os, sys\nfrom pathlib import Path\nsys.path.insert(0, '.')\n"
    "sys.dont_write_bytecode = True\nPath('stale.py').write_text('x = 1')\nimport stale\n"
    "%load_ext autoreload\n%autoreload 2\nPath('stale.py').write_text('x = (')\n"
    "os.utime('stale.py', (2e9, 2e9))",
}
_LATE = {
    "a thread": "import threading\nthread = threading.Thread(target=lambda: 1 / 0)\n"
    "thread.start(); thread.join()",
    "a task": "import asyncio\nasync def work(): 1 / 0\ntask = asyncio.create_task(work())\n"
    "await asyncio.sleep(0.01)",
    "a task that is not awaited": "import asyncio\nasync def work(): 1 / 0\n"
    "task = asyncio.create_task(work())",
    "a coroutine": "async def work(): 1 / 0\nkept = work()",
    "a callback of the loop": "import asyncio\nasyncio.get_running_loop().call_soon(lambda: 1 / 0)",
    "an exit in %prun": "get_ipython().run_line_magic('prun', 'raise SystemExit(1)')",
    "a thread that nobody joins": "import threading, time\n"
    "def work():\n    time.sleep(0.2); 1 / 0\nthreading.Thread(target=work).start()",
    "a thread that a thread has started": "import threading\nthreading.Timer(0.2, lambda: "
    "threading.Timer(0.2, lambda: 1 / 0).start()).start()",
    "a timer that leaves": "import os, threading\n"
    "threading.Timer(0.2, lambda: os._exit(0)).start()",
    "a timer's segmentation fault": "import ctypes, threading\n"
    "threading.Timer(0.2, lambda: ctypes.string_at(0)).start()",
    "a check of a timer": "import threading\n"
    "threading.Timer(0.2, lambda: checks.expect('late', False)).start()",
    "a future's callback": "from concurrent.futures import ThreadPoolExecutor\n"
    "with ThreadPoolExecutor(1) as pool:\n"
    "    pool.submit(abs, 1).add_done_callback(lambda _: 1 / 0)",
}


def exceptions_kept_back() -> dict[str, Cells]:
    """An exception that the shell or Python keeps to itself, also after the finish."""
    early = {
        f"an exception that {who} keeps to itself": [BEGIN, cell, FINISH]
        for who, cell in _KEPT_TO_ITSELF.items()
    }
    late = {
        f"{who} raises after the finish": [BEGIN, FINISH + "\n" + cell]
        for who, cell in _LATE.items()
    }
    return early | late


def misplaced_finishes() -> dict[str, Cells]:
    """A finish by whom it does not belong to, before or in the last cell."""
    ways = {}
    for who, cell in _FINISHING.items():
        if who != "a task":  # it runs when the cell has ended
            ways[f"{who} finishes before a cell that does nothing"] = [BEGIN, CHECK, cell, "1 + 1"]
        ways[f"{who} finishes before a cell that works"] = [
            BEGIN, CHECK, cell, "weights = [0.0] * 3\nprint(weights)",
        ]  # fmt: skip
        if who not in _AS_GOOD:
            ways[f"{who} finishes in the last cell"] = [BEGIN, CHECK, cell]
    return ways


_NOT_AWAITED = {
    "the last value of a cell": "claim()",
    "a statement": "claim();",
    "a loop": "for _ in range(2): claim()",
    "a variable": "result = claim()",
    "a function": "def go(): claim()\ngo()",
    "another coroutine": "async def main(): claim()\nawait main()",
    "a list": "[claim() for _ in range(2)]\nNone",
    "a call that is forgotten later": "result = claim()\nresult = None",
    "a list that is kept": "kept = [claim() for _ in range(2)]",
    "an object": "class Kept: pass\nkept = Kept()\nkept.result = claim()",
    "a call whose warning is ignored": _SILENT + "claim();",
    "a call whose warning is caught": "import warnings\n"
    "with warnings.catch_warnings(record=True):\n    claim()",
}


def checks_not_awaited() -> dict[str, Cells]:
    """A check in a coroutine that a cell makes and never awaits."""
    claim = "async def claim():\n    checks.expect('awaited', False)\n"
    return {
        f"{where} holds a check that is never awaited": [BEGIN, claim + cell, FINISH]
        for where, cell in _NOT_AWAITED.items()
    }


_SCRIPT = f"{BEGIN}\\n{CHECK}\\nchecks.finish()".replace("'", '"')
_ELSEWHERE = {
    "a script": "import subprocess, sys\n"
    f"subprocess.run([sys.executable, '-c', '''{_SCRIPT}'''], check=True)",
    "a shell": "import sys\nfrom pathlib import Path\n"
    f"Path('own.py').write_text('''{_SCRIPT}''')\n!{{sys.executable}} own.py",
    "%%script": f"%%script python\n{BEGIN}\n{CHECK}\nchecks.finish()",
    "a spawned process": "import multiprocessing as m\nfrom pathlib import Path\n"
    f"Path('spawned.py').write_text('def main():\\n ' + '''{_SCRIPT}'''.replace('\\n', '\\n '))\n"
    "import sys; sys.path.insert(0, '.')\nimport spawned\n"
    "process = m.get_context('spawn').Process(target=spawned.main)\nprocess.start()\n"
    "process.join()",
    "a forked process": "import os\npid = os.fork()\nif pid == 0:\n"
    f"    exec('''{_SCRIPT}''')\n    os._exit(0)\nos.waitpid(pid, 0)",
    "a notebook of its own": "import nbformat, nbclient\nnb = nbformat.v4.new_notebook()\n"
    f"nb.cells = [nbformat.v4.new_code_cell('''{_SCRIPT}''')]\n"
    "await nbclient.NotebookClient(nb, kernel_name='python3').async_execute()",
}


def checks_of_others() -> dict[str, Cells]:
    """Checks that another process has made, in the environment that it inherits."""
    ways = {}
    for who, cell in _ELSEWHERE.items():
        ways[f"{who} makes all checks"] = [cell]
        ways[f"{who} makes all checks, and cells follow"] = [cell, "1 + 1"]
        ways[f"{who} makes checks for a runbook that does not finish"] = [BEGIN, cell]
    return ways


_REFUSED = {
    "a second check of one name that fails": "checks.expect('fine', False)",
    "a second one that is required": "checks.require('fine', False)",
    "no actual value": "checks.expect('other')",
    "a name that is none": "checks.expect(None, True)",
    "a callable that is interrupted": "def stop():\n        raise KeyboardInterrupt\n"
    "    checks.expect('other', stop)",
    "a callable that leaves": "import sys\n    checks.expect('other', lambda: sys.exit(1))",
    "a skip without a reason": "checks.skip('other', '')",
    "evidence that is none": "checks.show(None)",
    "a magic's misuse as a value": "checks.expect('other', lambda: exit(1))",
    "two pieces of evidence of one name": "from proofbook.media import text\n"
    "    for words in 'ab': checks.show(text(words), name='log')",
    "an output that cannot be written": "checks.output('model', object())",
    "a question of no form": "checks.ask('good', 'Is it?', form='guess')",
    "a blind question about nothing": "checks.ask('good', 'Is it?', form='ab')",
    "a metric that is no number": "checks.measure('speed', 'fast')",
    "a subject without a revision": "checks.identify('model', '')",
}
_SWALLOWING = {
    "try": "try:\n    {call}\nexcept BaseException:\n    pass",
    "suppress": "import contextlib\nwith contextlib.suppress(BaseException):\n    {call}",
    "a thread's try": "import threading\ndef work():\n  try:\n    {call}\n"
    "  except BaseException:\n    pass\nthread = threading.Thread(target=work)\n"
    "thread.start(); thread.join()",
    "a future": "from concurrent.futures import ThreadPoolExecutor\ndef work():\n    {call}\n"
    "with ThreadPoolExecutor(1) as pool:\n    pool.submit(work)",
}


def swallowed_refusals() -> dict[str, Cells]:
    """A call of the checks that is refused, where somebody swallows that."""
    return {
        f"{what}, swallowed by {by}": [
            BEGIN, CHECK, swallowing.replace("{call}", call), "checks.finish()",
        ]
        for (what, call), (by, swallowing) in itertools.product(
            _REFUSED.items(), _SWALLOWING.items()
        )
    }  # fmt: skip


_SWALLOWED = "try:\n    checks.finish()\nexcept Exception: pass"
_MEDIA = "import os\nfrom pathlib import Path\nfrom proofbook.media import text\n" \
    "job = Path(os.environ['PROOFBOOK_JOB_FOLDER']).name  # evidence of its own\n" \
    "take = checks.show(text(job))\n" \
    "path = Path(os.environ['PROOFBOOK_MEDIA_FOLDER']) / take.file.filename\n"  # fmt: skip
_FOLDER = "import os\nfrom pathlib import Path\n" \
    "path = Path(os.environ['PROOFBOOK_JOB_FOLDER']) / 'records.jsonl'\n"  # fmt: skip


_STEPS = "steps, names = 10, ['a']\n" + BEGIN.replace(
    "'demo/one'", "'demo/one', {'steps': steps, 'names': names}"
)


def others() -> dict[str, Cells]:
    """One of each kind that stands alone."""
    return {
        "no checks": [BEGIN, "checks.finish()"],
        "no checks, swallowed": [
            BEGIN, _SWALLOWED],
        "no begin": ["print('all is well')"],
        "nothing": ["1"],
        "a failed check, swallowed": [
            BEGIN, "checks.expect('bad', False)", _SWALLOWED],
        "a required check that failed, swallowed": [
            BEGIN, "try:\n    checks.require('bad', False)\nexcept Exception: pass", FINISH],
        "a check that is an error": [BEGIN, "checks.expect('bad', lambda: 1 / 0)",
                                     _SWALLOWED],
        "two begins": [BEGIN, CHECK, BEGIN, FINISH],
        "another runbook's name": [BEGIN.replace("demo/one", "demo/other"), FINISH],
        "finished twice": [BEGIN, FINISH, _SWALLOWED],
        "a late check": [BEGIN, FINISH + "\ntry:\n    checks.expect('late', False)\n"
                         "except Exception: pass"],
        "a check after the finish, from a thread": [
            BEGIN, FINISH + "\nimport threading\nthread = threading.Thread(target=lambda: "
            "checks.expect('late', False))\nthread.start(); thread.join()"],
        "the process is left at once": [BEGIN, CHECK, "import os; os._exit(0)", "checks.finish()"],
        "the process is left": [BEGIN, CHECK, "exit()", "checks.finish()"],
        "the process is left with quit": [BEGIN, CHECK, "quit", "checks.finish()"],
        "the system is left": [BEGIN, CHECK, "import sys; sys.exit(0)", "checks.finish()"],
        "left by a signal": [BEGIN, CHECK, "import os, signal\nos.kill(os.getpid(), "
                             "signal.SIGKILL)", "checks.finish()"],
        "evidence removed": [BEGIN, _MEDIA + "path.unlink()", FINISH],
        "evidence changed": [BEGIN, _MEDIA + "path.chmod(0o644)\npath.write_text('jello')", FINISH],
        "evidence made a link": [BEGIN, _MEDIA + "path.rename('kept')\n"
                                 "path.symlink_to(Path('kept').resolve())", FINISH],
        "evidence made a folder": [BEGIN, _MEDIA + "path.unlink()\npath.mkdir()", FINISH],
        "records removed": [BEGIN, CHECK, _FOLDER + "path.unlink()", "checks.finish()"],
        "a record cut": [BEGIN, CHECK, _FOLDER + "path.write_text(path.read_text()[:-9])",
                         "checks.finish()"],
        "a record taken out": [BEGIN, "checks.expect('bad', False)", _FOLDER
                               + "lines = path.read_text().splitlines(True)\n"
                               "path.write_text(''.join(lines[:1]))",
                               _SWALLOWED],
        "a failure made a pass": [BEGIN, "checks.expect('bad', False)", _FOLDER
                                  + "path.write_text(path.read_text().replace('failed', 'passed'))",
                                  _SWALLOWED],
        "all skipped and not allowed": [BEGIN, "checks.skip('gpu', 'no GPU')", "checks.finish()"],
        "NaN in a list": [BEGIN, "n = float('nan')\nchecks.expect('loss', [1, n], [1, n])",
                          _SWALLOWED],
        "a flag for a number": [BEGIN, "checks.expect('loss', [True], [1])",
                                _SWALLOWED],
        "an expected value that equals all": [
            BEGIN, "from unittest.mock import ANY\nchecks.expect('loss', [3.0], [ANY])",
            _SWALLOWED],
        "an actual value that equals all": [
            BEGIN, "class Loss(float):\n    __eq__ = lambda *_: True\n"
            "checks.expect('loss', Loss(3), 4.0)", _SWALLOWED],
        "a kernel that starts anew": [
            BEGIN, "checks.expect('bad', False)", "get_ipython().kernel.do_shutdown(True)",
            BEGIN, FINISH],
        "all names forgotten": [BEGIN, "checks.expect('bad', False)", "%reset -f", BEGIN, FINISH],
        "a child goes on": [BEGIN, CHECK, "import os\nif os.fork(): os._exit(0)",
                            "checks.finish()"],
        "another program in its place": [
            BEGIN, CHECK, "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', ''])",
            "checks.finish()"],
        "its skips allowed by itself": [
            BEGIN, CHECK + "\nchecks.skip('gpu', 'no GPU')\nimport json, os\n"
            "from pathlib import Path\nfolder = Path(os.environ['PROOFBOOK_JOB_FOLDER'])\n"
            "path = folder.parents[1] / 'run.json'\n"
            "run = json.loads(path.read_text())\n"
            "for job in run['plan']: job['allow_skips'] = ['*']\n"
            "path.write_text(json.dumps(run))", "checks.finish()"],
        "skips called as a machine's lacks": [
            BEGIN, "checks.skip('hardware', 'no GPU')\nchecks.skip('requirements', 'no git')",
            "checks.finish()"],
        "an output that is not there": [
            BEGIN, CHECK, "from pathlib import Path\ntry:\n    checks.output('model', "
            "Path('none.bin').resolve())\nexcept Exception: pass", "checks.finish()"],
        "a bound without bounds": [BEGIN, "from proofbook.checks import within\ntry:\n"
                                   "    checks.expect('loss', 3, within(30, float('inf')))\n"
                                   "except ValueError: pass\nchecks.expect('loss', 1, 2)",
                                   _SWALLOWED],
        "a parameter set again": [_STEPS, "steps = 20", FINISH],
        "a parameter changed in place": [_STEPS, "names.append('c')", FINISH],
        "a loop over a parameter": [_STEPS, "for steps in range(3): pass", FINISH],
        "a syntax error": [BEGIN, "this is not python", FINISH],
        "a magic that is none": [BEGIN, "%no_such_magic", FINISH],
        "a cell that is interrupted": [BEGIN, "import signal, os\nos.kill(os.getpid(), "
                                       "signal.SIGINT)\nimport time; time.sleep(1)", FINISH],
    }  # fmt: skip


def all_ways() -> dict[str, Cells]:
    """All of them, by a name that says what it is."""
    parts = (
        hidden_errors(), misplaced_finishes(), checks_of_others(), swallowed_refusals(),
        checks_not_awaited(), exceptions_kept_back(), others()
    )  # fmt: skip
    return {name: cells for part in parts for name, cells in part.items()}
