"""An allowed-signers file means what OpenSSH says that it means."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from forging import ANNS, BENS
from reviewed_run import ANN, BEN

from proofbook.errors import UsageError
from proofbook.project import Project
from proofbook.records import now
from proofbook.signoff.entries import Reviewer
from proofbook.signoff.signers import parse_signers, read_signers
from proofbook.signoff.signing import public_line
from proofbook.signoff.trust import EVERYBODY, Trust, find_trust

KEY = public_line(ANNS)
MAY, JUNE, JULY = (datetime(2026, month, 1, tzinfo=UTC) for month in (5, 6, 7))


def test_a_line_holds_names_roles_times_and_a_key() -> None:
    (signer,) = parse_signers(
        f'"ann@x.org,Ann Lee" namespaces="git,proofbook:art director",valid-after="20260601Z",'
        f"valid-before=202606302359Z {KEY} Ann at work"
    )
    assert signer.key == KEY
    assert [signer.is_called(n) for n in ("Ann Lee", "ANN@x.org", "Ann", "Bob")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert [signer.has_role(r) for r in ("art director", "Art Director", "lead", "")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert [signer.is_valid_at(m) for m in (MAY, JUNE, JULY)] == [False, True, False]
    assert signer.is_for_us


@pytest.mark.parametrize(
    ("patterns", "yes", "no"),
    [
        ("*@x.org", ["ann@x.org"], ["ann@x.organ", "ann"]),
        ("*@x.org,!bob@x.org", ["ann@x.org"], ["bob@x.org"]),
        ("!bob@x.org,*", ["ann"], ["bob@x.org"]),
        ("a?n", ["ann", "ain"], ["an", "anne"]),
        ("[ab]nn", ["[ab]nn"], ["ann"]),
        ("!ann", [], ["ann", "bob"]),
    ],
)
def test_principals_are_patterns(patterns: str, yes: list[str], no: list[str]) -> None:
    (signer,) = parse_signers(f"{patterns} {KEY}")
    assert [signer.is_called(name) for name in (*yes, *no)] == [True] * len(yes) + [False] * len(no)


@pytest.mark.parametrize(
    ("option", "for_us", "role"),
    [
        ("", True, False),
        ('namespaces="git"', False, False),
        ('namespaces="git,proofbook"', True, False),
        ('namespaces="proofbook:lead"', True, True),
        ('namespaces="proofbook:*"', True, True),
        ('namespaces="*"', True, True),
    ],
)
def test_a_key_is_for_what_its_namespaces_say(option: str, for_us: bool, role: bool) -> None:
    (signer,) = parse_signers(f"Ann {option} {KEY}")
    assert (signer.is_for_us, signer.has_role("lead")) == (for_us, role)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("Ann", "expected principals, options, and a public key"),
        (KEY, "expected principals, options, and a public key"),
        (f"Ann cert-authority {KEY}", "certificates are not supported"),
        (f"Ann verify-required {KEY}", "unknown option verify-required"),
        (f"Ann valid-after=tomorrow {KEY}", "'tomorrow' is not a time"),
        (f"Ann valid-after=20261350 {KEY}", "does not match format|unconverted|day|month"),
        ("Ann ssh-ed25519 AAAA", "not the Ed25519 key that it is called"),
        ("Ann ssh-ed25519 ****", "the key is not base64"),
    ],
)
def test_a_line_that_is_not_understood_is_refused(line: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        parse_signers(f"# signers\n\n{line}\n", "signers.txt")
    assert str(caught.value).startswith("signers.txt, line 3: ")


def test_keys_of_other_kinds_are_passed_over() -> None:
    assert parse_signers("Ann ssh-rsa AAAAB3NzaC1yc2E= old\nBen ecdsa-sha2-nistp256 AAAA\n") == ()


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"signers file .*none: No such file"):
        read_signers(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"signers file .*binary"):
        read_signers(tmp_path / "binary")


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="there is no ssh-keygen")
def test_ssh_keygen_reads_the_same_file(tmp_path: Path) -> None:
    file, message, signature = tmp_path / "signers", tmp_path / "m", tmp_path / "m.sig"
    file.write_text(f'"Ann Lee,ann@x.org" namespaces="proofbook,proofbook:art director" {KEY} c\n')
    (signer,) = read_signers(file)
    assert signer.has_role("art director")
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_bytes(ANNS.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    message.write_text("approved")
    run = ["ssh-keygen", "-Y"]
    subprocess.run([*run, "sign", "-f", key, "-n", "proofbook", message], check=True)
    found = subprocess.run(
        [*run, "find-principals", "-s", signature, "-f", file], check=True, capture_output=True
    )
    assert {"Ann Lee", "ann@x.org"} == set(re.split("[,\\n]", found.stdout.decode().strip()))


def test_a_projects_file_says_whose_entries_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "parameters").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_trust() == EVERYBODY
    assert find_trust(required=True).is_signed
    (tmp_path / "allowed_signers").write_text(f"Ann {KEY}\n")
    for trust in (find_trust(), find_trust(Project(tmp_path))):
        assert [signer.key for signer in trust.signers or ()] == [KEY]
    other = tmp_path / "others"
    other.write_text(f"Ben {public_line(BENS)}\n")
    (signer,) = find_trust(signers=other).signers or ()
    assert signer.key == public_line(BENS)


def test_a_run_does_not_say_itself_whose_entries_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "outputs" / "run"
    for folder in (tmp_path, run):
        for name in ("runbooks", "parameters"):
            (folder / name).mkdir(parents=True)
    (run / "allowed_signers").write_text(f"Ann {KEY}\n")
    monkeypatch.chdir(run)
    assert find_trust(received=[run]) == EVERYBODY
    (tmp_path / "allowed_signers").write_text(f"Ben {KEY}\n")
    (signer,) = find_trust(received=[run]).signers or ()
    assert signer.principals == ("Ben",)


def test_who_may_sign_is_told_before_anything_is_written() -> None:
    trust = Trust(
        signers=parse_signers(f'Ann namespaces="proofbook" {KEY}'), file=Path("allowed_signers")
    )
    lead = Reviewer(name="Ann", role="lead")
    for reviewer, key, problem in (
        (Reviewer(name="Ann"), KEY, ""),
        (Reviewer(name="Ann"), "", "answers must be signed here; give --key"),
        (BEN, KEY, "that key is not Ben's"),
        (BEN, public_line(BENS), "allowed_signers does not list that key"),
        (lead, KEY, "that key does not have the role 'lead'"),
    ):
        assert trust.refusal(reviewer, key, now()) == problem
    assert EVERYBODY.refusal(ANN, "", now()) == ""
    assert Trust(requires_signatures=True).refusal(ANN, "", now()) != ""
    assert Trust(requires_signatures=True).refusal(ANN, KEY, now()) == ""


@pytest.mark.parametrize(
    "name",
    ["", " ", "A\x1b[31mnn", "A\u200bnn", "A\u202enn", "A\nnn", "\ud800", "A\u2066nn", "x" * 201],
)
def test_a_name_is_what_is_seen(name: str) -> None:
    with pytest.raises(ValueError, match=r"at least 1|cannot be seen|200 char|surrogate|unicode"):
        Reviewer(name=name)


def test_a_name_has_one_form() -> None:
    assert Reviewer(name="  Zoe\u0308   Lee ").name == "Zo\u00eb Lee"


def test_a_key_is_valid_from_its_first_moment_to_before_its_last() -> None:
    (signer,) = parse_signers(f"Ann valid-after=20260601Z,valid-before=20260701Z {KEY}")
    second = timedelta(seconds=1)
    moments = (JUNE - second, JUNE, JULY - second, JULY)
    assert [signer.is_valid_at(moment) for moment in moments] == [False, True, True, False]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20260601Z", datetime(2026, 6, 1, tzinfo=UTC)),
        ("202606011530Z", datetime(2026, 6, 1, 15, 30, tzinfo=UTC)),
        ("20260601153059Z", datetime(2026, 6, 1, 15, 30, 59, tzinfo=UTC)),
        ("20260601", datetime(2026, 5, 31, 22, tzinfo=UTC)),
        ("202606011530", datetime(2026, 6, 1, 13, 30, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_the_local_one(
    monkeypatch: pytest.MonkeyPatch, text: str, moment: datetime
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "EAST-2")
        time.tzset()
        (signer,) = parse_signers(f"Ann valid-after={text} {KEY}")
        assert signer.valid_after == moment
    time.tzset()


def test_a_time_that_is_out_of_reach_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "WEST+5")
        time.tzset()
        with pytest.raises(UsageError, match=r"allowed_signers, line 1: .*out of range"):
            parse_signers(f"Ann valid-before=99991231235959 {KEY}")
    time.tzset()


def test_the_case_of_an_option_does_not_count() -> None:
    (signer,) = parse_signers(f'Ann NameSpaces="git",VALID-BEFORE=20260701Z {KEY}')
    assert (signer.namespaces, signer.valid_before) == (("git",), JULY)


def test_comments_and_empty_lines_are_passed_over() -> None:
    assert parse_signers(f"\n  \n# Ann {KEY}\n \t# Ben\n") == ()


@pytest.mark.parametrize(("name", "size"), [("ssh-ed25519", 31), ("ssh-ed25519", 33),
                                            ("ssh-ed25518", 32), ("ssh-ed2551", 33)])  # fmt: skip
def test_a_key_has_the_name_and_length_of_its_kind(name: str, size: int) -> None:
    parts = [name.encode(), bytes(size)]
    data = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    text = base64.b64encode(data).decode()
    with pytest.raises(UsageError, match="not the Ed25519 key that it is called"):
        parse_signers(f"Ann ssh-ed25519 {text}")


def test_a_line_that_ends_before_its_key_is_refused_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "signers"
    path.write_text(f"Zo\u00eb {KEY}\nAnn ssh-ed25519\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_signers(path)
    problem = "expected principals, options, and a public key"
    assert str(caught.value) == f"{path}, line 2: {problem}"
    with pytest.raises(UsageError, match=f"^allowed_signers, line 1: {problem}$"):
        parse_signers("Ann")
