"""Calls of the services' official SDKs, run in an environment that has them.

``python sdk_calls.py PROTOCOL BASE_URL`` prints one JSON object: what each call gave, or the
exception's class and status.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

PROMPT = "one two three"
MESSAGES: Any = [{"role": "user", "content": PROMPT}]
KEY, MODEL = "test-key", "double-small"
Calls = dict[str, Callable[[], Any]]


def openai_like(url: str, client_of: Callable[..., Any]) -> Calls:
    client = client_of(base_url=url, api_key=KEY, max_retries=0)
    chat = client.chat.completions.create
    options = {"stream": True, "stream_options": {"include_usage": True}}

    def streamed() -> Any:
        chunks = list(chat(model=MODEL, messages=MESSAGES, **options))
        text = [c.choices[0].delta.content or "" for c in chunks if c.choices]
        finish = [c.choices[0].finish_reason for c in chunks if c.choices][-1]
        return ["".join(text), finish, chunks[-1].usage.total_tokens]

    def plain(**more: Any) -> Any:
        answer = chat(model=MODEL, messages=MESSAGES, **more)
        choice = answer.choices[0]
        return [choice.message.content, choice.finish_reason, answer.usage.total_tokens]

    return {
        "chat": plain,
        "cut": lambda: plain(max_tokens=2),
        "stream": streamed,
        "models": lambda: [each.id for each in client.models.list().data],
        "wrong key": lambda: client_of(base_url=url, api_key="no", max_retries=0).models.list(),
        "wrong model": lambda: chat(model="other", messages=MESSAGES).model,
        "bad request": lambda: chat(model=MODEL, messages=[]),
    }


def openai_api(url: str) -> Calls:
    import openai

    client = openai.OpenAI(base_url=url, api_key=KEY, max_retries=0)

    def completion_streamed() -> Any:
        chunks = client.completions.create(model=MODEL, prompt=PROMPT, stream=True)
        return "".join(chunk.choices[0].text for chunk in chunks)

    def embeddings() -> Any:
        answer = client.embeddings.create(model=MODEL, input=["a", "b"])
        return [len(each.embedding) for each in answer.data]

    return {
        **openai_like(url, openai.OpenAI),
        "completion": lambda: client.completions.create(model=MODEL, prompt=PROMPT).choices[0].text,
        "completion stream": completion_streamed,
        "embeddings": embeddings,
    }


def groq(url: str) -> Calls:
    import groq as sdk

    calls = openai_like(url.removesuffix("/openai/v1"), sdk.Groq)
    client = sdk.Groq(base_url=url.removesuffix("/openai/v1"), api_key=KEY, max_retries=0)

    def streamed() -> Any:
        chunks = list(client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True))
        text = "".join(c.choices[0].delta.content or "" for c in chunks)
        return [text, chunks[-1].choices[0].finish_reason, chunks[-1].x_groq.usage.total_tokens]

    return {**calls, "stream": streamed}


def claude(url: str) -> Calls:
    import anthropic

    client = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0)

    def plain(limit: int = 64) -> Any:
        answer = client.messages.create(model=MODEL, messages=MESSAGES, max_tokens=limit)
        used = answer.usage.input_tokens + answer.usage.output_tokens
        return [answer.content[0].text, answer.stop_reason, used]

    def streamed() -> Any:
        with client.messages.stream(model=MODEL, messages=MESSAGES, max_tokens=64) as events:
            text = "".join(events.text_stream)
            last = events.get_final_message()
        return [text, last.stop_reason, last.usage.input_tokens + last.usage.output_tokens]

    wrong = anthropic.Anthropic(base_url=url, api_key="no", max_retries=0)
    return {
        "chat": plain,
        "cut": lambda: plain(2),
        "stream": streamed,
        "count": lambda: client.messages.count_tokens(model=MODEL, messages=MESSAGES).input_tokens,
        "models": lambda: [each.id for each in client.models.list()],
        "wrong key": lambda: wrong.models.list(),
        "wrong model": lambda: client.messages.create(
            model="other", messages=MESSAGES, max_tokens=1
        ),
        "bad request": lambda: client.messages.create(model=MODEL, messages=[], max_tokens=1),
    }


def gemini(url: str) -> Calls:
    from google import genai

    clients = {
        key: genai.Client(api_key=key, http_options={"base_url": url}) for key in (KEY, "no")
    }
    client = clients[KEY]

    def generate(key: str = KEY, model: str = MODEL, **settings: Any) -> Any:
        answer = clients[key].models.generate_content(
            model=model, contents=PROMPT, config=settings or None
        )
        reason = answer.candidates[0].finish_reason.name
        return [answer.text, reason, answer.usage_metadata.total_token_count]

    def streamed() -> Any:
        chunks = list(client.models.generate_content_stream(model=MODEL, contents=PROMPT))
        last = chunks[-1]
        return [
            "".join(chunk.text for chunk in chunks),
            last.candidates[0].finish_reason.name,
            last.usage_metadata.total_token_count,
        ]

    def embeddings() -> Any:
        answer = client.models.embed_content(model=MODEL, contents=["a", "b"])
        return [len(each.values) for each in answer.embeddings]

    return {
        "chat": generate,
        "cut": lambda: generate(max_output_tokens=2),
        "stream": streamed,
        "embeddings": embeddings,
        "count": lambda: client.models.count_tokens(model=MODEL, contents=PROMPT).total_tokens,
        "models": lambda: [each.name for each in client.models.list()],
        "wrong key": lambda: generate("no"),
        "wrong model": lambda: generate(model="other"),
        "bad request": lambda: generate(max_output_tokens=-1),
    }


def ollama(url: str) -> Calls:
    import ollama as sdk

    headers = {"Authorization": f"Bearer {KEY}"}
    client = sdk.Client(host=url, headers=headers)

    def plain(**options: Any) -> Any:
        answer = client.chat(model=MODEL, messages=MESSAGES, options=options)
        return [
            answer.message.content,
            answer.done_reason,
            answer.prompt_eval_count + answer.eval_count,
        ]

    def streamed() -> Any:
        chunks = list(client.chat(model=MODEL, messages=MESSAGES, stream=True))
        last = chunks[-1]
        return [
            "".join(chunk.message.content for chunk in chunks),
            last.done_reason,
            last.prompt_eval_count + last.eval_count,
        ]

    return {
        "chat": plain,
        "cut": lambda: plain(num_predict=2),
        "stream": streamed,
        "completion": lambda: client.generate(model=MODEL, prompt=PROMPT).response,
        "embeddings": lambda: [
            len(each) for each in client.embed(model=MODEL, input=["a", "b"]).embeddings
        ],
        "models": lambda: [each.model for each in client.list().models],
        "loaded": lambda: [each.model for each in client.ps().models],
        "wrong key": lambda: sdk.Client(host=url, headers={"Authorization": "Bearer no"}).list(),
        "wrong model": lambda: client.chat(model="other", messages=MESSAGES),
        "bad request": lambda: client.chat(model="", messages=MESSAGES),
    }


def hf_tgi(url: str) -> Calls:
    from huggingface_hub import InferenceClient

    client = InferenceClient(model=url, token=KEY)

    def details() -> Any:
        answer = client.text_generation(PROMPT, details=True, max_new_tokens=2)
        return [answer.generated_text, answer.details.finish_reason]

    def streamed_details() -> Any:
        last = list(client.text_generation(PROMPT, stream=True, details=True))[-1]
        return [last.generated_text, last.details.finish_reason, last.details.generated_tokens]

    def chat() -> Any:
        answer = client.chat_completion(MESSAGES)
        choice = answer.choices[0]
        return [choice.message.content, choice.finish_reason, answer.usage.total_tokens]

    def chat_streamed() -> Any:
        chunks = client.chat_completion(MESSAGES, stream=True)
        return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)

    return {
        "completion": lambda: client.text_generation(PROMPT),
        "completion stream": lambda: "".join(client.text_generation(PROMPT, stream=True)),
        "cut": details,
        "stream": streamed_details,
        "chat": chat,
        "chat stream": chat_streamed,
        "wrong key": lambda: InferenceClient(model=url, token="no").text_generation(PROMPT),
        "bad request": lambda: client.text_generation(PROMPT, temperature=-1.0),
    }


def hf_tei(url: str) -> Calls:
    from huggingface_hub import InferenceClient

    client = InferenceClient(model=url, token=KEY)
    return {
        "embeddings": lambda: list(client.feature_extraction("a b").shape),
        "similarity": lambda: client.sentence_similarity(
            "a b", other_sentences=["a b", "c"], model=f"{url}/similarity"
        )[0],
        "wrong key": lambda: InferenceClient(model=url, token="no").feature_extraction("a"),
        "bad request": lambda: client.feature_extraction(""),
    }


def s3_kit(url: str) -> Calls:
    import boto3
    from botocore.config import Config

    def client_of(key: str, secret: str) -> Any:
        return boto3.client(
            "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
        )  # fmt: skip

    client = client_of(KEY, KEY)
    where = {"Bucket": MODEL, "Key": "a b/ü+.txt"}

    def put() -> Any:
        return client.put_object(Body=b"hello", **where)["ETag"]

    def page() -> Any:
        client.put_object(Body=b"2", Bucket=MODEL, Key="z")
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=MODEL, PaginationConfig={"PageSize": 1}
        )
        return [each["Key"] for page in pages for each in page["Contents"]]

    return {
        "put": put,
        "get": lambda: client.get_object(**where)["Body"].read().decode(),
        "head": lambda: client.head_object(**where)["ContentLength"],
        "list": page,
        "delete": lambda: client.delete_object(**where)["ResponseMetadata"]["HTTPStatusCode"],
        "gone": lambda: client.get_object(**where),
        "buckets": lambda: [each["Name"] for each in client.list_buckets()["Buckets"]],
        "wrong key": lambda: client_of("no", KEY).list_buckets(),
        "wrong secret": lambda: client_of(KEY, "no").list_buckets(),
        "wrong bucket": lambda: client.list_objects_v2(Bucket="other"),
    }


def ask(call: Callable[[], Any]) -> Any:
    """Return what a call gives, or its exception's class, status and code."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - each SDK has its own tree
        response = getattr(error, "response", None)
        told = response.get("Error", {}) if isinstance(response, dict) else {}
        status = getattr(error, "status_code", None) or getattr(error, "code", None)
        status = status if isinstance(status, int) else getattr(response, "status_code", None)
        return [type(error).__name__, told.get("Code", status)]


if __name__ == "__main__":
    protocol, base = sys.argv[1:3]
    made = {"vllm": openai_api, "llvm": openai_api, "opea": openai_api}.get(protocol)
    calls = (made or globals()[protocol])(base)
    print(json.dumps({name: ask(call) for name, call in calls.items()}, ensure_ascii=False))
