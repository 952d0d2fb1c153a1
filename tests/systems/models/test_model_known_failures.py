"""Causes that ``upstream.yaml`` names of models that are not made, do not answer or export."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from proofbook_systems.models import upstream
from proofbook_systems.models.building import PROFILES, build_model
from proofbook_systems.models.catalogue import list_types
from proofbook_systems.models.checking import Ready, Trial
from proofbook_systems.models.devices.cpu import CPU
from proofbook_systems.models.devices.rows import judge_export
from proofbook_systems.models.devices.trying import Sample, take_steps
from proofbook_systems.models.findings import DeviceVerdict, Finding, Verdict
from proofbook_systems.models.outputs import call, measure_distance
from proofbook_systems.models.trial import Options, get_ready

# What torch and transformers say of themselves while a model is exported.
pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def code_of(name: str) -> Any:
    return importlib.import_module(f"transformers.models.{name}.modeling_{name}")


def begin(name: str) -> tuple[Trial, Ready | None]:
    type_ = list_types()[name]
    trial = Trial(verdict=Verdict(type=name, category=type_.category), tell=lambda _: None)
    return trial, get_ready(trial, type_, Options())


def answer_no_images(patch: pytest.MonkeyPatch) -> None:
    from transformers.modeling_outputs import MoeCausalLMOutputWithPast

    patch.setattr(MoeCausalLMOutputWithPast, "image_outputs", None, raising=False)


def take_a_nougat(patch: pytest.MonkeyPatch) -> None:
    from transformers import NougatConfig, VisionEncoderDecoderModel

    patch.setattr(VisionEncoderDecoderModel, "config_class", NougatConfig)


def stand_in_for_torchvision(name: str) -> Callable[[pytest.MonkeyPatch], None]:
    def roi_align(features: Any, boxes: Any, size: Any) -> Any:
        means = [features[n].mean((1, 2)).expand(len(b), -1) for n, b in enumerate(boxes)]
        return torch.cat(means)[..., None, None].expand(-1, -1, size, size)

    def mend(patch: pytest.MonkeyPatch) -> None:
        torchvision = SimpleNamespace(ops=SimpleNamespace(roi_align=roi_align))
        patch.setattr(code_of(name), "torchvision", torchvision, raising=False)

    return mend


CAUSES: list[tuple[str, str, Callable[[pytest.MonkeyPatch], None]]] = [
    ("llama4", "forward", answer_no_images),
    ("nougat", "init", take_a_nougat),
    ("sam3_geometry_encoder", "forward", stand_in_for_torchvision("sam3")),
    ("sam3_lite_text_geometry_encoder", "forward", stand_in_for_torchvision("sam3_lite_text")),
]


@pytest.mark.parametrize(("name", "check", "mend"), CAUSES, ids=lambda each: str(each)[:40])
def test_without_its_named_cause_a_model_answers(
    name: str, check: str, mend: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, ready = begin(name)
    failed = next(each for each in trial.verdict.findings if each.check == check)
    assert ready is None and failed.status == "failed"
    assert upstream.find_issue(name, check, failed.reason) is not None, failed.reason
    mend(monkeypatch)
    assert begin(name)[1] is not None


@pytest.mark.parametrize("name", ["bark", "qwen2_5_omni", "qwen3_omni_moe"])
def test_model_without_a_forward_writes_and_is_known(name: str) -> None:
    import transformers

    trial, ready = begin(name)
    kind = getattr(transformers, trial.verdict.model_class)
    assert ready is None and kind.forward is torch.nn.Module.forward and "generate" in vars(kind)
    assert upstream.find_issue(name, "forward", trial.verdict.findings[-1].reason) is not None


WITHOUT_CLASS = ["gemma4_unified_audio", "gemma4_unified_vision", "idefics_perciever", "layoutxlm",
                 "pp_chart2table_vision"]  # fmt: skip


@pytest.mark.parametrize("name", WITHOUT_CLASS)
def test_configuration_without_a_class_is_one_to_transformers_too(name: str) -> None:
    from transformers import CONFIG_MAPPING, AutoModel

    trial, ready = begin(name)
    (failed,) = trial.verdict.findings
    assert ready is None and upstream.find_issue(name, "init", failed.reason) is not None
    with pytest.raises(ValueError, match="Unrecognized configuration class"):
        AutoModel.from_config(CONFIG_MAPPING[name]())


def test_weights_that_nothing_draws_are_what_the_memory_held() -> None:
    name = "qwen3_omni_moe_talker_text"
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)  # fills new memory with what is no number
    try:
        model = build_model(list_types()[name], PROFILES[0], task="", seed=0, choice=0).model
    finally:
        torch.use_deterministic_algorithms(before)
    undrawn = [name for name, weight in model.named_parameters() if weight.isnan().any()]
    assert undrawn and all("mlp.experts." in each for each in undrawn)
    promised = f"the gradient of {undrawn[0]} promises a slope of 1"
    for check, words in (("reference", "float32 is 1.0 from float64"), ("gradient", promised)):
        assert upstream.find_issue(name, check, words) is not None


def test_rewards_that_are_left_out_change_nothing() -> None:
    trial, ready = begin("decision_transformer")
    assert ready is not None
    rest = {name: value for name, value in ready.inputs.items() if name != "rewards"}
    assert len(rest) < len(ready.inputs)
    assert measure_distance(ready.outputs, call(ready.built.model, rest)).share == 0
    words = "the answer does not depend on rewards"
    assert upstream.find_issue(trial.verdict.type, "sensitivity", words) is not None


def test_part_that_wants_the_whole_configuration_is_made_of_it() -> None:
    from transformers import Sapiens2Config

    trial, ready = begin("sapiens2_head")
    (failed,) = trial.verdict.findings
    assert ready is None and upstream.find_issue("sapiens2_head", "init", failed.reason) is not None
    head = {"upsample_out_channels": [8], "conv_out_channels": [8]}
    config = Sapiens2Config(hidden_size=8, num_attention_heads=2, head_config=head)
    assert sum(p.numel() for p in code_of("sapiens2").Sapiens2Head(config).parameters())


def export(ready: Ready) -> Finding:
    lines: list[dict[str, Any]] = []
    sample = Sample(model=ready.built.model, one=ready.inputs, two=ready.other, tolerance=1e-4)
    take_steps(CPU(), sample, lines.append, dynamic=True)
    found = [Finding(**line["finding"]) for line in lines if "finding" in line]
    return judge_export(DeviceVerdict(device="cpu", findings=found))


def normalise_no_heads(ready: Ready, patch: pytest.MonkeyPatch) -> None:
    for module in ready.built.model.modules():
        if hasattr(module, "qkv") and hasattr(module, "q_norm"):
            module.q_norm = module.k_norm = torch.nn.Identity()


def make_a_tensor_of_sizes(ready: Ready, patch: pytest.MonkeyPatch) -> None:
    kind = code_of("apertus1p5").Apertus1p5Model
    before = kind.get_image_tokens

    def with_tensor(self: Any, pixel_values: Any, image_sizes: Any) -> Any:
        return before(self, pixel_values, torch.tensor(image_sizes))

    patch.setattr(kind, "get_image_tokens", with_tensor)


def make_no_mask(name: str) -> Callable[[Ready, pytest.MonkeyPatch], None]:
    def mend(ready: Ready, patch: pytest.MonkeyPatch) -> None:
        for kind in ("", "_sliding_window"):
            made = f"create_bidirectional{kind}_mask"
            patch.setattr(code_of(name), made, lambda **_: None, raising=not kind)

    return mend


def keep_no_cache(ready: Ready, patch: pytest.MonkeyPatch) -> None:
    ready.built.model.config.use_cache = False


def leave_routers_as_they_are(ready: Ready, patch: pytest.MonkeyPatch) -> None:
    for module in ready.built.model.modules():
        if hasattr(module, "classifier") and hasattr(module, "expert_capacity"):
            patch.setattr(module.classifier, "to", lambda *_, kept=module.classifier: kept)


EXPORTS: list[tuple[str, Callable[[Ready, pytest.MonkeyPatch], None]]] = [
    ("glm_ocr_vision", normalise_no_heads),
    ("apertus1p5", make_a_tensor_of_sizes),
    ("informer", make_no_mask("informer")),
    ("autoformer", make_no_mask("autoformer")),
    ("muse_glimmer_assistant", make_no_mask("muse_glimmer_assistant")),
    ("dory", keep_no_cache),
    ("switch_transformers", leave_routers_as_they_are),
]


@pytest.mark.parametrize(("name", "mend"), EXPORTS, ids=lambda each: str(each)[:40])
def test_without_its_named_cause_an_export_goes_on(
    name: str, mend: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, ready = begin(name)
    assert ready is not None
    failed = export(ready)
    assert upstream.find_issue(name, "export", failed.reason) is not None, failed.reason
    _, again = begin(name)
    assert again is not None
    mend(again, monkeypatch)
    exported = export(again)  # which leaves what depends on values, or is drawn at random
    assert exported.status != "failed" or "DataDependent" in exported.reason, exported.reason
