"""A token is read for what it says, and called by one word for what keeps it from being sound."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from authority import NOON, Authority, der, info_of, integer, oid, split
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from proofbook.signoff import tokens
from proofbook.signoff.certificates import Authorities, naming_problem, revocation_problem
from proofbook.signoff.entries import Problem
from proofbook.signoff.tokens import Token, chain_problem, make_request, read_token

CLOCKS, OTHER = Authority(), Authority(name="Others", seed=3)
TRUSTED = Authorities((CLOCKS.root,))
HASH = b"x" * 32
_SEQUENCE, _TEXT = 48, 12
SHA256, SHA384 = oid("2.16.840.1.101.3.4.2.1"), oid("2.16.840.1.101.3.4.2.2")


def stamped(authority: Authority = CLOCKS) -> bytes:
    return authority.stamp(HASH, 5, NOON)


def refused(status: int, *words: str) -> bytes:
    texts = [der(_SEQUENCE, *(der(_TEXT, word.encode()) for word in words))] if words else []
    return der(_SEQUENCE, der(_SEQUENCE, integer(status), *texts))


@pytest.mark.parametrize(
    ("authority", "signer"),
    [(CLOCKS, "CN=Clocks"), (OTHER, "CN=Others"), (Authority(shown=OTHER), ""),
     (Authority(shows=False), "")],
)  # fmt: skip
def test_a_token_is_read_whoever_has_signed_it(authority: Authority, signer: str) -> None:
    assert read_token(stamped(authority)) == Token(HASH.hex(), 5, NOON, signer)


def test_a_token_may_have_no_nonce() -> None:
    assert read_token(CLOCKS.stamp(HASH, None, NOON)) == Token(HASH.hex(), None, NOON, "CN=Clocks")


def test_the_hash_of_another_algorithm_is_none() -> None:
    response = stamped().replace(SHA256, SHA384)
    assert read_token(response) == Token("", 5, NOON, "CN=Clocks")


@pytest.mark.parametrize(
    ("status", "words", "why"),
    [
        (2, ["no coin"], "no coin"), (2, ["no coin", "come later"], "no coin; come later"),
        (2, [], "its status is 2"), (1, [], "its status is 1"),
    ],
)  # fmt: skip
def test_why_an_authority_did_not_stamp_is_told(status: int, words: list[str], why: str) -> None:
    text = f"the authority did not stamp it: {why}"
    assert read_token(refused(status, *words)) == Problem("refused", text)


@pytest.mark.parametrize("response", [b"", b"x", b"<html>", refused(0), stamped()[:-1]])
def test_what_is_no_token_is_called_so(response: bytes) -> None:
    problem = read_token(response)
    assert isinstance(problem, Problem)
    assert problem.word == "unreadable token"
    assert problem.text.startswith("it cannot be read: ")
    assert len(problem.text) > len("it cannot be read: ")


def as_pem(data: bytes, name: str) -> bytes:
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (
        name.encode(), base64.encodebytes(data), name.encode()
    )  # fmt: skip


def test_a_response_that_is_not_der_says_what_it_is() -> None:
    whole = stamped()
    _, body, _ = split(whole)
    status = der(48, der(2, b"\0"))
    token = body[len(status) :]
    _, content, _ = split(token)
    unsorted = (Authority(name="A").certificate, Authority(name="Longer").certificate)
    first, second = sorted((c.public_bytes(Encoding.DER) for c in unsorted), key=len)
    own = CLOCKS.certificate.public_bytes(Encoding.DER)
    for response, words in (
        (as_pem(whole, "PKCS7"), "it is in PEM, and has to be in DER"),
        (b"\x30\x80" + body + b"\0\0", "it is in BER, or not whole, and has to be in DER"),
        (der(48, status, b"\x30\x80" + content + b"\0\0"), "it is in BER, or not whole, and"),
        (token, "it is a token without the authority's response around it"),
        (whole + b"\0", "something follows it"),
        (whole[:-1], "it is cut off"),
        (several(whole, own, second + first), "it is in BER, with a set that is not sorted, and"),
    ):
        found = read_token(response)
        assert isinstance(found, Problem)
        assert found.word == "unreadable token"
        assert found.text.startswith(f"it cannot be read: {words}")
    sound = read_token(several(whole, own, first + second))
    assert isinstance(sound, Token)


def several(response: bytes, own: bytes, certificates: bytes) -> bytes:
    """Return a response with other certificates in place of its own."""
    _, body, _ = split(response)
    status = der(48, der(2, b"\0"))
    _, token, _ = split(body[len(status) :])
    kind, signed = token[:11], split(split(token[11:])[1])[1]
    signed = signed.replace(der(0xA0, own), der(0xA0, certificates))
    return der(48, status, der(48, kind, der(0xA0, der(48, signed))))


@pytest.mark.parametrize(
    "naming", ["2 sha256", "2 sha384", "2 sha512", "2 sha1", "1 sha1", "2 md5", ""]
)
def test_a_certificate_may_be_named_by_any_hash_function(naming: str) -> None:
    authority = Authority(naming=naming)
    found = chain_problem(stamped(authority), Authorities((authority.root,)))
    assert (found is None) is (naming not in ("2 md5", "")), naming
    assert found is None or found.word == "unbound certificate"


def test_what_is_cut_off_names_no_certificate() -> None:
    authority = Authority()
    token = authority._token(info_of(b"x" * 32, 5, NOON))
    assert naming_problem(token, authority.certificate) is None
    cut = naming_problem(token[:-9], authority.certificate)
    assert cut == ("unbound certificate", "it does not name the certificate that signed it")
    other = naming_problem(token, Authority(seed=3).certificate)
    assert other == ("unbound certificate", "it names another certificate than the one beside it")


def test_every_list_is_looked_at() -> None:
    own, other = Authority(), Authority(name="Others", seed=3)
    lists = [x509.load_pem_x509_crl(each.revoked(NOON)) for each in (other, own)]
    for order in (lists, lists[::-1]):
        found = revocation_problem(
            [own.certificate], Authorities((own.root, other.root), tuple(order)), NOON
        )
        assert found is not None
        assert found.word == "revoked certificate"
    assert (
        revocation_problem([own.certificate], Authorities((own.root,), (lists[0],)), NOON) is None
    )


def test_a_request_asks_for_the_hash_of_what_is_to_be_stamped() -> None:
    import hashlib

    request = make_request(b"a line")
    assert hashlib.sha256(b"a line").digest() in request.body
    assert SHA256 in request.body
    assert integer(request.nonce) in request.body


@pytest.mark.parametrize("authority", [CLOCKS, Authority(naming="1 sha1")])
def test_a_token_of_an_authority_that_counts_is_sound(authority: Authority) -> None:
    assert chain_problem(stamped(authority), TRUSTED) is None
    assert chain_problem(stamped(authority), Authorities((OTHER.root, CLOCKS.root))) is None


def test_a_certificate_may_come_between_a_root_and_an_authority() -> None:
    far = Authority(is_far=True)
    assert chain_problem(stamped(far), Authorities((far.root, far.between))) is None
    assert chain_problem(stamped(far), Authorities((far.between, far.root))) is None
    assert chain_problem(stamped(far), TRUSTED) == UNKNOWN


UNKNOWN = Problem("unknown authority", "no given authority has issued its certificate")
NOT_VALID = Problem("expired certificate", "its certificate was not valid at the time it names")
NOT_FOR_TIME = Problem("no timestamp certificate", "its certificate is not one for timestamps")
NOT_SHOWN = Problem("no timestamp certificate", "it comes without its signer's certificate")
BROKEN = Problem("broken token", "its signature does not fit what it says")
SIGNING = (ExtendedKeyUsageOID.CODE_SIGNING,)
UNSOUND = {
    "another authority": (OTHER, UNKNOWN),
    "another authority of the same name": (Authority(seed=3), UNKNOWN),
    "a certificate that has expired": (Authority(until=NOON - timedelta(seconds=1)), NOT_VALID),
    "a certificate of later": (Authority(since=NOON + timedelta(seconds=1)), NOT_VALID),
    "a certificate for nothing": (Authority(usages=()), NOT_FOR_TIME),
    "a certificate for code": (Authority(usages=SIGNING), NOT_FOR_TIME),
    "no certificate": (
        Authority(shows=False), NOT_SHOWN),
    "the certificate of another name": (Authority(shown=OTHER), NOT_SHOWN),
    "no name of its certificate": (
        Authority(naming=""),
        Problem("unbound certificate", "it does not name the certificate that signed it")),
    "the certificate of another time": (
        Authority(until=NOON, shown=CLOCKS),
        Problem("unbound certificate", "it names another certificate than the one beside it")),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSOUND)
def test_what_is_not_sound_has_its_own_words(name: str) -> None:
    authority, problem = UNSOUND[name]
    assert chain_problem(stamped(authority), TRUSTED) == problem


def test_a_certificate_that_only_the_reader_has_is_not_the_token_s() -> None:
    hidden = Authority(shows=False)
    given = Authorities((hidden.root, hidden.certificate))
    assert chain_problem(stamped(hidden), given) == NOT_SHOWN


def test_a_token_into_which_another_hash_was_put_is_broken() -> None:
    assert chain_problem(stamped().replace(HASH, b"y" * 32), TRUSTED) == BROKEN


def test_a_signature_of_another_key_is_broken() -> None:
    response = stamped()
    assert chain_problem(response[:-1] + bytes([response[-1] ^ 1]), TRUSTED) == BROKEN


def test_a_refusal_in_words_that_nobody_knows_is_a_broken_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tokens, "_REFUSALS", ())
    problem = chain_problem(stamped(OTHER), TRUSTED)
    assert problem is not None
    assert problem.word == "broken token"
    assert problem.text.startswith("it cannot be verified: ")
    assert "certificate" in problem.text


def test_a_certificate_that_was_revoked_before_is_named() -> None:
    before, after = NOON - timedelta(minutes=1), NOON + timedelta(minutes=1)
    gone = x509.ReasonFlags.cessation_of_operation

    def found(moment: object) -> Problem | None:
        revoked = x509.load_pem_x509_crl(CLOCKS.revoked(moment, gone))  # type: ignore[arg-type]
        return chain_problem(stamped(), TRUSTED._replace(revoked=(revoked,)))

    text = "the certificate of CN=Clocks was revoked on 2026-03-04 11:59"
    assert found(before) == Problem("revoked certificate", text)
    assert found(after) is None
