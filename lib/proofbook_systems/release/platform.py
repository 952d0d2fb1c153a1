"""Ask a platform, by its own API, about account, token and rate; nothing is ever changed there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import RootModel

from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.serving.client import JsonClient, ServerError

__all__ = ["Platform", "judge_account", "judge_expiry"]

_SECONDS = 20.0
_QUOTA = {"fields": "config,quota_usage"}


class _Document(RootModel[dict[str, Any]]):
    pass


class Platform:
    """A platform that speaks Graph's form, as seen with one token."""

    def __init__(self, url: str, token: str, account: str) -> None:
        self._url, self._token, self._account = url, token, account

    def judge_credentials(self) -> Finding:
        """Ask what only a token that may post for the account is told: how much it has posted."""
        why = "a post that is refused at its time is late"
        if not self._token:
            return finding("credentials", ["the token is not set"], why=why)
        _, fault = self._get(f"/{self._account}/content_publishing_limit", _QUOTA)
        return finding("credentials", [fault] if fault else [], why=why)

    def judge_headroom(self, least: int) -> Finding:
        """Ask how many posts the account may still publish."""
        why = "the platform refuses more posts a day than it allows"
        document, fault = self._get(f"/{self._account}/content_publishing_limit", _QUOTA)
        if fault:
            return finding("rate-headroom", [fault], why=why)
        try:
            entry = document["data"][0] if "data" in document else document
            used = int(entry["quota_usage"])
            total = int(entry.get("config", entry)["quota_total"])
        except (LookupError, TypeError, ValueError):
            told = f"the platform tells no quota: {sorted(document)}"
            return finding("rate-headroom", [told], why=why)
        few = f"{total - used} of {total} posts are left; {least} are wanted"
        return finding("rate-headroom", [few] if total - used < least else [], why=why)

    def judge_post(self, post: str, caption: str = "") -> Finding:
        """Ask whether a post is there."""
        name, why = "post-visible", "a post that nobody sees was not posted"
        document, fault = self._get(f"/{post}", {"fields": "id,permalink,caption"})
        if fault:
            listed, _ = self._get(f"/{self._account}/media", {"fields": "id"})
            there = listed.get("data") if isinstance(listed.get("data"), list) else []
            if any(isinstance(each, Mapping) and each.get("id") == post for each in there or []):
                return finding(name, [], why=why)
            return finding(name, [fault], why=why)
        faults = []
        told = document.get("caption")
        if caption and told is not None and str(told).strip() != caption.strip():
            faults.append("its caption is another one than was given")
        return finding(name, faults, why=why)

    def _get(self, path: str, query: Mapping[str, str]) -> tuple[dict[str, Any], str]:
        with JsonClient(self._url, answer_seconds=_SECONDS) as client:
            try:
                params = {**query, "access_token": self._token}
                document = client.get(path, _Document, params=params).root
            except ServerError as error:
                return {}, self._hidden(str(error))
        if isinstance(error_ := document.get("error"), Mapping):
            return {}, self._hidden(f"GET {path}: {error_.get('message', error_)}")
        return document, ""

    def _hidden(self, text: str) -> str:
        text = text.replace(self._token, "<token>") if self._token else text
        return re.sub(r"(access_token=)[^&\s\"']+", r"\1<token>", text)


def judge_account(asked: Platform, least: int, *, is_real: bool, posts: bool) -> list[Finding]:
    """Judge token and rate; where nothing of the pipeline is involved, say so.

    Args:
        asked: The platform.
        least: Posts that must be left today.
        is_real: Whether it is the account's own platform.
        posts: Whether the pipeline has a command that posts.
    """
    if is_real or posts:
        return [asked.judge_credentials(), asked.judge_headroom(least)]
    reason = "platform is empty and commands has no post: no account of anybody's is involved"
    names, why = ("credentials", "rate-headroom"), "a post that is refused at its time is late"
    return [finding(name, [], why=why, untried=reason) for name in names]


def judge_expiry(expires: str, least_days: float, now: datetime | None = None) -> Finding:
    """Judge when a token ends.

    Args:
        expires: Date in ISO's form, or seconds since the epoch; empty where nobody knows.
        least_days: For which it must be good.
        now: By default now.
    """
    name, why = "token-fresh", "a token that ends in the night ends the posts of the night"
    if not expires:
        return finding(
            name, [], why=why, untried="token_expires is empty: nobody says when it ends"
        )
    try:
        if re.fullmatch(r"\d{9,}(\.\d+)?", expires):
            end = datetime.fromtimestamp(float(expires), UTC)
        else:
            end = datetime.fromisoformat(expires)
    except ValueError as error:
        return finding(name, [f"token_expires {expires!r} is no date: {error}"], why=why)
    end = end if end.tzinfo else end.replace(tzinfo=UTC)
    left = (end - (now or datetime.now(UTC))).total_seconds() / 86400
    words = f"it ended {-left:.1f} days ago" if left <= 0 else \
        f"it is good for {left:.1f} days; {least_days:g} are wanted"  # fmt: skip
    return finding(name, [words] if left < least_days or left <= 0 else [], why=why)
