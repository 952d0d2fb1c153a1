"""The corpus of names, forms and look-alikes against which redaction is measured.

All values are drawn by a seeded generator, or are put together here, so that no text of this file
has the form of a real token.
"""

from __future__ import annotations

import base64
import html
import json
import random
import re
import shlex
import textwrap
import urllib.parse
from collections.abc import Callable
from xml.sax.saxutils import quoteattr

import markupsafe

__all__ = ["FORMS", "INNOCENT_TEXTS", "INNOCENT_VARIABLES", "SECRET_NAMES", "draw_secret", "leaks"]

_NAMES = """
HF_TOKEN HUGGING_FACE_HUB_TOKEN hf_token hfToken GITHUB_TOKEN GH_TOKEN GITLAB_TOKEN CI_JOB_TOKEN
NPM_TOKEN PYPI_TOKEN TOKEN TOKEN1 TOKEN_2 ACCESSTOKEN AUTH_TOKEN AUTHTOKEN REFRESH_TOKEN MYTOKEN
SLACK_BOT_TOKEN TELEGRAM_BOT_TOKEN DISCORD_TOKEN VAULT_TOKEN CSRF_TOKEN SESSION_TOKEN
AWS_SESSION_TOKEN CLOUDFLARE_API_TOKEN DIGITALOCEAN_ACCESS_TOKEN SONAR_TOKEN CODECOV_TOKEN API_KEY
APIKEY apiKey MYAPIKEY MY_API_KEY_PROD OPENAI_API_KEY ANTHROPIC_API_KEY COHERE_API_KEY
MISTRAL_API_KEY GROQ_API_KEY WANDB_API_KEY X_API_KEY x-api-key SENDGRID_API_KEY STRIPE_SECRET_KEY
SECRETKEY SECRET_KEY DJANGO_SECRET_KEY FLASK_SECRET_KEY AWS_SECRET_ACCESS_KEY AWS_ACCESS_KEY_ID
AZURE_CLIENT_SECRET CLIENT_SECRET clientSecret GOOGLE_CLIENT_SECRET WEBHOOK_SECRET JWT_SECRET
APP_SECRET CONSUMER_SECRET SECRET SECRETS JWT JWT_2 BEARER BEARER_VALUE OAUTH OAUTH2 OAUTH_VALUE
AUTHORIZATION HTTP_AUTHORIZATION COOKIE SESSION_COOKIE COOKIES PASSWORD DB_PASSWORD PGPASSWORD
MYSQL_PWD MYSQL_ROOT_PASSWORD REDIS_PASSWORD SMTP_PASSWORD password passwd FTP_PASSWD SSHPASS
KEY_PASSPHRASE GPG_PASSPHRASE VAULT_PASSCODE USERPWD CREDENTIALS GOOGLE_CREDENTIALS DB_CREDS
ENCRYPTION_KEY SIGNING_KEY MASTER_KEY SSH_PRIVATE_KEY PRIVATEKEY DEPLOY_KEY LICENSE_KEY
ACCOUNT_KEY AZURE_STORAGE_KEY OPENAI_KEY MAPS_KEY GITHUB_PAT AZURE_DEVOPS_EXT_PAT SENTRY_DSN
DATABASE_DSN SLACK_WEBHOOK_URL DISCORD_WEBHOOK TEAMS_WEBHOOK_URL AZURE_CONNECTION_STRING
STORAGE_CONNECTION_STRING REDIS_CONN_STR DB_PASS SMTP_PASS NPM_AUTH COOKIE_SALT API_TOKENS
REQUEST_SIGNATURE
"""
SECRET_NAMES = _NAMES.split()

_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_SIGNS = "+/=!#%&@$^*~"


def draw_secret(number: int) -> str:
    """Return a value as services and people make them, of 8 to 64 characters."""
    drawn = random.Random(number)
    length = drawn.choice([8, 12, 16, 20, 32, 40, 40, 64])
    characters = [drawn.choice(_ALPHABET + "0123456789") for _ in range(length)]
    characters[1:3] = drawn.choice("0123456789"), drawn.choice(_ALPHABET)
    if number % 3 == 0:
        characters[5] = drawn.choice(_SIGNS)
    if number % 9 == 0:
        characters[6] = drawn.choice("'\"\\<")
    return "".join(characters)


