"""A timestamp shows that a log was there; each forgery of one has its own word."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from authority import NOON, Authority, Served, der, integer, serving
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from forging import ANNS, edit_log, entries_of, write_log
from reviewed_run import approve_all, make_run

from proofbook.errors import UsageError
from proofbook.records import now
from proofbook.review.anchoring import ask_authority, find_anchor, timestamp
from proofbook.runs.folder import RunFolder
from proofbook.signoff.certificates import Authorities, read_authorities
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.timestamps import STAMPS_FILE, StampedLog, read_stamps, stamp_log
from proofbook.signoff.tokens import make_request
from proofbook.signoff.verification import Verification, verify_run

CLOCKS = Authority()
RUN = "20260304-090000-demo-aaaa"
OTHERS_NONCE = 12345


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that Ann approved and signed, and that was stamped then."""
    folder = tmp_path_factory.mktemp("original")
    run = make_run(folder / "outputs", RUN)
    approve_all(run, key=ANNS)
    stamp(run)
    return run.path


@pytest.fixture
def run(original: Path, tmp_path: Path) -> RunFolder:
    return RunFolder(shutil.copytree(original, tmp_path / "outputs" / RUN))


@pytest.fixture
def authorities(tmp_path: Path) -> Path:
    """The file that says whose timestamps count."""
    (tmp_path / "ca.pem").write_bytes(CLOCKS.pem)
    return tmp_path / "ca.pem"


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(CLOCKS) as server:
        yield server


def stamp(run: RunFolder, authority: Authority = CLOCKS, /, **forged: Any) -> None:
    """Append a timestamp of the last line, forged where something is given."""
    number = len(entries_of(run)) - 1
    sha256 = SignoffLog(run.path, RUN).read().hashes[-1]
    nonce, moment = forged.pop("nonce", OTHERS_NONCE), forged.pop("moment", None)
    response = authority.stamp(bytes.fromhex(forged.pop("imprint", sha256)), nonce, moment)
    values = {"run": RUN, "number": number, "sha256": sha256, "nonce": f"{OTHERS_NONCE:x}",
              "token": encoded(response)}  # fmt: skip
    with (run.path / STAMPS_FILE).open("a") as file:
        file.write(f"{json.dumps(values | forged)}\n")


def encoded(response: bytes) -> str:
    return base64.b64encode(response).decode()


def stamp_anew(run: RunFolder, /, *args: Any, **forged: Any) -> None:
    (run.path / STAMPS_FILE).unlink()
    stamp(run, *args, **forged)


def verify(run: RunFolder, authorities: Path, anchor: str = "tsa") -> Verification:
    return verify_run(run, anchored=find_anchor(anchor, run, authorities).problems)


def answer_dated(run: RunFolder, moment: Any, number: int = -1) -> None:
    text = moment.isoformat().replace("+00:00", "Z")
    edit_log(run, lambda entries: entries[number].update(time=text), ANNS)


def cut_off(run: RunFolder) -> None:
    write_log(run, entries_of(run)[:-1])


def of_the_other(run: RunFolder) -> None:
    """Take the timestamps of another run, whose log is stamped rightly."""
    other = make_run(run.path.parent, "20260304-100000-demo-bbbb")
    approve_all(other, key=ANNS)
    number, sha256 = 4, SignoffLog(other.path, other.path.name).read().hashes[-1]
    stamp_anew(run, run=other.path.name, number=number, sha256=sha256, imprint=sha256)


def of_the_other_as_this(run: RunFolder) -> None:
    of_the_other(run)
    path = run.path / STAMPS_FILE
    path.write_text(path.read_text().replace("20260304-100000-demo-bbbb", RUN))


def changed_token(run: RunFolder) -> None:
    """Put the hash of what the log became into a token that was made for another."""
    old = SignoffLog(run.path, RUN).read().hashes[-1]
    rejection = {"comment": "another"}
    edit_log(run, lambda entries: entries[-1].update(rejection), ANNS)
    new = SignoffLog(run.path, RUN).read().hashes[-1]
    response = CLOCKS.stamp(bytes.fromhex(old), OTHERS_NONCE)
    assert bytes.fromhex(old) in response
    response = response.replace(bytes.fromhex(old), bytes.fromhex(new))
    stamp_anew(run, token=encoded(response))


def answered_before(run: RunFolder) -> None:
    """Add an answer after the stamp that says it was given before it."""
    entries = entries_of(run)
    late = {**entries[-1], "id": "c" * 32}
    write_log(run, [*entries, late])
    answer_dated(run, now() - timedelta(hours=1))


