"""OpenVINO Model Server: KServe's protocol v2, TensorFlow Serving's v1, and chats below ``/v3``.

Tensors go to ``v2/models/…/infer``; rows (``{"instances": …}``) and named columns
(``{"inputs": {…}}``) to ``v1/models/…:predict``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from proofbook_subjects.apis.client.backends.base import as_dict
from proofbook_subjects.apis.client.backends.openai_api import OpenAI
from proofbook_subjects.apis.client.errors import SetupError
from proofbook_subjects.apis.client.exchange import Call

__all__ = ["ModelServer"]


class ModelServer(OpenAI):
    """``ovms``."""

    name = "ovms"
    title = "OpenVINO Model Server"
    default_url = None
    url_form = "http://127.0.0.1:8000, without a version path"
    key_names = ("OVMS_API_KEY",)
    key_required = False
    prefix = "/v3"

    def write_inference(self, inputs: Any, model: str) -> Call:
        """Choose the protocol by the form of ``inputs``.

        Args:
            inputs: KServe's tensors (``[{"name", "shape", "datatype", "data"}]``, or that within
                ``{"inputs": …}``); TensorFlow Serving's ``{"instances": …}`` or
                ``{"inputs": {…}}``; or names with nested lists of numbers, sent as FP32.
            model: Its name; ``name/versions/2`` is a version.
        """
        name = quote(model, safe="/-_.~")
        if _is_v1(inputs):
            return Call(path=f"/v1/models/{name}:predict", body=dict(inputs), model=model)
        body = inputs if _has_tensors(inputs) else {"inputs": _tensors(inputs)}
        return Call(path=f"/v2/models/{name}/infer", body=body, model=model)

    def read_inference(self, value: Any) -> Any:
        """Return v2's outputs by name, or v1's predictions or columns as they are."""
        found = as_dict(value)
        outputs = found.get("outputs")
        if isinstance(outputs, list) and all("name" in as_dict(each) for each in outputs):
            return {each["name"]: each for each in outputs}
        for key in ("predictions", "outputs"):
            if key in found:
                return found[key]
        return self.foreign(value, "outputs, or predictions")

    def write_models(self) -> Call:
        """``GET v1/config``."""
        return Call(method="GET", path="/v1/config")

    def read_models(self, value: Any) -> list[str]:
        """Read the names of the configuration."""
        if not isinstance(value, dict) or not all(
            "model_version_status" in as_dict(each) for each in value.values()
        ):
            self.foreign(value, "model_version_status")
        return list(value)


def _is_v1(inputs: Any) -> bool:
    if not isinstance(inputs, Mapping):
        return False
    return "instances" in inputs or isinstance(inputs.get("inputs"), Mapping)


def _has_tensors(inputs: Any) -> bool:
    return isinstance(inputs, Mapping) and isinstance(inputs.get("inputs"), list)


def _tensors(inputs: Any) -> list[dict[str, Any]]:
    if isinstance(inputs, Mapping):
        return [_tensor(name, data) for name, data in inputs.items()]
    if isinstance(inputs, Sequence) and all("datatype" in as_dict(each) for each in inputs):
        return [dict(each) for each in inputs]
    raise SetupError(
        "inputs are KServe's tensors, TensorFlow Serving's instances or inputs, or names with "
        f"numbers; not {type(inputs).__name__}"
    )


def _tensor(name: str, data: Any) -> dict[str, Any]:
    return {"name": name, "shape": _shape(data), "datatype": "FP32", "data": data}


def _shape(data: Any) -> list[int]:
    return [len(data), *(_shape(data[0]) if data else [])] if isinstance(data, list) else []