def _half(secret: str) -> tuple[str, str]:
    return secret[: len(secret) // 2], secret[len(secret) // 2 :]


def _in_base64(before: str, *, urlsafe: bool = False) -> Callable[[str], str]:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    return lambda secret: f"data {encode(f'{before}{secret} and more'.encode()).decode()} end"


FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda s: s,
    "in a sentence": lambda s: f"the token {s} was used.",
    "in brackets": lambda s: f"(token={s})",
    "repr": repr,
    "repr of a dict": lambda s: repr({"headers": [{"x": s}]}),
    "repr of bytes": lambda s: repr(s.encode()),
    "repr of a repr": lambda s: repr(repr(s)),
    "json": lambda s: json.dumps({"a": s}),
    "json in json": lambda s: json.dumps(json.dumps({"a": s})),
    "json in json in json": lambda s: json.dumps(json.dumps(json.dumps([s]))),
    "html": lambda s: f"<td>{html.escape(s)}</td>",
    "html by jinja": lambda s: str(markupsafe.escape(s)),
    "html of json": lambda s: html.escape(json.dumps({"a": s})),
    "json of html": lambda s: json.dumps(html.escape(s)),
    "xml attribute": lambda s: f"<a b={quoteattr(s)}/>",
    "url path": lambda s: f"GET /v1/{urllib.parse.quote(s, safe='')}/x",
    "url path with slashes": lambda s: f"GET /v1/{urllib.parse.quote(s)}/x",
    "url query": lambda s: "https://h/x?" + urllib.parse.urlencode({"q": s, "n": 1}),
    "url of json": lambda s: urllib.parse.quote(json.dumps({"a": s})),
    "url password": lambda s: f"postgres://me:{urllib.parse.quote(s, safe='')}@db:5432/x",
    "url user": lambda s: f"git clone https://{urllib.parse.quote(s, safe='')}@github.com/a/b",
    "header": lambda s: f"Authorization: Bearer {s}",
    "curl": lambda s: f"curl -H {shlex.quote('X-Api-Key: ' + s)} https://h",
    "shell": lambda s: f"export A={shlex.quote(s)}",
    "basic header": lambda s: "Basic " + base64.b64encode(f"user:{s}".encode()).decode(),
    "yaml": lambda s: f"a:\n  b: {json.dumps(s)}\n",
    "csv": lambda s: f'1,"{s}",2',
    "traceback": lambda s: f"Traceback\n  File 'x'\nKeyError: {s!r}\n",
    "terminal colours": lambda s: f"\x1b[31m{s}\x1b[0m",
    "markdown": lambda s: f"**token**: `{s}`",
    "base64 at 0": _in_base64(""),
    "base64 at 1": _in_base64("a"),
    "base64 at 2": _in_base64("ab"),
    "base64 for urls at 0": _in_base64("", urlsafe=True),
    "base64 for urls at 1": _in_base64("a", urlsafe=True),
    "base64 for urls at 2": _in_base64("ab", urlsafe=True),
    "base64 alone": lambda s: base64.b64encode(s.encode()).decode(),
    "hex": lambda s: s.encode().hex(),
    "HEX": lambda s: f"0x{s.encode().hex().upper()}",
    "two lines": lambda s: "a {}\n{} b".format(*_half(s)),
    "two lines of Windows": lambda s: "\r\n".join(_half(s)),
    "two indented lines": lambda s: "a {}\n    {} b".format(*_half(s)),
    "many lines": lambda s: "\n".join(
        textwrap.wrap(s, max(12, len(s) // 4), break_on_hyphens=False)
    ),
    "two lines in json": lambda s: json.dumps([f"{_half(s)[0]}\n", _half(s)[1]]),
    "two texts of Python": lambda s: "('{}'\n '{}')".format(*_half(s)),
    "two lines of html": lambda s: "{}<br>\n{}".format(*map(html.escape, _half(s))),
    "a line that goes on": lambda s: "a {}\\\n{} b".format(*_half(s)),
    "two rows of a table": lambda s: "│ {} │\n│ {} │".format(*_half(s)),
    "two colours": lambda s: "\x1b[31m{}\x1b[0m\x1b[1;32m{}\x1b[0m".format(*_half(s)),
    "url in a url": lambda s: urllib.parse.quote(urllib.parse.quote(s, safe=""), safe=""),
    "base64 over lines": lambda s: base64.encodebytes(f"{'x' * 50}{s}{'y' * 50}".encode()).decode(),
    "hex over lines": lambda s: "\n".join(textwrap.wrap((s * 2).encode().hex(), 60)),
    "after carriage returns": lambda s: "\r 10%\r 20%" * 50 + f"\r{s}",
    "in a long text": lambda s: "lorem ipsum 0.25 " * 2000 + s + " dolor" * 2000,
}


_BREAK = re.compile(r"\x1b\[[0-9;]*m|\\+n|\\\s|[\s\"',│]|<br>")


def leaks(secret: str, text: str) -> bool:
    """Say whether a secret can be read from a text, after undoing what a reader could undo."""
    joined = _BREAK.sub("", text)
    if len(bare := _BREAK.sub("", secret)) >= 8 and bare in joined:
        return True
    unquoted = urllib.parse.unquote_plus(text)
    decoded = (text, joined, html.unescape(text), unquoted, _unescape(text))
    if any(secret in each for each in (*decoded, urllib.parse.unquote_plus(unquoted))):
        return True
    data = secret.encode()
    aligned = [base64.b64encode(bytes(n) + data).decode()[-(-8 * n // 6) :] for n in range(3)]
    cores = [core.rstrip("=")[:-1] for core in aligned]
    plain = joined.translate(str.maketrans("-_", "+/"))
    return data.hex() in joined.lower() or any(core in plain for core in cores)


def _unescape(text: str) -> str:
    for _ in range(3):
        text = text.replace('\\"', '"').replace("\\'", "'").replace("\\\\", "\\")
    return text


INNOCENT_VARIABLES: dict[str, str] = dict(
    line.split("=", 1)
    for line in """
CACHE_KEY=production
SORT_KEY=duration
HF_TOKEN_PATH=/some/path
CACHE_KEY_2=linux-py311-3f2a9b8c1d4e
PARTITION_KEY=user_id
PRIMARY_KEY=run_id
GROUP_KEY=model-family
ROUTING_KEY=jobs.training.started
S3_KEY=datasets/music/v2/train.parquet
OBJECT_KEY=checkpoints/step-12000.safetensors
JSON_KEY=duration_seconds
KEYBOARD=querty-layout
MONKEY=capuchin-monkey
PUBLIC_KEY=AAAAB3NzaC1yc2EAAAADAQABAAABgQ7xZq81
SSH_KEY_PATH=~/.ssh/id_ed25519
SSH_AUTH_SOCK=/tmp/ssh-XXXXabc123/agent.42
SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
TLS_KEY_FILE=server.key
GOOGLE_APPLICATION_CREDENTIALS=/home/me/keys/service-account.json
AWS_SHARED_CREDENTIALS_FILE=/home/me/.aws/credentials
DOCKER_SECRETS_DIR=/run/secrets
DB_PASSWORD_FILE=/run/secrets/db_password
SECRET_NAME=projects-training-database
SECRETS_BACKEND=airflow.providers.hashicorp
TOKEN_TYPE=bearer-header
TOKEN_URL=https://login.example.com/oauth2/token
TOKEN_ENDPOINT=https://login.example.com/token
TOKEN_EXPIRES=2026-11-26T07:21:51Z
TOKEN_LIMIT=128000000
TOKENIZERS_PARALLELISM=false
TOKENIZER=meta-llama/Llama-3.1-8B
TOKENIZER_NAME=openai/whisper-large-v3
MAX_TOKENS=40960000
MAX_NEW_TOKENS=100000000
NUM_TOKENS=1000000000
STOP_TOKENS=<|endoftext|>
PAD_TOKEN=<pad>
EOS_TOKEN=</s>
BOS_TOKEN=beginning
MASK_TOKEN=[MASK]
PLACEHOLDER_TOKEN=<cat-toy>
INITIALIZER_TOKEN=sculpture
TOKEN_ID=128009000
AUTH_MODE=certificates
AUTH_PROVIDER=microsoft-entra
AUTH_ENABLED=enabled
AUTH_METHOD=kerberos-ticket
AUTH=disabled
API_KEY=true
API_KEY_2=none
API_KEY_HEADER=X-Custom-Header
API_TOKEN=auto
API_TOKEN_2=1
API_TOKEN_3=8080
HF_TOKEN=<your-token>
GH_TOKEN=${GITHUB_TOKEN}
GITLAB_TOKEN={{ secrets.GITLAB_TOKEN }}
OPENAI_API_KEY=your-api-key-here
SLACK_TOKEN=xxxxxxxxxxxx
DB_PASSWORD=***********
FIRST_PASS=coarse
SECOND_PASS=refinement
LAST_PASS=12345678
RENDER_PASSES=diffuse,specular
COMPASS=north-north-west
BYPASS=everything
PASSENGER=passenger-list
WEBHOOK=disabled
WEBHOOK_URL=http://localhost:8080/hooks
DSN=production
DATABASE_URL=sqlite:///data/proofbook.sqlite
REDIS_URL=redis://localhost:6379/0
HTTP_PROXY=http://proxy.example.com:3128
GIT_URL=ssh://git@github.com/team/project.git
REPOSITORY=https://user@bitbucket.example.com/team/project
MODEL_URL=https://huggingface.co/facebook/musicgen-small
PYPI_URL=https://pypi.org/simple?format=json
COOKIE_DOMAIN=studio.example.com
COOKIE_NAME=session_identifier
CREDENTIALS_PATH=secrets/credentials.json
SESSION_TIMEOUT=3600000000
SESSION_ID_LENGTH=3200000000
SIGNATURE_VERSION=s3v4-signature
SIGNATURE_ALGORITHM=HMAC-SHA256-RSA
LICENSE=Apache-2.0-with-LLVM
ENCRYPTION_MODE=aes-256-gcm
HASH_KEY=sha256-of-contents
SHARD_KEY=tenant-and-region
MAP_KEY=latitude_longitude
CONFIG_KEY=trainer.optimizer.lr
METRIC_KEY=tokens_per_second
LOOKUP_KEY=FRAME_INDEX_2024
SECRET_SANTA_LIMIT=20000000
PRIVATE_KEY_PATH=C:\\Users\\me\\key.pem
AUTHOR=Ada Lovelace of London
AUTHORS=ada-and-charles
CODE=python3.11-linux-x86_64
HOME=/home/somebody/projects
PATH=/usr/local/bin:/usr/bin:/bin
PWD=/work/projects/2024-11-26
OLDPWD=/work/projects/older-one
RUN_ID=20261126-072151-tiny-3f2a
GIT_COMMIT=955f8d3e3f2a9b8c1d4e5f60718293a4b5c6d7e8
BUILD_ID=550e8400-e29b-41d4-a716-446655440000
IMAGE_DIGEST=sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
DOCKER_IMAGE=registry.example.com/team/app:v1.2.3-rc4
LANG=en_US.UTF-8-extended
COOKIE_SECURE=yes-always
JWT_EXPIRATION=3600000
JWT_ALGORITHM=HS256-or-RS256
OAUTH_SCOPES=repo,read:user
OAUTH_REDIRECT_URI=http://localhost/callback
API_KEY_ENV=OPENAI_API_KEY
TOKEN_ENV_VAR=HF_TOKEN
LICENSE_KEY=trial
GIT_ASKPASS=/usr/lib/git-core/askpass
SESSION_MANAGER=local/host:@/tmp/.ICE-unix/1234
DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus,guid=3f2a9b8c1d4e5f60718293a4b5c6d7e8
TOKEN_COUNT=1234567890
PASS_THROUGH=enabled-everywhere
SECRET_MANAGER=aws-secrets-manager
CI_REPOSITORY_URL=https://gitlab-ci-token:[MASKED]@gitlab.com/a/b.git
SEED=1234567890123
SIGNATURE=def f(x: int) -> str
LS_COLORS=rs=0:di=01;34:ln=01;36:mh=00
""".strip().splitlines()
)

_TEXT = "".join(chr(97 + i % 26) for i in range(0, 7 * 40, 7))
INNOCENT_TEXTS: tuple[str, ...] = (
    "commit 955f8d3e3f2a9b8c1d4e5f60718293a4b5c6d7e8",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "md5 5d41402abc4b2a76b9719d911017c592",
    "run 550e8400-e29b-41d4-a716-446655440000 of 3",
    "facebook/musicgen-small, meta-llama/Llama-3.1-8B-Instruct, Qwen/Qwen2.5-VL-7B",
    "stabilityai/stable-diffusion-xl-base-1.0 and black-forest-labs/FLUX.1-dev",
    "/home/me/.cache/huggingface/hub/models--facebook--musicgen-small/snapshots/4c8334b02c6e",
    "C:\\Users\\me\\AppData\\Local\\Temp\\tmpab12cd34\\clip.wav",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    base64.b64encode(random.Random(7).randbytes(900)).decode(),
    base64.encodebytes(random.Random(8).randbytes(900)).decode(),
    random.Random(9).randbytes(300).hex(),
    "https://huggingface.co/facebook/musicgen-small/resolve/main/config.json?download=true",
    "http://localhost:8888/lab?token=<token>",
    "https://api.example.com/v1/items?key=duration&sort=name&page=2",
    "https://example.com/search?q=api_key&token=none",
    "https://example.com/list?page_token=2&next_token=CAUQAA",
    "postgres://localhost:5432/db and redis://cache:6379/0",
    "postgres://user:{password}@host/db",
    "postgres://user:$PASSWORD@host/db",
    "https://<user>:<password>@host/path",
    "https://user:***@host/path",
    "ssh://git@github.com/team/project.git",
    "git@github.com:team/project.git",
    "mailto://somebody@example.com",
    "http://127.0.0.1:8000/a@b and http://host:80/x?email=me@example.com",
    "Authorization: Bearer <token>",
    "Authorization: Bearer $TOKEN",
    "headers = {'Authorization': f'Bearer {token}'}",
    "the bearer of this letter, the bearer application",
    "Bearer authentication is required; Bearer token missing",
    "os.environ['HF_TOKEN'] is not set; export HF_TOKEN=...",
    "HF_TOKEN: missing, OPENAI_API_KEY: set",
    "token = tokenizer.eos_token; password = getpass()",
    "api_key=os.environ['OPENAI_API_KEY'], password=password, secret=config.secret",
    "task-manager-with-a-very-long-name-2024, disk-usage-over-ninety-percent-Full9",
    "risk-Assessment-2024-report-final-version-3",
    "sk-learn-pipeline-with-transformers-and-more",
    "scikit-learn==1.7.2 sk_live sk_test hf_hub_download hf_transfer hf_model_name_or_path",
    "hf_hubdownloadwithretriesandexponentialbackoff",
    "ghp_ is how such a token begins; gho_, ghs_ and github_pat_ too",
    "AKIA is a prefix, AKIAEXAMPLE is too short, MAKIAVELLIAN",
    "eyJ begins a JSON object in base64: eyJhIjoxfQ",
    "xoxo, with love; xoxb- without the rest",
    "npm_config_registry npm_package_name_that_is_long_enough_to_be_one",
    "dapifunctions, dapi_v1, SG.1.2, AIza, ya29",
    "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYI\n-----END PUBLIC KEY-----",
    "begins with -----BEGIN PRIVATE KEY----- and has base64 inside",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8Zq81xyzwAbCdEfGh me@host",
    "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDbk7o2c8uVzqkTvGs",
    "Set-Cookie: theme=dark; Path=/; Secure",
    "Cookie: consent=yes",
    "password: optional, token: required, secret: hidden",
    "Password must have 8 characters; the password is wrong",
    "the secret of good music; token by token; a key in C minor",
    "Server=localhost;Database=test;Trusted_Connection=True;",
    "Server=db;User=sa;Password={0};Encrypt=yes",
    "2026-11-26T07:21:51.123456Z INFO loss=0.1234567 step=12345678",
    "1.2.3.4:8080 10.0.0.1/24 fe80::1ff:fe23:4567:890a",
    "aa:bb:cc:dd:ee:ff 00:1A:2B:3C:4D:5E",
    "0x7f8a1c2b3d4e <object at 0x7ffee4c0a1b0>",
    "3.141592653589793 2.718281828459045e-10 1e300",
    "version 5.20.0.dev0+g955f8d3.d20261126",
    "torch-2.13.0+cu128-cp311-cp311-manylinux_2_28_x86_64.whl",
    "nvidia-smi: H100 80GB HBM3, GPU-5f3a9b8c-1d4e-4f60-8182-93a4b5c6d7e8",
    "layers.23.self_attn.k_proj.weight [1024, 1024] F32",
    "arn:aws:s3:::studio-models/musicgen/v2",
    "s3://studio-models/musicgen/v2/model-00001-of-00003.safetensors",
    "gs://bucket/path/to/object hdfs://name:9000/data file:///tmp/x",
    "registry.example.com/team/app@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c",
    "pip install 'git+https://github.com/team/project@v1.2.3#egg=project'",
    "ISBN 978-3-16-148410-0, IBAN DE89 3704 0044 0532 0130 00",
    "+49 30 1234567, 555-0123, 12:34:56",
    "id: 1, status: passed, kind: check, time: now",
    "<pad> <s> </s> [MASK] <|endoftext|> <|im_start|>",
    "key=value; k1=v1&k2=v2; sort_key=duration",
    "?sort=key&order=asc ?sig=none ?auth=basic ?token=true",
    "authorization: none, authorization = basic auth is off",
    "x-api-key header is missing",
    "https://sentry.io/organizations/team/issues/123456789",
    "https://hooks.slack.com/ is where webhooks go; https://hooks.slack.com/services/",
    "https://discord.com/api/webhooks/ and https://discord.com/channels/1/2",
    "telegram:AAAA 12345:AA",
    "The quick brown fox jumps over the lazy dog.",
    "Löffel, naïve café, 東京, Привет, 🎵🎶",
    "\x1b[32m✓\x1b[0m passed 12/12 [00:01<00:00, 9.87it/s]",
    "  3%|▎         | 12/400 [00:03<01:40,  3.86it/s]",
    "def __init__(self, api_key: str | None = None, token: str = ''): ...",
    "assert 'token' not in text and password != secret",
    "SELECT password FROM users WHERE token = ? AND secret = %s",
    "usage: prog [--token TOKEN] [--password-file FILE] [--api-key KEY]",
    "KeyError: 'api_key'; ValueError: invalid token at position 12345678",
    '{"id": "550e8400-e29b-41d4-a716-446655440000", "status": "ok", "n": 12345678901234}',
    "<svg viewBox='0 0 24 24'><path d='M12 2C6.48 2 2 6.48 2 12s4.48 10 10 10'/></svg>",
    "&lt;token&gt; &amp; &quot;password&quot; %3Ctoken%3E",
    "ffmpeg -i in.wav -c:a libmp3lame -q:a 2 out.mp3",
    "Lavf61.7.100 Lavc61.19.100 x264 - core 164 r3108 31e19f9",
    "MIDI 60 62 64 65 67 69 71 72 C4-E4-G4 120bpm",
    f"a very long word: {_TEXT}",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 abcdefghijklmnopqrstuvwxyz",
    "reference:small reference:large reference:tiny-v2",
)
