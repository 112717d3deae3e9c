"""The tests' own safety net: nothing leaves this machine unnoticed."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.guard.sitecustomize import is_local
from tests.support.program import Program

# TEST-NET-1 (RFC 5737): belongs to nobody; the guard refuses before a packet is sent.
ELSEWHERE = "192.0.2.1"


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "noted.txt"
    monkeypatch.setenv("NETWORK_GUARD", str(file))
    return file


def test_a_connection_to_another_machine_is_refused_and_noted(notes: Path) -> None:
    with socket.socket() as plug, pytest.raises(ConnectionRefusedError, match="stay on this machine"):
        plug.connect((ELSEWHERE, 80))
    assert ELSEWHERE in notes.read_text()


def test_looking_up_another_machine_is_refused_and_noted(notes: Path) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.getaddrinfo("example.com", 443)
    assert "example.com" in notes.read_text()


def test_a_program_that_swallows_the_refusal_is_noted_all_the_same(notes: Path) -> None:
    code = f"import socket\ntry:\n socket.create_connection(({ELSEWHERE!r}, 80))\nexcept OSError:\n pass"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert ELSEWHERE in notes.read_text()


@pytest.mark.parametrize("name", ["nobody.invalid", b"nobody.invalid"])
def test_a_name_that_no_resolver_may_know_is_unknown_and_nobody_is_asked(notes: Path, name: str | bytes) -> None:
    with pytest.raises(socket.gaierror) as caught:
        socket.getaddrinfo(name, 443)
    assert caught.value.errno == socket.EAI_NONAME
    assert not notes.exists()


def test_a_connection_on_this_machine_goes_through(notes: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
    assert not notes.exists()


@pytest.mark.parametrize(
    "address", [("127.0.0.1", 1), ("::1", 1, 0, 0), ("localhost", 1), ("",), "/run/x.sock", b"\0x"]
)
def test_local_addresses_are_local(address: object) -> None:
    assert is_local(address)


@pytest.mark.parametrize(
    "address", [(ELSEWHERE, 1), ("10.0.0.1", 1), ("example.com",), (b"example.com",), ("fe80::1", 1)]
)
def test_other_addresses_are_not(address: object) -> None:
    assert not is_local(address)


def test_the_program_runs_with_its_own_home_and_without_keys(
    cli: Program, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Path.cwd() == home.parent / "work"
    assert list(Path.cwd().iterdir()) == []
    done = cli("--version")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith("llmgine ")