def answered_after(run: RunFolder) -> None:
    """Have an answer stamped that says it was given later."""
    answer_dated(run, now() + timedelta(hours=1))
    stamp_anew(run)


OTHER, SAME_NAME = Authority(name="Others", seed=3), Authority(seed=3)
EXPIRED, EARLY = Authority(until=NOON), Authority(since=now() + timedelta(days=1))
FORGERIES: dict[str, tuple[Callable[[RunFolder], object], str]] = {
    "another hash": (lambda run: stamp_anew(run, imprint="0" * 64), "other imprint"),
    "another hash, as the record has it": (
        lambda run: stamp_anew(run, imprint="0" * 64, sha256="0" * 64), "replaced"),
    "another authority": (lambda run: stamp_anew(run, OTHER), "unknown authority"),
    "another authority of the same name": (
        lambda run: stamp_anew(run, SAME_NAME), "unknown authority"),
    "a certificate that has expired": (lambda run: stamp_anew(run, EXPIRED), "expired certificate"),
    "a certificate that is not valid yet": (
        lambda run: stamp_anew(run, EARLY), "expired certificate"),
    "a certificate for nothing": (
        lambda run: stamp_anew(run, Authority(usages=())), "no timestamp certificate"),
    "a certificate for code": (
        lambda run: stamp_anew(run, Authority(usages=(ExtendedKeyUsageOID.CODE_SIGNING,))),
        "no timestamp certificate"),
    "a certificate for code as well": (
        lambda run: stamp_anew(run, Authority(usages=(
            ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING))),
        "no timestamp certificate"),
    "the certificate of another time, of the same key": (
        lambda run: stamp_anew(run, Authority(until=NOON, shown=CLOCKS)), "unbound certificate"),
    "no name of its certificate": (
        lambda run: stamp_anew(run, Authority(naming="")), "unbound certificate"),
    "a name by a hash that nobody uses": (
        lambda run: stamp_anew(run, Authority(naming="2 md5")), "unbound certificate"),
    "the nonce of another request": (lambda run: stamp_anew(run, nonce=777), "replayed"),
    "no nonce": (lambda run: stamp_anew(run, nonce=None), "replayed"),
    "a token of tomorrow": (
        lambda run: stamp_anew(run, moment=now() + timedelta(days=1)), "of the future"),
    "a token with another hash put in": (changed_token, "broken token"),
    "a token of another run": (of_the_other, "other run"),
    "a token of another run, called ours": (of_the_other_as_this, "replaced"),
    "no token": (lambda run: stamp_anew(run, token=encoded(b"x")), "unreadable token"),
    "a refusal": (
        lambda run: stamp_anew(run, token=encoded(der(48, der(48, integer(2))))), "refused"),
    "no base64": (lambda run: stamp_anew(run, token="*"), "unreadable token"),
    "deep brackets": (
        lambda run: (run.path / STAMPS_FILE).write_text("[" * 100_000), "unreadable token"),
    "a log that was cut off": (cut_off, "rolled back"),
    "a log that was written anew": (
        lambda run: edit_log(run, lambda entries: entries[-1].update(comment="x"), ANNS),
        "replaced"),
    "a log that was written anew before its end": (
        lambda run: edit_log(run, lambda entries: entries[1].update(comment="x"), ANNS),
        "replaced"),
    "no timestamps": (lambda run: (run.path / STAMPS_FILE).unlink(), "not stamped"),
    "an answer dated before the stamp it follows": (answered_before, "back-dated"),
    "an answer dated after the stamp on it": (answered_after, "of the future"),
}  # fmt: skip


def test_a_log_that_was_stamped_fits(run: RunFolder, authorities: Path) -> None:
    found = verify(run, authorities)
    assert (found.verdict, found.reasons) == ("approved", ())


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_called_by_its_word(run: RunFolder, authorities: Path, name: str) -> None:
    forge, word = FORGERIES[name]
    forge(run)
    found = verify(run, authorities)
    doubted = word in ("back-dated", "of the future") and name != "a token of tomorrow"
    assert {reason.word for reason in found.reasons} == {word}, found.reasons
    assert found.verdict in (("untrusted",) if doubted else ("tampered", "untrusted"))
    without = verify_run(run)
    assert (without.verdict, without.reasons) == ("approved", ())


@pytest.mark.parametrize("naming", ["1 sha1", "2 sha1", "2 sha384", "2 sha512"])
def test_a_certificate_may_be_named_in_any_way(
    run: RunFolder, authorities: Path, naming: str
) -> None:
    stamp_anew(run, Authority(naming=naming))
    assert verify(run, authorities).verdict == "approved"


