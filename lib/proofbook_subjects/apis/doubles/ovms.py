"""OpenVINO Model Server: KServe's protocol v2, and TensorFlow Serving's REST API v1.

One model, version 1: it takes ``input`` (FP32, two dimensions) and returns ``output``, the double
of it. An error is ``{"error": "…"}``. The server asks for no key on these routes; the double's is
what a gateway in front would ask for.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from proofbook_subjects.apis.doubles.echo import MODEL
from proofbook_subjects.apis.doubles.protocol import (
    Body,
    Protocol,
    RefusedError,
    bearer,
    read_object,
    route,
)

__all__ = ["PROTOCOL"]

_IN, _OUT, _VERSION = "input", "output", "1"
_TYPE = "FP32"
_OPEN = {"/v2/health/live", "/v2/health/ready"}


def _error(status: int, message: str) -> RefusedError:
    return RefusedError(status, {"error": message})


def _bad_json(_reason: str) -> RefusedError:
    # The server answers 412 to what is no JSON, as it does to a model's own file.
    return _error(412, "The file is not valid json")


def _check_model(request: Request) -> None:
    if request.path_params["model"].partition(":")[0] != MODEL:
        raise _error(404, "Model with requested name is not found")
    version = request.path_params.get("version", _VERSION)
    if not version.partition(":")[0].isdigit():
        raise _error(400, "Could not parse model version in request")
    if version.partition(":")[0] != _VERSION:
        raise _error(404, "Model with requested version is not found")


def _flatten(data: object) -> list[float]:
    if isinstance(data, list):
        return [number for each in data for number in _flatten(each)]
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise _error(400, "Could not parse input content. Not valid ndarray detected")
    return [float(data)]


def _shape(data: object) -> list[int]:
    shape = []
    while isinstance(data, list):
        shape.append(len(data))
        data = data[0] if data else None
    return shape


def _double(data: object) -> object:
    return [_double(each) for each in data] if isinstance(data, list) else 2.0 * _flatten(data)[0]


async def _infer(request: Request) -> Response:
    _check_model(request)
    body = await read_object(request, _bad_json)
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(each, dict) for each in inputs):
        raise _error(400, "Invalid JSON structure, missing inputs")
    tensor = _find_input(inputs)
    numbers = _flatten(tensor.get("data"))
    shape = tensor.get("shape")
    if not isinstance(shape, list) or len(shape) != 2:
        raise _error(400, "Invalid number of shape dimensions - Expected: (-1,-1)")
    if len(numbers) != shape[0] * shape[1]:
        raise _error(400, f"Invalid value count - Expected: {shape[0] * shape[1]} values; "
                     f"Actual: {len(numbers)} values; input name: {_IN}")  # fmt: skip
    output = {"name": _OUT, "datatype": _TYPE, "shape": shape, "data": [2.0 * n for n in numbers]}
    told: Body = {"model_name": MODEL, "model_version": _VERSION, "outputs": [output]}
    return JSONResponse({**told, "id": body["id"]} if "id" in body else told)


def _find_input(inputs: Sequence[Body]) -> Body:
    if len(inputs) != 1:
        raise _error(400, f"Invalid number of inputs - Expected: 1; Actual: {len(inputs)}")
    if inputs[0].get("name") != _IN:
        raise _error(400, f"Missing input with specific name - Required input: {_IN}")
    if inputs[0].get("datatype") != _TYPE:
        raise _error(400, f"Invalid input precision - Expected: {_TYPE}; "
                     f"Actual: {inputs[0].get('datatype')}; input name: {_IN}")  # fmt: skip
    return inputs[0]


async def _model_v2(request: Request) -> Response:
    _check_model(request)
    return JSONResponse(
        {
            "name": MODEL,
            "versions": [_VERSION],
            "platform": "OpenVINO",
            "inputs": [{"name": _IN, "datatype": _TYPE, "shape": [-1, -1]}],
            "outputs": [{"name": _OUT, "datatype": _TYPE, "shape": [-1, -1]}],
        }
    )


async def _ready(request: Request) -> Response:
    if "model" in request.path_params:
        _check_model(request)
    return Response(status_code=200)


async def _server(_request: Request) -> Response:
    return JSONResponse({"name": "OpenVINO Model Server", "version": "2026.1"})


async def _predict(request: Request) -> Response:
    """Answer TensorFlow Serving's ``:predict``, in rows (``instances``) or columns (``inputs``)."""
    _check_model(request)
    method = (request.path_params.get("version") or request.path_params["model"]).partition(":")[2]
    if method != "predict":
        raise _error(404, "Invalid request URL")
    body = await read_object(request, _bad_json)
    if body.get("signature_name") not in (None, "", "serving_default"):
        raise _error(400, "Invalid signature definition")
    if "instances" in body:
        return JSONResponse({"predictions": _predict_rows(body["instances"])})
    if "inputs" in body:
        given = body["inputs"]
        named = isinstance(given, dict)
        data = _named(given) if named else given
        _check_matrix(data)
        return JSONResponse({"outputs": _double(data)})
    raise _error(400, "Invalid JSON structure. Could not detect row or column format")


def _predict_rows(instances: object) -> object:
    if not isinstance(instances, list):
        raise _error(400, "Invalid JSON structure. Nonamed instance is not an array.")
    if not instances:
        raise _error(400, "Invalid JSON structure. Missing instances in row format")
    rows = [_named(row) if isinstance(row, dict) else row for row in instances]
    _check_matrix(rows)
    return _double(rows)


def _named(given: Body) -> object:
    if list(given) != [_IN]:
        raise _error(400, f"Missing input with specific name - Required input: {_IN}")
    return given[_IN]


def _check_matrix(data: object) -> None:
    if len(_shape(data)) != 2:
        raise _error(400, "Invalid number of shape dimensions - Expected: (-1,-1)")
    _flatten(data)


async def _model_v1(request: Request) -> Response:
    _check_model(request)
    status = {"error_code": "OK", "error_message": "OK"}
    version = {"version": _VERSION, "state": "AVAILABLE", "status": status}
    return JSONResponse({"model_version_status": [version]})


_V2, _V1 = "/v2/models/{model}", "/v1/models/{model}"

PROTOCOL = Protocol(
    routes=[
        route("/v2", _server, "GET"),
        route("/v2/health/live", _ready, "GET"),
        route("/v2/health/ready", _ready, "GET"),
        *(
            each
            for base in (_V2, f"{_V2}/versions/{{version}}")
            for each in (
                route(f"{base}/infer", _infer),
                route(f"{base}/ready", _ready, "GET"),
                route(base, _model_v2, "GET"),
            )
        ),
        *(
            each
            for base in (_V1, f"{_V1}/versions/{{version}}")
            for each in (route(base, _predict), route(base, _model_v1, "GET"))
        ),
    ],
    find_key=bearer,
    wrong_key=lambda _key: _error(401, "Unauthorized request due to invalid or missing api-key"),
    wrong_route=lambda _request, status: _error(
        status, "Invalid request URL" if status == 404 else "Unsupported method"
    ),
    is_public=_OPEN.__contains__,
)
