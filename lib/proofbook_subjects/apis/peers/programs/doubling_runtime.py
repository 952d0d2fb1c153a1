"""A runtime of MLServer that doubles the numbers that it gets."""

from __future__ import annotations

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput

__all__ = ["DoublingModel"]


class DoublingModel(MLModel):  # type: ignore[misc]
    """Takes ``input`` (FP32) and returns ``output``, of the same shape."""

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Return the doubled numbers of the first input."""
        given = payload.inputs[0]
        output = ResponseOutput(
            name="output", shape=given.shape, datatype=given.datatype,
            data=[2 * number for number in given.data],
        )  # fmt: skip
        return InferenceResponse(
            id=payload.id, model_name=self.name, model_version=self.version, outputs=[output]
        )