LATER, BEFORE = now() + timedelta(hours=1), now() - timedelta(hours=1)
GONE = x509.ReasonFlags.cessation_of_operation
REVOKED: dict[str, tuple[bytes, set[str]]] = {
    "its own, with no reason": (CLOCKS.revoked(LATER), {"revoked certificate"}),
    "its own, before": (CLOCKS.revoked(BEFORE, GONE), {"revoked certificate"}),
    "its own, afterwards, unharmed": (CLOCKS.revoked(LATER, GONE), set()),
    "its own, afterwards, its key stolen": (
        CLOCKS.revoked(LATER, x509.ReasonFlags.key_compromise), {"revoked certificate"}),
    "another one": (CLOCKS.revoked(BEFORE, number=7), set()),
    "two lists": (
        CLOCKS.revoked(BEFORE, number=7) + CLOCKS.revoked(BEFORE), {"revoked certificate"}),
    "the list of another authority": (
        OTHER.pem + OTHER.revoked(BEFORE, number=CLOCKS.certificate.serial_number), set()),
}  # fmt: skip


@pytest.mark.parametrize("name", REVOKED)
def test_a_revoked_certificate_is_called_so(run: RunFolder, authorities: Path, name: str) -> None:
    lists, words = REVOKED[name]
    authorities.write_bytes(lists + CLOCKS.pem)
    found = verify(run, authorities)
    assert {reason.word for reason in found.reasons} == words, found.reasons
    assert all("CN=Clocks was revoked on " in reason.text for reason in found.reasons)


def test_what_was_answered_after_a_stamp_needs_no_new_one(
    run: RunFolder, authorities: Path
) -> None:
    approve_all(run, key=ANNS)
    assert verify(run, authorities).verdict == "approved"
    stamp(run)
    assert verify(run, authorities).verdict == "approved"
    anchor = find_anchor("tsa", run, authorities)
    first, second = anchor.notes(SignoffLog(run.path, RUN).read())
    assert first.startswith("CN=Clocks stamped the log up to entry 4; 4 came later, at ")
    assert second.startswith("CN=Clocks stamped the log up to entry 8, the last, at ")


def test_stamps_that_nobody_asked_about_are_told(run: RunFolder) -> None:
    log = SignoffLog(run.path, RUN).read()
    (note,) = find_anchor("", run).notes(log)
    assert (
        note == "signoffs.timestamps was not looked at: hold the log against it with --anchor tsa"
    )
    (run.path / "signoffs.timestamps").unlink()
    assert find_anchor("", run).notes(log) == []


def test_a_certificate_that_expired_later_was_valid_then(run: RunFolder, authorities: Path) -> None:
    ended = Authority(until=now() - timedelta(hours=1))
    stamp_anew(run, ended, moment=now() - timedelta(hours=2))
    words = {reason.word for reason in verify(run, authorities).reasons}
    assert words == {"of the future"}  # the answers were given since
    (problem, *_) = verify(run, authorities).reasons
    assert problem.text.startswith("timestamp 1: entry 1 of Ann is dated ")


def test_stamps_and_tokens_that_were_kept_elsewhere_show_what_is_missing(
    run: RunFolder, authorities: Path, tmp_path: Path
) -> None:
    kept, token = tmp_path / "kept", tmp_path / "kept.tsr"
    shutil.copy(run.path / STAMPS_FILE, kept)
    (one,) = read_stamps(kept)
    assert one is not None
    token.write_bytes(one.response)
    for anchor in (kept, token):
        assert verify(run, authorities, str(anchor)).verdict == "approved"
    cut_off(run)
    (run.path / STAMPS_FILE).unlink()
    for anchor in (kept, token):
        found = verify(run, authorities, str(anchor))
        assert [reason.word for reason in found.reasons] == ["rolled back"]


def test_openssl_and_we_agree_about_a_token(run: RunFolder, tmp_path: Path) -> None:
    (one,) = read_stamps(run.path / STAMPS_FILE)
    assert one is not None
    (tmp_path / "kept.tsr").write_bytes(one.response)
    (tmp_path / "ca.pem").write_bytes(CLOCKS.pem)
    head = json.loads((run.path / "signoffs.head").read_text())["sha256"]
    words = ["openssl", "ts", "-verify", "-in", "kept.tsr", "-CAfile", "ca.pem", "-digest", head]
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "Verification: OK\n"


