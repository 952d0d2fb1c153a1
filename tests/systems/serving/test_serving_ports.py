"""A port is judged by what listens there, not by what a dead server has left in the system."""

from __future__ import annotations

import errno
import socket

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.serving import ports
from proofbook_systems.serving.ports import choose_port, has_old_connections, is_free


def leave_old_connection() -> int:
    """Return a port whose server has ended before its client did: TIME_WAIT is on its side."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = listener.accept()
        accepted.close()  # the one that closes first waits
        client.recv(1)
        client.close()
    return port


def test_old_connections_do_not_keep_a_port_from_being_chosen() -> None:
    port = leave_old_connection()
    with socket.socket() as plain, pytest.raises(OSError, match="in use"):
        plain.bind(("127.0.0.1", port))
    assert is_free(port)
    assert choose_port(port) == port
    assert has_old_connections(port)


def test_a_port_that_nobody_used_has_no_old_connections() -> None:
    assert not has_old_connections(choose_port())
    assert not has_old_connections(0)


def test_a_port_on_which_something_listens_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not has_old_connections(port)
        with pytest.raises(SubjectError, match=rf"^port {port} is taken by "):
            choose_port(port)


def test_a_port_that_nobody_may_bind_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    port = choose_port()
    refused = [OSError(errno.EADDRINUSE, "Address already in use")] * 2

    def bind(wanted: int, *, reuse: bool) -> int:
        if refused:
            raise refused.pop()
        return wanted

    monkeypatch.setattr(ports, "_bind", bind)
    monkeypatch.setattr(ports, "_LONG_PAUSE", 0)
    assert choose_port(port, 60) == port
    refused.append(OSError(errno.EADDRINUSE, "Address already in use"))
    with pytest.raises(SubjectError, match=rf"^port {port} cannot be used: Address already in use"):
        choose_port(port)


def test_a_port_whose_listener_is_too_busy_to_take_a_connection_is_not_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ports, "_ANSWER_SECONDS", 0.02)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        with socket.socket() as late:
            late.settimeout(0.02)
            assert late.connect_ex(address) not in (0, errno.ECONNREFUSED)
        assert not is_free(address[1])
        for each in waiting:
            each.close()
