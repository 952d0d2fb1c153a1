"""litellm's proxy before a server that it starts.

``python litellm_proxy.py --port N --model NAME -- UPSTREAM…``: the word PORT of the upstream's
command becomes what ``UPSTREAM_PORT`` says. The proxy's key is in ``LITELLM_MASTER_KEY``; it is
written nowhere. Both end together.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import FrameType

__all__ = ["main"]

_CONFIG = """\
model_list:
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: http://127.0.0.1:{port}/v1
      api_key: os.environ/LLAMA_API_KEY
general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
litellm_settings:
  use_chat_completions_url_for_anthropic_messages: true
"""
_SHORTEST = 20
_SECONDS = 120.0


def main() -> None:
    """Start the upstream, then the proxy, and end with the first that ends."""
    parser = argparse.ArgumentParser(prog="litellm_proxy.py")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("upstream", nargs="+")
    given = parser.parse_args()
    key = os.environ.get("LITELLM_MASTER_KEY", "")
    if not key.startswith("sk-") or len(key) < _SHORTEST:
        sys.exit(
            "cannot start litellm's proxy: set LITELLM_MASTER_KEY to a key that begins with sk- "
            f"and has {_SHORTEST} characters or more"
        )
    signal.signal(signal.SIGTERM, _exit)
    port = int(os.environ["UPSTREAM_PORT"])
    environ = {**os.environ, "LLAMA_API_KEY": secrets.token_urlsafe(24)}
    words = [word.replace("PORT", str(port)) for word in given.upstream]
    with subprocess.Popen(words, env=environ) as upstream:
        try:
            _wait(upstream, port)
            sys.exit(_serve(given.port, given.model, port, environ, upstream))
        finally:
            upstream.terminate()


def _exit(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _wait(upstream: subprocess.Popen[bytes], port: int) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + _SECONDS
    while upstream.poll() is None and time.monotonic() < until:
        try:
            opener.open(f"http://127.0.0.1:{port}/health", timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit("cannot start litellm's proxy: the server behind it does not answer")


def _serve(
    port: int, model: str, behind: int, environ: dict[str, str], upstream: subprocess.Popen[bytes]
) -> int:
    """Run the proxy until it or the upstream ends, and return its exit code."""
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}
    with tempfile.TemporaryDirectory(prefix="litellm-proxy-") as folder:
        config = Path(folder, "config.yaml")
        config.write_text(_CONFIG.format(model=model, port=behind))
        program = str(Path(sys.executable).with_name("litellm"))
        words = [program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
        with subprocess.Popen(words, env={**environ, **quiet}, cwd=folder) as proxy:
            try:
                while proxy.poll() is None and upstream.poll() is None:
                    time.sleep(0.2)
            finally:
                proxy.terminate()
        return proxy.returncode


if __name__ == "__main__":
    main()
