"""Redact an executed notebook by the schema of nbformat 4.5 and of papermill's metadata.

What a cell is and how it ended stays readable; all that a person or a program wrote has no secret
in it, also where one begins in one stream's text and ends in another's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from proofbook.records import CellStatus
from proofbook.runs.glued import SCRAP
from proofbook.runs.record_redaction import redact_record_values
from proofbook.runs.redaction import Redactor

__all__ = ["redact_cell", "redact_metadata"]

_CELL_TYPES = frozenset({"code", "markdown", "raw"})
_OUTPUT_TYPES = frozenset({"display_data", "error", "execute_result", "stream"})
_STREAMS = frozenset({"stderr", "stdout"})
_STATUSES = frozenset({*get_args(CellStatus), "pending"})
_TAGS = frozenset({"injected-parameters", "parameters", "raises-exception"})
_KERNELS = frozenset({"kernelspec", "language_info"})
_TIMES = frozenset({"end_time", "start_time"})
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.+-]+Z?")
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+", re.IGNORECASE)
_IN_BASE64 = ("application/pdf", "audio/", "image/", "video/")


def redact_metadata(redact: Redactor, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notebook's metadata without secrets."""
    return redact.distinct(
        (key, _papermill(redact, value))
        if key == "papermill"
        else (key, _identifiers(redact, value))
        if key in _KERNELS
        else (redact(key), redact.walk(value))
        for key, value in metadata.items()
    )


def redact_cell(redact: Redactor, cell: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cell without secrets."""
    clean = {key: redact.walk(cell[key]) for key in cell.keys() - {"outputs", "metadata"}}
    clean["cell_type"] = _one_of(redact, cell["cell_type"], _CELL_TYPES)
    if isinstance(cell.get("id"), str):
        clean["id"] = redact.identifier(cell["id"])
    clean["execution_count"] = cell.get("execution_count")
    if cell["cell_type"] != "code":
        del clean["execution_count"]
    if "metadata" in cell:
        clean["metadata"] = _cell_metadata(redact, cell["metadata"])
    if "outputs" in cell:
        clean["outputs"] = _outputs(redact, cell["outputs"])
    return clean


def _cell_metadata(redact: Redactor, metadata: Mapping[str, Any]) -> dict[str, Any]:
    clean = {key: value for key, value in metadata.items() if key not in ("papermill", "tags")}
    result: dict[str, Any] = redact.walk(clean)
    if "papermill" in metadata:
        result["papermill"] = _papermill(redact, metadata["papermill"])
    if "tags" in metadata:
        result["tags"] = [_one_of(redact, tag, _TAGS) for tag in metadata["tags"]]
    return result


def _papermill(redact: Redactor, state: Any) -> Any:
    if not isinstance(state, Mapping):
        return redact.walk(state)
    clean = redact.walk(state)
    for key, value in state.items():
        is_time = key in _TIMES and isinstance(value, str) and _TIME.fullmatch(value)
        if is_time or isinstance(value, bool | float) or (key == "status" and value in _STATUSES):
            clean[key] = value
    return clean


def _outputs(redact: Redactor, outputs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    texts = _stream_texts(redact, outputs)
    return [_output(redact, each, texts.get(i)) for i, each in enumerate(outputs)]


def _stream_texts(redact: Redactor, outputs: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Return the printed texts by their index."""
    texts = {
        i: text if isinstance(text := output.get("text", ""), str) else "".join(text)
        for i, output in enumerate(outputs)
        if output.get("output_type") == "stream"
    }
    sources = [str(outputs[i].get("name")) for i in texts]
    return dict(zip(texts, redact.interleaved(sources, list(texts.values())), strict=True))


def _output(redact: Redactor, output: Mapping[str, Any], text: str | None) -> dict[str, Any]:
    kind = output.get("output_type")
    clean = {k: v for k, v in output.items() if k not in ("output_type", "text", "name", "data")}
    result: dict[str, Any] = redact.walk(clean)
    result["output_type"] = _one_of(redact, kind, _OUTPUT_TYPES)
    if "execution_count" in output and isinstance(output["execution_count"], int | None):
        result["execution_count"] = output["execution_count"]
    if text is not None:
        result["name"] = _one_of(redact, output.get("name"), _STREAMS)
        result["text"] = text
    elif isinstance(output.get("data"), Mapping):
        pairs = output["data"].items()
        result["data"] = redact.distinct(_display(redact, key, value) for key, value in pairs)
    return result


def _display(redact: Redactor, media_type: str, value: Any) -> tuple[str, Any]:
    if media_type == SCRAP and isinstance(value, Mapping) and "data" in value:
        clean = redact.walk({k: v for k, v in value.items() if k != "data"})
        clean.update({k: v for k, v in value.items() if (k, v) in _SCRAP_CONSTANTS})
        return media_type, {**clean, "data": redact_record_values(redact, value["data"])}
    is_type = _MEDIA_TYPE.fullmatch(media_type)
    key = redact.identifier(media_type) if is_type else redact(media_type)
    if media_type.startswith(_IN_BASE64) and isinstance(value, str):
        return key, redact.in_base64(value)
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return key, redact.pieces(value)
    return key, redact.walk(value)


_SCRAP_CONSTANTS = (("encoder", "json"), ("version", 1))


def _identifiers(redact: Redactor, value: Any) -> Any:
    """Return what names a kernel and its language: words in it are no secrets."""
    if isinstance(value, str):
        return redact.identifier(value)
    if isinstance(value, Mapping):
        return {key: _identifiers(redact, item) for key, item in value.items()}
    return redact.walk(value)


def _one_of(redact: Redactor, value: Any, values: frozenset[str]) -> Any:
    return value if isinstance(value, str) and value in values else redact.walk(value)
