from __future__ import annotations

import os
import socket

import pytest

from proofbook.processes.ipc import MAX_MESSAGE, Channel, LaunchRequest, current_umask, peer_uid


@pytest.fixture
def ends():
    left, right = socket.socketpair()
    one, other = Channel(left), Channel(right)
    yield one, other
    one.close()
    other.close()


def test_a_request_survives_the_wire_with_its_descriptors(ends, tmp_path):
    request = LaunchRequest(
        argv=["python", "-c", "ü"], env={"A": "b" * 100_000, "NAME\udcff": "x"}, cwd="/"
    )
    with (tmp_path / "out").open("w") as file:
        ends[0].send(request.message(), (file.fileno(),))
    assert LaunchRequest.from_message(ends[1].receive()) == request
    (fd,) = ends[1].take_fds()
    os.write(fd, b"through")
    os.close(fd)
    assert (tmp_path / "out").read_text() == "through"


def test_a_message_that_was_taken_is_sent_though_the_other_end_has_closed(monkeypatch):
    one, other = socket.socketpair()
    sender, send_fds = Channel(one), socket.send_fds

    def take_and_close(*args):
        sent = send_fds(*args)
        other.close()
        return sent

    monkeypatch.setattr(socket, "send_fds", take_and_close)
    sender.send({"n": 1}, (1,))
    with pytest.raises(BrokenPipeError):
        sender.send({"n": 2})
    sender.close()


def test_received_descriptors_are_not_inherited(ends):
    ends[0].send({}, (1,))
    ends[1].receive()
    (fd,) = ends[1].take_fds()
    assert not os.get_inheritable(fd)
    os.close(fd)


def test_descriptors_that_nobody_took_are_closed(ends):
    ends[0].send({}, (1,))
    ends[1].receive()
    (fd,) = ends[1]._fds
    ends[1].close()
    with pytest.raises(OSError):
        os.fstat(fd)


def test_pending_returns_what_is_there_and_never_waits(ends):
    ends[1].socket.settimeout(30)
    assert ends[1].pending() == ([], False)
    ends[0].send({"n": 1})
    ends[0].send({"n": 2})
    assert ends[1].pending() == ([{"n": 1}, {"n": 2}], False)
    ends[0].close()
    assert ends[1].pending() == ([], True)
    assert ends[1].receive() is None


@pytest.mark.parametrize("line", [b"not json\n", b"[1]\n"])
def test_what_is_not_an_object_is_refused(ends, line):
    ends[0].socket.sendall(line)
    with pytest.raises(ValueError):
        ends[1].receive()


def test_a_line_without_end_is_refused(ends):
    ends[1]._buffer = b"x" * MAX_MESSAGE
    ends[0].socket.sendall(b"y")
    with pytest.raises(ValueError, match="too long"):
        ends[1].receive()


def test_an_unknown_field_is_refused():
    with pytest.raises(TypeError):
        LaunchRequest.from_message({"op": "launch", "argv": [], "env": {}, "cwd": "/", "more": 1})


def test_the_other_end_is_known_by_its_user(ends):
    assert peer_uid(ends[0].socket) == os.getuid()


def test_the_umask_is_read_without_changing_it():
    before = os.umask(0o027)
    try:
        assert current_umask() == 0o027
        assert current_umask() == 0o027
    finally:
        os.umask(before)
