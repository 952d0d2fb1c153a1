"""No byte of a run's folder has a secret, in any encoding, wherever a notebook puts it."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running import BEGIN, Ended, Runner

pytestmark = pytest.mark.slow

Add = Callable[..., Path]
INHERITED = 'hf_Zq81"Secret\\42/x+y'
"""In the environment of the run."""
FROM_FILE = "Kp7vRt2mXw9sLd4q"
"""In the project's ``.env``, which the notebook loads."""
LATER = "Tz6bNc3hYf8gJa5e"
"""Made in the notebook, so that its source does not have it."""
BY_FORM = "ghp_" + "a1B2c3D4e5F6" * 3
"""In no variable."""
SHORT = "x7Q2"
SECRETS = (INHERITED, FROM_FILE, LATER, BY_FORM)

LOAD = f"""
import os
print(os.environ['HF_TOKEN'])
os.environ['LATER_TOKEN'] = {LATER[::-1]!r}[::-1]
print('before:', os.environ['LATER_TOKEN'])
line = next(open(os.environ['PROOFBOOK_PROJECT'] + '/.env'))
name, _, value = line.strip().partition('=')
os.environ[name] = value
"""
SPILL = """
import base64, json, subprocess, sys, urllib.parse
by_form = 'ghp_' + 'a1B2c3D4e5F6' * 3
secrets = [os.environ[name] for name in ('HF_TOKEN', 'LATER_TOKEN', 'FILE_API_KEY')] + [by_form]
for secret in secrets:
    print(secret, repr(secret), json.dumps(json.dumps([secret])), urllib.parse.quote(secret, ''))
    half = len(secret) // 2
    print(secret[:half]); print(secret[half:])
    print(secret[:half], end='', flush=True); print(secret[half:], file=sys.stderr, flush=True)
    sys.stderr.write('\\r' * 100 + secret); sys.stderr.flush()
for secret in secrets[:3]:
    for junk in ('', 'a', 'ab'):
        print(base64.b64encode((junk + secret + junk).encode()).decode())
        print(base64.urlsafe_b64encode((junk + secret + junk).encode()).decode())
    print(secret.encode().hex(), secret.encode().hex().upper())
    subprocess.run([sys.executable, '-c', 'import sys; print(sys.argv[1])', secret])
print('pin', os.environ['DB_PASSWORD'], 'x7Q2x')
os.makedirs('logs', exist_ok=True)
with open('logs/program.log', 'w') as log:  # what a program under test prints goes to such a file
    log.writelines(f'Authorization: Bearer {secret}\\n' for secret in secrets)
"""
RECORD = """
token = os.environ['LATER_TOKEN']
checks.expect('status', {'id': token, 'status': token, 'kind': [token], 'time': token}, 1)
checks.expect(f'named-{token}', True, why=token)
checks.measure('speed', 2, labels={token: token, 'id': token})
from proofbook.media import text
shown = checks.show(text(f'said {token}', caption=token, name='said'))
checks.ask('ok', f'Is {token} well?', about=[shown])
{token: {'status': token}}
"""
SHOW = """
import io
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from IPython.display import Image as Picture, HTML, display
from proofbook.media import image
tags = PngInfo()
tags.add_text('Comment', token, zip=True)
Image.new('RGB', (8, 8)).save('tagged.png', pnginfo=tags)
refused = ''
try:
    checks.show(image('tagged.png'))
except Exception as error:
    refused = str(error)
checks.expect('refused', refused, refused)
tags = PngInfo()
tags.add_text('Comment', token)
file = io.BytesIO()
Image.new('RGB', (8, 8)).save(file, 'png', pnginfo=tags)
display(Picture(data=file.getvalue()), HTML(f'<a href="?q={token}">&quot;</a>'))
import os; os.unlink('tagged.png')
"""


def _encodings(secret: str) -> Iterator[str]:
    yield from (
        secret,
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        urllib.parse.quote(secret, ""),
    )
    data = secret.encode()
    yield from (data.hex(), data.hex().upper())
    for junk in (b"", b"a", b"ab"):
        encoded = base64.b64encode(junk + data)
        whole = encoded[4 * bool(junk) : 4 * ((len(junk) + len(data)) // 3)].decode()
        yield from (whole, whole.translate(str.maketrans("+/", "-_")))


def test_a_secret_is_nowhere_in_a_run(add_runbook: Add, add_profile: Add, runner: Runner) -> None:
    (runner.project.root / ".env").write_text(f"FILE_API_KEY={FROM_FILE}\n")
    runner.environment |= {"HF_TOKEN": INHERITED, "DB_PASSWORD": SHORT, "CACHE_KEY": "production"}
    last = "raise ValueError(f'{token} in production')"
    add_runbook("demo/one", LOAD, BEGIN, SPILL, RECORD, SHOW, last)
    add_profile("jobs: [{runbook: demo/one}]")
    ended = runner.run()
    assert ended.outcome()["cause"].startswith("ValueError: [redacted:LATER_TOKEN] in production")
    assert _leaks(ended) == []
    log = (ended.folder / "jobs/demo-one/output.log").read_text()
    assert "before: [redacted:LATER_TOKEN]\n" in log
    assert "pin [redacted:DB_PASSWORD] x7Q2x\n" in log
    checks = {check["name"]: check for check in ended.reported()["checks"]}
    assert checks["refused"]["actual"] == (
        "evidence 'tagged': the file or its metadata holds the value of LATER_TOKEN; remove it, "
        "then show the file"
    )
    assert len(list((ended.folder / "media").iterdir())) == 1
    assert ended.reported()["redacted"]["output.log"]["FILE_API_KEY"] > 10


def _leaks(ended: Ended) -> list[tuple[str, str]]:
    """Return each encoding, and each half, of a secret that a file of the run has."""
    written = [path for path in ended.folder.parent.rglob("*") if path.is_file()]
    assert {"notebook.ipynb", "output.log", "records.jsonl"} <= {path.name for path in written}
    texts = {path.name: path.read_bytes() for path in written} | {"": ended.output.encode()}
    halves = [half for s in (FROM_FILE, LATER) for half in (s[: len(s) // 2], s[len(s) // 2 :])]
    forms = [*halves, *(form for secret in SECRETS for form in _encodings(secret))]
    return [(name, form) for name, text in texts.items() for form in forms if form.encode() in text]
