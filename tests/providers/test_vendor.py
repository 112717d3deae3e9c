"""A vendor as one row of data."""

import pytest

from llmgine_cli.providers.presets import VENDORS
from llmgine_cli.providers.vendor import Vendor, ollama_url


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434/v1"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0:9999", "http://127.0.0.1:9999/v1"),
        (":8080", "http://127.0.0.1:8080/v1"),
        ("box", "http://box:11434/v1"),
        ("http://box", "http://box:80/v1"),
        ("https://box", "https://box:443/v1"),
        ("http://box:11434", "http://box:11434/v1"),
        ("http://box:11434/", "http://box:11434/v1"),
        ("http://box:11434/v1", "http://box:11434/v1"),
        ("https://box/ollama/", "https://box:443/ollama/v1"),
        ("box/ollama", "http://box:11434/ollama/v1"),
        ("[::1]:7", "http://[::1]:7/v1"),
        ("::1", "http://[::1]:11434/v1"),
        ("[::]", "http://[::1]:11434/v1"),
        (' "box:1" ', "http://box:1/v1"),
        ("box:99999", "http://box:11434/v1"),
        ("", "http://127.0.0.1:11434/v1"),
    ],
)
def test_ollama_host_is_understood_in_all_its_forms(host: str, url: str) -> None:
    assert ollama_url(host) == url


def test_a_vendor_does_not_show_its_headers() -> None:
    assert "secret" not in repr(Vendor(name="x", headers={"Authorization": "secret"}))


def test_the_region_is_in_the_address_unless_it_has_one_of_its_own() -> None:
    vertex = VENDORS["vertex"]
    assert vertex.address({"CLOUD_ML_REGION": "us-east5"}.get) == "https://us-east5-aiplatform.googleapis.com/v1"
    assert vertex.address({"CLOUD_ML_REGION": "global"}.get) == "https://aiplatform.googleapis.com/v1"
    assert (
        vertex.address({"CLOUD_ML_REGION": "global", "ANTHROPIC_VERTEX_BASE_URL": "http://mine/"}.get) == "http://mine"
    )


def test_what_a_setting_says_of_a_place_goes_before_its_variables() -> None:
    somewhere = {"AWS_DEFAULT_REGION": "eu-west-1"}.get
    assert VENDORS["bedrock"].found("region", somewhere) == "eu-west-1"
    assert Vendor(name="x", region="us-east-1").found("region", somewhere) == "us-east-1"
    assert Vendor(name="x").found("region", somewhere) is None


@pytest.mark.parametrize(
    ("name", "value", "secrets"),
    [
        ("Authorization", "Bearer topsecret-0815", {"topsecret-0815"}),
        ("X-Api-Key", "abcdefgh12345678==", {"abcdefgh12345678=="}),
        ("Cookie", "session=SEKRIT-cookie-1234; theme=dark", {"SEKRIT-cookie-1234"}),
        ("Authorization", 'Digest username="me", response="6629fae49393a053"', {"6629fae49393a053"}),
        ("X-Session-Id", "0123456789", {"0123456789"}),
        ("X-Signature", "0123456789", {"0123456789"}),
        ("X-Api-Key", "short", set()),
        ("X-Author", "Engineering", set()),
        ("X-Keyspace", "production", set()),
        ("X-Team", "blue-and-green", set()),
    ],
)
def test_what_of_a_header_lets_others_in(name: str, value: str, secrets: set[str]) -> None:
    assert set(Vendor(name="x", headers={name: value}).secrets) == secrets
