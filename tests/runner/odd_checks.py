"""Cells that use the checks in a right and unusual way, or meet exceptions as they should."""

from __future__ import annotations

from odd_notebooks import Make, cells, code

_MANY = "for n in range({}): checks.expect(f'check-{{n}}', n, n)"
_MEDIA = "from proofbook.media import text\n"
_CLEAR = "from IPython.display import clear_output\n"

ODD_CHECKS: dict[str, Make] = {
    "eleven-hundred-checks": cells(_MANY.format(1100)),
    "checks-cleared": cells(_CLEAR + _MANY.format(30) + "; clear_output()"),
    "checks-cleared-by-the-next": cells(
        _CLEAR + _MANY.format(3) + "\nclear_output(wait=True)\nprint(1)"
    ),
    "checks-captured": cells("%%capture\n" + _MANY.format(3)),
    "checks-captured-by-hand": cells(
        "from IPython.utils.capture import capture_output\nwith capture_output():\n    "
        + _MANY.format(3)
    ),
    "finish-captured": cells(last="%%capture\nchecks.expect('a', True)\nchecks.finish()"),
    "finish-cleared": cells(
        last=_CLEAR + "checks.expect('a', True)\nchecks.finish()\nclear_output()"
    ),
    "finish-in-a-function": cells(
        "def end():\n    checks.expect('a', True)\n    checks.finish()", last="end()"
    ),
    "finish-in-a-task": cells(
        last="import asyncio\nasync def end():\n    checks.expect('a', True)\n"
        "    checks.finish()\nawait asyncio.create_task(end())"
    ),
    "finish-with-more": cells(last="checks.expect('a', True)\nchecks.finish()\nprint('the end')"),
    "a-server-that-goes-on": cells(
        "import http.server, threading\n"
        "server = http.server.HTTPServer(('127.0.0.1', 0), http.server.BaseHTTPRequestHandler)\n"
        "threading.Thread(target=server.serve_forever).start()"
    ),
    "a-watcher-of-a-program": cells(
        "import subprocess, threading\nprogram = subprocess.Popen(['sleep', '303'])\n"
        "def watch():\n    if program.wait(): raise RuntimeError('it was ended')\n"
        "threading.Thread(target=watch).start()"
    ),
    "threads-that-nobody-ends": cells(
        "import threading, time\ndef beat():\n    while True: time.sleep(0.01)\n"
        "threading.Thread(target=beat, daemon=True).start()",
        "from concurrent.futures import ThreadPoolExecutor\nimport asyncio\n"
        "pool = ThreadPoolExecutor(4)\nlist(pool.map(abs, range(9)))\n"
        "await asyncio.to_thread(print, 1)",
    ),
    "a-thread-that-ends-after-the-finish": cells(
        last="import threading\nchecks.expect('a', True)\nchecks.finish()\n"
        "threading.Timer(0.3, print, ['the end']).start()"
    ),
    "remarks-after-the-finish": cells(
        last="checks.expect('a', True)\nchecks.finish()\n# nothing more"
    ),
    "checks-in-threads": cells(
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(8) as pool:\n"
        "    list(pool.map(lambda n: checks.expect(f't-{n}', n, n), range(50)))"
    ),
    "checks-in-a-late-thread": cells(
        "import threading, time\ndef work():\n    time.sleep(0.2)\n"
        "    checks.expect('late', True)\n"
        "thread = threading.Thread(target=work)\nthread.start()",
        "1 + 1",
        "thread.join()",
    ),
    "checks-in-a-loop": cells(
        "import asyncio\nasync def one(n):\n    await asyncio.sleep(0)\n"
        "    checks.expect(f'a-{n}', n, n)\nawait asyncio.gather(*[one(n) for n in range(20)])"
    ),
    "values-of-processes": cells(
        "from concurrent.futures import ProcessPoolExecutor\nimport multiprocessing as m\n"
        "with ProcessPoolExecutor(2, m.get_context('fork')) as pool:\n"
        "    checks.expect('sum', sum(pool.map(abs, [-1, -2])), 3)"
    ),
    "arrays": cells(
        "import numpy as np\nfrom proofbook.checks import close_to, contains, equals\n"
        "checks.expect('same', np.arange(3), np.arange(3))\n"
        "checks.expect('list', np.arange(3), [0, 1, 2])\n"
        "checks.expect('near', np.ones(9) + 1e-9, close_to(np.ones(9), atol=1e-6))\n"
        "checks.expect('in', np.arange(3), contains(2))\nchecks.expect('flag', np.bool_(True))"
    ),
    "odd-values": cells(
        "import os\nfrom pathlib import Path\nvalue = os.fsdecode(b'bad\\xff')\n"
        "checks.expect('name', value, value)\nchecks.expect('big', 10 ** 5000, 10 ** 5000)\n"
        "class Odd:\n    def __repr__(self): raise RuntimeError\nodd = Odd()\n"
        "checks.expect('odd', odd, odd)\nchecks.expect('path', Path('a'), Path('a'))"
    ),
    "one-picture-twice": cells(
        _MEDIA + "takes = [checks.show(text('same')) for _ in range(3)]\n"
        "checks.ask('fine', 'Is it?', about=takes, required=False)"
    ),
    "a-profiled-cell": cells(
        "def work(): return 1\n%prun work()",
        last=("%%prun\nchecks.expect('a', True)\nchecks.finish()"),
    ),
    "an-exit-of-profiled-code-that-is-met": cells(
        "import cProfile\ntry:\n    cProfile.Profile().run('raise SystemExit(2)')\n"
        "except SystemExit as error:\n    checks.expect('code', error.code, 2)"
    ),
    "an-expected-exit-of-profiled-code": cells(
        code("%prun raise SystemExit(1)", "raises-exception", "raises:SystemExit")
    ),
    "an-expected-exception-in-rich": cells(
        "import rich.traceback\nrich.traceback.install()\nfrom pathlib import Path\n"
        "Path('script.py').write_text('raise ValueError(1)')",
        code("%run script.py", "raises-exception", "raises:ValueError"),
    ),
    "coroutines-held-and-awaited": cells(
        "import asyncio, warnings, logging\nwarnings.filterwarnings('ignore'); logging.disable()\n"
        "async def one(n): return n\nclass Kept: pass\nkept = Kept()\n"
        "kept.all = [one(n) for n in range(3)]",
        "checks.expect('all', await asyncio.gather(*kept.all), [0, 1, 2])",
    ),
    "a-coroutine-closed": cells("async def one(): pass\nkept = [one()]\nkept[0].close()"),
    "a-task-that-goes-on": cells(
        "import asyncio\nasync def beat():\n    while True: await asyncio.sleep(0.01)\n"
        "task = asyncio.create_task(beat())"
    ),
    "a-future-whose-exception-was-asked-for": cells(
        "import asyncio\n"
        "future = asyncio.get_running_loop().run_in_executor(None, lambda: 1 / 0)\n"
        "await asyncio.wait([future])\n"
        "checks.expect('why', type(future.exception()).__name__, 'ZeroDivisionError')\n"
        "cancelled = asyncio.get_running_loop().create_future()\ncancelled.cancel()"
    ),
    "a-module-reloaded": cells(
        "import os, sys\nfrom pathlib import Path\nsys.path.insert(0, '.')\n"
        "sys.dont_write_bytecode = True\nPath('fresh.py').write_text('x = 1')\nimport fresh\n"
        "%load_ext autoreload\n%autoreload 2\nPath('fresh.py').write_text('x = 2')\n"
        "os.utime('fresh.py', (2e9, 2e9))",
        "checks.expect('fresh', fresh.x, 2)",
    ),
    "threads-that-leave": cells(
        "import threading, sys\nfor code in (0, None):\n"
        "    thread = threading.Thread(target=sys.exit, args=(code,))\n"
        "    thread.start(); thread.join()"
    ),
    "a-callback-from-c": cells(
        "import ctypes\ncallback = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 3)\n"
        "checks.expect('called', callback(), 3)"
    ),
    "an-expected-exception-by-name": cells(code("{}['a']", "raises-exception", "raises:KeyError")),
    "one-of-two-expected": cells(
        code("open('none')", "raises-exception", "raises:FileNotFoundError", "raises:OSError")
    ),
    "an-expected-exception-that-did-not-come": cells(code("1", "raises-exception")),
    "an-expected-group": cells(
        code(
            "raise ExceptionGroup('g', [ValueError()])", "raises-exception", "raises:ExceptionGroup"
        )
    ),
    "an-exception-met": cells(
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    print(error)"
    ),
    "an-exception-met-in-a-thread": cells(
        "import threading\ndef work():\n    try: 1 / 0\n    except ZeroDivisionError: pass\n"
        "thread = threading.Thread(target=work)\nthread.start(); thread.join()"
    ),
    "a-thread-that-leaves": cells(
        "import sys, threading\nthread = threading.Thread(target=sys.exit)\n"
        "thread.start(); thread.join()"
    ),
    "an-exception-met-in-a-task": cells(
        "import asyncio\nasync def fail(): raise ValueError\ntask = asyncio.create_task(fail())\n"
        "try:\n    await task\nexcept ValueError: pass\n"
        "await asyncio.gather(fail(), return_exceptions=True)"
    ),
    "coroutines-awaited-late": cells(
        "import asyncio, threading\nasync def claim(n): checks.expect(f'c-{n}', n, n)\n"
        "first, second, dropped = claim(1), claim(2), claim(3)\ndropped.close()",
        "await first\nthread = threading.Thread(target=asyncio.run, args=(second,))\n"
        "thread.start(); thread.join()",
    ),
    "a-task-cancelled": cells(
        "import asyncio\ntask = asyncio.create_task(asyncio.sleep(600))\nawait asyncio.sleep(0)\n"
        "task.cancel();"
    ),
    "an-exception-of-a-future": cells(
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(1) as pool:\n"
        "    failed = pool.submit(lambda: 1 / 0)\nassert failed.exception()"
    ),
    "a-traceback-printed": cells(
        "import traceback\ntry: 1 / 0\nexcept ZeroDivisionError: traceback.print_exc()"
    ),
    "logging": cells(
        "import logging\ntry: 1 / 0\nexcept ZeroDivisionError: logging.exception('met')\n"
        "logging.getLogger('asyncio').warning('slow')"
    ),
    "a-notebook-within": cells(
        "import nbformat, nbclient\nnb = nbformat.v4.new_notebook()\n"
        "nb.cells = [nbformat.v4.new_code_cell('from proofbook.checks import Checks\\n"
        'own = Checks("own/notebook")\\nown.expect("x", False)\')]\n'
        "await nbclient.NotebookClient(nb, kernel_name='python3').async_execute();"
    ),
    "a-script-within": cells(
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'from proofbook.checks "
        'import Checks; Checks("own/script").expect("x", False)\'], check=True);'
    ),
    "a-parameter-derived": cells("level = int(level)", "level = level + 0"),
}
