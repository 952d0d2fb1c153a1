"""moto's server: Amazon's S3 as others have built it again, with one bucket."""

from __future__ import annotations

from pathlib import Path

from proofbook_subjects.apis.environments import make_environment
from proofbook_subjects.apis.peers.launching import PROGRAMS, launched
from proofbook_subjects.apis.servers import Served, Server, write_server

__all__ = ["REQUIREMENTS", "write_moto"]

_VERSION = "5.2.5"
REQUIREMENTS = (f"moto=={_VERSION}", "flask==3.1.3", "flask-cors==6.0.2")
"""What its server needs for S3; ``moto[server]`` brings five times as much for other services."""
_BUCKET = "proofbook"
_ACTIONS = ("put_object", "get_object", "list_objects", "delete_object")


def write_moto(root: Path) -> Path:
    """Make the environment, and write the server's file."""
    python = make_environment("moto", REQUIREMENTS, root, shares_packages=True)
    words = [str(PROGRAMS / "object_server.py"), "--bucket", _BUCKET, "--port", "{port}"]
    server = Server(
        name="moto",
        version=f"{_VERSION}, which takes every key",
        implementation="REAL",
        command=launched(python, words),
        health=f"/{_BUCKET}",
        serves={"s3_kit": Served(base_path="", model=_BUCKET, actions=_ACTIONS)},
        start_seconds=60.0,
        api_key="testing:testing",
    )
    return write_server(server, root)
