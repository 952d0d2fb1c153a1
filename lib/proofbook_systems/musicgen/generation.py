"""Load a MusicGen through transformers and generate a clip with it.

Knows nothing about files, except the folder that the weights come from.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.mapped_weights import map_weights
from proofbook_systems.musicgen.subject import Subject
from proofbook_systems.musicgen.windows import WINDOWS, Windows

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

__all__ = ["Generation", "Model", "generate", "generate_batch", "load"]

_LOG = logging.getLogger("proofbook.musicgen")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A loaded model, ready to generate."""

    subject: Subject
    network: Any
    """``MusicgenForConditionalGeneration``, in evaluation mode, on ``device``."""
    processor: Any
    device: str
    missing_weights: tuple[str, ...]
    """Parameters for which the files held nothing: they are random."""
    unused_weights: tuple[str, ...]
    """What the files held that no parameter takes."""
    seconds_taken: float

    @property
    def rate(self) -> int:
        """Samples a second, as the model's configuration says."""
        return int(self.network.config.audio_encoder.sampling_rate)

    @property
    def frame_rate(self) -> int:
        """Decoder steps for a second of audio."""
        return int(self.network.config.audio_encoder.frame_rate)

    @property
    def channels(self) -> int:
        """Channels of a clip."""
        return int(self.network.config.decoder.audio_channels)

    @property
    def codebooks(self) -> int:
        """Tokens a step."""
        return int(self.network.decoder.num_codebooks)

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.network.parameters())


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One generated clip, as the model emitted it."""

    prompt: str
    seed: int
    samples: NDArray[np.float32]
    """Shape (frames, channels)."""
    rate: int
    tokens: NDArray[np.int64]
    """Shape (codebooks, steps)."""
    seconds_taken: float
    """Of a batch, this clip's share."""

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return len(self.samples) / self.rate

    @property
    def tokens_per_second(self) -> float:
        """Tokens of all codebooks generated in a second of wall time, decoding included."""
        return float(self.tokens.size / self.seconds_taken)

    @property
    def real_time_factor(self) -> float:
        """Wall time for a second of audio; below 1 is faster than real time."""
        return self.seconds_taken / self.seconds

    def same_tokens(self, other: Generation) -> bool:
        """Say whether the model chose the same for both, from the first step to the last."""
        import numpy as np

        return np.array_equal(self.tokens, other.tokens)

    def same_start(self, other: Generation) -> bool:
        """Say whether both begin with the same tokens, as clips of one seed and two lengths do.

        The last steps of the shorter one do not count: there its first codebooks have ended, which
        the others hear.
        """
        import numpy as np

        codebooks, steps = self.tokens.shape
        shared = min(steps, other.tokens.shape[1]) - codebooks
        start, others = self.tokens[:, :shared], other.tokens[:, :shared]
        return shared > 0 and np.array_equal(start, others)


def load(
    subject: Subject,
    device: str = "auto",
    *,
    dtype: str = "float32",
    device_map: Mapping[str, str | int] | None = None,
    offload_folder: Path | None = None,
) -> Model:
    """Load ``subject`` onto ``device``: ``auto``, ``cpu``, ``cuda``, ``mps``.

    With ``device_map``, module to ``cpu``, ``disk`` or the number of a GPU, the model is
    spread over these instead; what is on the disk stays in the model's own files where it can,
    else goes to ``offload_folder``.

    Raises:
        SubjectError: The files cannot be loaded, or there is no such device.
    """
    import torch
    from transformers import AutoProcessor, MusicgenForConditionalGeneration

    place = _device(device) if device_map is None else _first_device(device_map)
    spread = {} if device_map is None else {
        "device_map": dict(device_map), "offload_folder": offload_folder}  # fmt: skip
    began = time.perf_counter()
    try:
        processor = AutoProcessor.from_pretrained(subject.folder, local_files_only=True)
        network, report = MusicgenForConditionalGeneration.from_pretrained(
            subject.folder, local_files_only=True, use_safetensors=True, output_loading_info=True,
            dtype=getattr(torch, dtype), **spread,
        )  # fmt: skip
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise SubjectError(
            f"{subject.requested} cannot be loaded from {subject.folder} ({reason[0]}); "
            "download or save the model again"
        ) from error
    _LOG.info("loaded %s onto %s", subject.requested, place)
    network = network.eval()
    if spread:
        map_weights(network)
    return Model(
        subject=subject,
        network=network if spread else network.to(place),
        processor=processor,
        device=place,
        missing_weights=tuple(sorted(report["missing_keys"])),
        unused_weights=tuple(sorted(report["unexpected_keys"])),
        seconds_taken=time.perf_counter() - began,
    )


def _first_device(device_map: Mapping[str, str | int]) -> str:
    """Return the device that computes: the first GPU, or else the CPU."""
    cards = [device for device in device_map.values() if device not in ("cpu", "disk")]
    return f"cuda:{cards[0]}" if cards and isinstance(cards[0], int) else str((*cards, "cpu")[0])


def generate(
    model: Model,
    prompt: str,
    seconds: float,
    *,
    seed: int,
    guidance_scale: float = 3.0,
    top_k: int = 250,
    temperature: float = 1.0,
) -> Generation:
    """Generate a clip of ``seconds`` for ``prompt``; the same seed gives the same clip.

    The length is rounded to whole frames of the codec, and is at least as many of them as the last
    codebook starts after the first. The caller's random state is left as it was.
    """
    (clip,) = generate_batch(
        model, [prompt], seconds, seed=seed, guidance_scale=guidance_scale, top_k=top_k,
        temperature=temperature,
    )  # fmt: skip
    return clip


