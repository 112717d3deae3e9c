"""The vendor that the tests talk to, as far as others build on it."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.support.server import Answer, FakeVendor, dead_url

ROOT = Path(__file__).resolve().parents[2]


def post(url: str, body: object, path: str = "/chat/completions") -> bytes:
    wanted = Request(url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(wanted, timeout=20) as answer:
        data: bytes = answer.read()
    return data


@pytest.mark.parametrize("path", ["/chat/completions", "/messages", "/responses"])
def test_as_a_program_it_streams_to_everybody(path: str) -> None:
    command = [sys.executable, "-m", "tests.support.server", "--text", "hello there", "--chunks", "50"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            for _ in range(2):
                events = post(url, {"model": "m", "stream": True}, path).split(b"\n\n")
                assert 50 <= len(events) <= 60
        finally:
            process.terminate()


def test_a_script_that_is_used_up_is_an_error_not_a_repetition() -> None:
    with FakeVendor([Answer("once")]) as vendor:
        assert b"once" in post(vendor.url, {"model": "m"})
        with pytest.raises(HTTPError) as caught:
            post(vendor.url, {"model": "m"})
        assert b"used up" in caught.value.read()
        caught.value.close()


def test_it_keeps_what_it_was_asked() -> None:
    with FakeVendor(always=Answer("x"), models=["a"]) as vendor:
        post(vendor.url, {"model": "m"})
        with urlopen(f"{vendor.url}/models", timeout=20) as answer:
            assert json.load(answer)["data"][0]["id"] == "a"
    assert [(one.method, one.path, one.body) for one in vendor.requests] == [
        ("POST", "/v1/chat/completions", {"model": "m"})
    ]
    assert [one.path for one in vendor.lookups] == ["/v1/models"]


def test_nobody_listens_at_a_dead_url() -> None:
    with pytest.raises(OSError, match="refused"):
        post(dead_url(), {})
