"""Which package brings a module that is not installed, as far as its name tells."""

from __future__ import annotations

from packaging.utils import canonicalize_name

__all__ = ["is_declared"]

# What builds of a package for a GPU bring, and others do not.
_COMPANIONS = {"triton": "torch"}
# What a module's package is called where it is not installed, and called otherwise.
_PACKAGES = {
    "Crypto": "pycryptodome", "OpenSSL": "pyopenssl", "PIL": "pillow", "attr": "attrs",
    "bs4": "beautifulsoup4", "cv2": "opencv-python", "dateutil": "python-dateutil",
    "docx": "python-docx", "dotenv": "python-dotenv", "faiss": "faiss-cpu", "fitz": "pymupdf",
    "git": "gitpython", "google": "protobuf", "jose": "python-jose", "jwt": "pyjwt",
    "magic": "python-magic", "multipart": "python-multipart", "pl_bolts": "lightning-bolts",
    "psycopg2": "psycopg2-binary", "pytorch_lightning": "pytorch-lightning",
    "rest_framework": "djangorestframework", "ruamel": "ruamel-yaml", "serial": "pyserial",
    "skimage": "scikit-image", "sklearn": "scikit-learn", "slugify": "python-slugify",
    "usb": "pyusb", "websocket": "websocket-client", "whisper": "openai-whisper",
    "yaml": "pyyaml", "zmq": "pyzmq",
}  # fmt: skip


def is_declared(module: str, names: frozenset[str]) -> bool:
    """Say whether a package among ``names`` brings a module, as far as names tell."""
    if _COMPANIONS.get(module) in names:
        return True
    usual = str(canonicalize_name(module))
    alike = {usual, str(canonicalize_name(_PACKAGES.get(module, module))), f"python-{usual}",
             f"{usual}-python", f"py{usual}"}  # fmt: skip
    # Several packages bring one module in variants: opencv-python-headless, onnxruntime-gpu.
    return bool(alike & names) or any(
        name.startswith(f"{known}-") for known in alike for name in names
    )