def test_a_run_is_stamped_by_an_authority_over_http(
    run: RunFolder, authorities: Path, served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.path / STAMPS_FILE).unlink()
    assert timestamp(run, served.url, authorities) == 0
    out, err = capsys.readouterr()
    assert out.startswith("stamped up to entry 4: ") and not err
    head = json.loads((run.path / "signoffs.head").read_text())["sha256"]
    assert served.asked == [("application/timestamp-query", bytes.fromhex(head))]
    assert verify(run, authorities).verdict == "approved"
    assert timestamp(run, served.url) == 0
    assert "not verified" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda sha256, nonce: CLOCKS.stamp(sha256, nonce + 1), "replayed"),
        (lambda sha256, nonce: CLOCKS.stamp(sha256, None), "replayed"),
        (lambda sha256, nonce: CLOCKS.stamp(sha256[::-1], nonce), "other imprint"),
        (lambda sha256, nonce: OTHER.stamp(sha256, nonce), "unknown authority"),
        (lambda sha256, nonce: EXPIRED.stamp(sha256, nonce), "expired certificate"),
        (lambda sha256, nonce: der(48, der(48, integer(2), der(48, der(12, b"no coin")))),
         "refused: the authority did not stamp it: no coin"),
        (lambda sha256, nonce: b"<html>", "unreadable token"),
    ],
)  # fmt: skip
def test_a_token_that_does_not_fit_is_not_kept(
    run: RunFolder, authorities: Path, served: Served, answer: Any, word: str
) -> None:
    served.answer = answer
    before = (run.path / STAMPS_FILE).read_bytes()
    with pytest.raises(UsageError, match=f"cannot be used: {word}"):
        timestamp(run, served.url, authorities)
    assert (run.path / STAMPS_FILE).read_bytes() == before


def test_an_authority_that_cannot_be_asked_is_named(served: Served) -> None:
    served.status = 503
    with pytest.raises(UsageError, match=r"--tsa http.*: it answered 503 Service Unavailable"):
        ask_authority(served.url, make_request(b"x").body)
    served.status, served.kind = 200, "text/html"
    with pytest.raises(UsageError, match="it answered text/html, which is no timestamp"):
        ask_authority(served.url, make_request(b"x").body)
    with pytest.raises(UsageError, match=r"cannot be asked: .*refused"):
        ask_authority("http://127.0.0.1:1/tsr", b"x")
    for url in ("file:///etc/passwd", "clocks.example.org", "ftp://a"):
        with pytest.raises(UsageError, match="begins with http:// or https://"):
            ask_authority(url, b"x")


def test_what_is_not_whole_is_not_stamped(run: RunFolder, tmp_path: Path) -> None:
    def never(request: bytes) -> bytes:
        raise AssertionError("an authority was asked")

    with pytest.raises(UsageError, match="was never sealed"):
        stamp_log(SignoffLog(tmp_path, "none"), never)
    (run.path / "signoffs.head").write_text("{}")
    with pytest.raises(UsageError, match="a log that was tampered with is not stamped"):
        stamp_log(SignoffLog(run.path, RUN), never)


def test_whose_timestamps_count_must_be_said(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "parameters").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="--anchor tsa: give --tsa-ca FILE"):
        find_anchor("tsa", run)
    (tmp_path / "timestamp_authorities.pem").write_bytes(CLOCKS.pem)
    assert find_anchor("tsa", run).problems(SignoffLog(run.path, RUN).read()) == []


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (None, "No such file"), (b"", "not certificates in PEM or DER"),
        (b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", "not certificates"),
        (CLOCKS.certificate.public_bytes(Encoding.PEM), "none of its certificates is a root"),
        (CLOCKS.pem + OTHER.revoked(NOON), "none of its certificates signed the list of CN=Others"),
        (CLOCKS.pem + SAME_NAME.revoked(NOON), "none of its certificates signed the list of"),
        (CLOCKS.pem + CLOCKS.revoked(NOON)[:99] + b"\n-----END X509 CRL-----\n", "not certificat"),
    ],
)  # fmt: skip
def test_a_file_of_authorities_that_is_none_is_named(
    tmp_path: Path, data: bytes | None, problem: str
) -> None:
    file = tmp_path / "ca"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(UsageError, match=f"--tsa-ca .*{problem}"):
        read_authorities(file)


def test_a_log_held_against_no_authority_is_never_sound(run: RunFolder) -> None:
    held = StampedLog(
        run=RUN, stamps=read_stamps(run.path / STAMPS_FILE), authorities=Authorities(())
    )
    with pytest.raises(ValueError, match="at least one root"):
        held.problems(SignoffLog(run.path, RUN).read())