def generate_batch(
    model: Model,
    prompts: Sequence[str],
    seconds: float,
    *,
    seed: int,
    guidance_scale: float = 3.0,
    top_k: int = 250,
    temperature: float = 1.0,
    windows: Windows = WINDOWS,
) -> list[Generation]:
    """Generate a clip for each prompt, all at once.

    The same prompts and seed give the same clips. One generator serves the whole batch, so that a
    clip depends on what else is in it: alone, the same prompt and seed give another. What is longer
    than a window is generated window by window, each going on from the end of the one before.
    """
    import numpy as np
    import torch

    steps = max(1, _delay(model), round(seconds * model.frame_rate))
    inputs = model.processor(text=list(prompts), padding=True, return_tensors="pt")
    options = {
        **inputs.to(model.device), "do_sample": True, "guidance_scale": guidance_scale,
        "top_k": top_k, "temperature": temperature,
    }  # fmt: skip
    _LOG.info("generating %d steps, seed %d: %s", steps, seed, "; ".join(prompts))
    devices = [model.device] if model.device.startswith("cuda") else []
    began = time.perf_counter()
    with torch.random.fork_rng(devices=devices), torch.inference_mode():
        torch.manual_seed(seed)
        codes, audio = _extend(model, options, windows.plan(steps, model.frame_rate))
        samples = audio.float().cpu().numpy()
    taken = time.perf_counter() - began
    _LOG.info("generated %d clips of %d samples at %d Hz", *samples.shape[::2], model.rate)
    return [
        Generation(
            prompt=prompt,
            seed=seed,
            samples=np.ascontiguousarray(samples[row].T),
            rate=model.rate,
            tokens=codes[row].cpu().numpy(),
            seconds_taken=taken / len(prompts),
        )
        for row, prompt in enumerate(prompts)
    ]


def _extend(
    model: Model, options: Mapping[str, Any], plan: Iterable[tuple[int, int]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Generate window after window; return codes (batch, codebooks, steps) and their audio."""
    import torch
    from transformers import StoppingCriteriaList

    codes, pieces = None, 0
    for kept, new in plan:
        tape, length = _Tape(), new + _delay(model)
        start: dict[str, Any] = (
            {} if codes is None else {"decoder_input_ids": codes[..., -kept:].flatten(0, 1)}
        )
        audio = model.network.generate(
            **options, **start, max_new_tokens=length,
            stopping_criteria=StoppingCriteriaList([tape]),
        )  # fmt: skip
        window = _undelayed(model, tape.tokens[:, : 1 + kept + length])
        codes = window if codes is None else torch.cat([codes, window[..., kept:]], dim=-1)
        pieces += 1
    assert codes is not None
    return codes, audio if pieces == 1 else _decoded(model, codes)


def _decoded(model: Model, codes: torch.Tensor) -> torch.Tensor:
    """Return the audio of codes, shape (batch, channels, samples)."""
    import torch

    channels = int(model.network.config.decoder.audio_channels)
    scales = [None] * codes.shape[0]
    sides = [codes[:, side::channels] for side in range(channels)]
    decoder = model.network.audio_encoder
    return torch.cat([decoder.decode(side[None], scales).audio_values for side in sides], dim=1)


class _Tape:
    """Keeps the tokens so far; transformers calls it a stopping criterion, and it never stops.

    ``generate`` returns audio alone, and MusicGen's hands no tokens to a streamer.
    """

    tokens: torch.Tensor
    """Shape (codebooks, 1 + steps so far), delayed as the decoder sees them."""

    def __call__(self, tokens: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        import torch

        self.tokens = tokens
        return torch.zeros(tokens.shape[0], dtype=torch.bool, device=tokens.device)


def _delay(model: Model) -> int:
    """Return how many steps the last codebook starts after the first; stereo pairs go together."""
    return int(model.codebooks // model.network.config.decoder.audio_channels) - 1


def _undelayed(model: Model, tokens: torch.Tensor) -> torch.Tensor:
    """Return the codes as the codec decodes them: each codebook starts one step after another.

    Shape (batch, codebooks, steps).
    """
    decoder = model.network.decoder
    pad = model.network.generation_config.pad_token_id
    _, mask = decoder.build_delay_pattern_mask(
        tokens[:, :1], pad_token_id=pad, max_length=tokens.shape[-1]
    )
    codes: torch.Tensor = decoder.apply_delay_pattern_mask(tokens, mask)
    rows = codes.shape[0] // model.codebooks
    return codes[codes != pad].reshape(rows, model.codebooks, -1)


def _device(wanted: str) -> str:
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind = wanted.split(":")[0]
    cuda, mps = torch.cuda.is_available, torch.backends.mps.is_available
    if (kind == "cuda" and not cuda()) or (kind == "mps" and not mps()):
        raise SubjectError(f"there is no {kind} device here; set device to auto or cpu")
    count = torch.cuda.device_count()
    if kind == "cuda" and int(wanted.partition(":")[2] or 0) >= count:
        raise SubjectError(f"there is no {wanted} here: the last CUDA device is cuda:{count - 1}")
    return wanted
