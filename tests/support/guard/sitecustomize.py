"""Keep a process of the tests on this machine.

Its folder is on PYTHONPATH while a test runs, so Python imports it at start in every process a test starts; the test
process imports it as any module. It needs no import of its own but `os`, which every Python has loaded: the tests that
look at what a command imports must see only the command.

A name below `.invalid` is one that no resolver may know (RFC 6761): here nobody is asked for it, and who looks it up
gets the error that a resolver's answer leads to.

An attempt to leave is refused, and written down in the file that NETWORK_GUARD names, because a program may well
survive the refusal: the test that started it fails all the same.
"""

import os
import sys

_WATCHED = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
}


def is_local(address: object) -> bool:
    """Whether an address of the socket module stays on this machine; Unix sockets are plain paths."""
    if isinstance(address, tuple):
        address = address[0]
        if isinstance(address, bytes):
            address = address.decode()
        return address in ("", "localhost", "::1", "0.0.0.0") or str(address).startswith("127.")
    return True


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    position = _WATCHED.get(event)
    if position is None:
        return
    notes = os.environ.get("NETWORK_GUARD")
    if not notes:
        return
    target = arguments[position]
    if position == 0 and str(target).rstrip("'.").endswith(".invalid"):  # bytes are shown in quotes
        _socket = sys.modules["_socket"]
        raise _socket.gaierror(_socket.EAI_NONAME, "Name or service not known")
    if position == 0:
        target = (target,) if target is not None else ("",)
    if is_local(target):
        return
    with open(notes, "a", encoding="utf-8") as file:  # noqa: PTH123 -- pathlib would be an import of our own
        file.write(f"{event} {target!r}\n")
    raise ConnectionRefusedError(f"tests stay on this machine, and this would leave it: {target!r}")


sys.addaudithook(_watch)
