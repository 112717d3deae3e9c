"""Where a provider is."""

import pytest

from llmgine_cli.providers.transport import without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://acme.test/v1", "https://acme.test/v1"),
        ("https://me:secret@acme.test/v1", "https://acme.test/v1"),
        ("https://secret@acme.test:8080", "https://acme.test:8080"),
        ("https://me:sec@ret@acme.test/v1", "https://acme.test/v1"),
        ("https://me:sec/ret@acme.test/v1", "https://acme.test/v1"),
        ("https://acme.test/@me/a@1.pdf", "https://acme.test/@me/a@1.pdf"),
        ("https://me:secret@acme.test:80/@me?a@b", "https://acme.test:80/@me?a@b"),
    ],
)
def test_a_password_is_not_shown_and_the_rest_is(url: str, shown: str) -> None:
    assert without_password(url) == shown
