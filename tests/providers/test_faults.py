"""What vendors say when they refuse, in the shapes in which they say it."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from llmgine_cli.errors import (
    CredentialsError,
    LlmgineError,
    ModelNotFoundError,
    NoCreditError,
    ProviderError,
    RateLimitedError,
)
from llmgine_cli.providers.faults import refusal, stream_error
from llmgine_cli.providers.transport import Endpoint

ENDPOINT = Endpoint(provider="acme", base_url="https://acme.test/v1", key="sk-1", key_env="ACME_KEY")


def refused(status: int, body: str = "", **headers: str) -> LlmgineError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal(ENDPOINT, status, named, body.encode())


def provider_error(status: int, body: str = "", **headers: str) -> ProviderError:
    error = refused(status, body, **headers)
    assert isinstance(error, ProviderError)
    return error


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"message": "too hot", "type": "x", "code": null}}',
        '{"type": "error", "error": {"type": "x", "message": "too hot"}}',
        '[{"error": {"code": 400, "message": "too hot", "status": "INVALID_ARGUMENT"}}]',
        '{"error": "too hot"}',
        '{"code": "x", "error": "too hot"}',
        '{"message": "too hot", "request_id": "r"}',
        '{"object": "error", "message": {"detail": [{"type": "x", "loc": ["body"], "msg": "too hot"}]}}',
        '{"detail": "too hot"}',
        '{"detail": [{"msg": "too hot", "loc": []}]}',
        "too hot",
        "  too\n   hot ",
    ],
)
def test_the_vendors_own_message_is_found_in_any_shape(body: str) -> None:
    assert str(refused(400, body)) == "acme answered with an error (400): too hot"


def test_what_the_vendor_behind_the_vendor_said_is_told_too() -> None:
    body = '{"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": "too hot"}}}'
    assert str(refused(400, body)).endswith("Provider returned error: too hot")


@pytest.mark.parametrize("body", ["", "<html>Bad</html>", "{}", "[]", "null", '{"error": {}}', '{"error": 7}'])
def test_an_error_without_a_message_says_its_status(body: str) -> None:
    assert "HTTP status 418" in str(refused(418, body)) or str(refused(418, body)).endswith((": {}", "[]", "null", "}"))


def test_a_long_message_is_cut_to_one_line() -> None:
    text = str(refused(400, "bla\n" * 5000))
    assert len(text) < 500
    assert "\n" not in text


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, '{"error": {"message": "The model `x` does not exist or you lack access", "code": "model_not_found"}}'),
        (404, '{"type": "error", "error": {"type": "not_found_error", "message": "model: claude-x"}}'),
        (400, '{"error": {"message": "x is not a valid model ID", "code": 400}}'),
        (400, '{"error": {"message": "Model Not Exist", "type": "invalid_request_error"}}'),
        (400, '{"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"}'),
        (404, '[{"error": {"code": 404, "message": "models/x is not found for API version v1main"}}]'),
        (404, "{\"error\": {\"message\": \"model 'x' not found\", \"type\": \"api_error\"}}"),
        (404, '{"error": {"message": "Unable to access model x.", "code": "model_not_available"}}'),
        (400, '{"code": "Client specified an invalid argument", "error": "Model not found: x"}'),
    ],
)  # fmt: skip
def test_an_unknown_model_is_recognised_in_the_words_of_each_vendor(status: int, body: str) -> None:
    assert type(refused(status, body)) is ModelNotFoundError


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, '{"error": {"message": "temperature is deprecated for this model."}}'),
        (400, '{"error": {"message": "Function tools are not supported for gpt-5.6 in this model"}}'),
        (404, '{"error": {"message": "no such page"}}'),
        (404, "404 page not found"),
        (500, '{"error": {"message": "model not found"}}'),
    ],
)
def test_other_trouble_with_a_model_is_not_an_unknown_one(status: int, body: str) -> None:
    assert type(refused(status, body)) is ProviderError


def test_a_page_that_is_not_there_makes_one_look_at_the_base_url() -> None:
    assert "https://acme.test/v1" in str(refused(404, "404 page not found").hint)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (404, False), (408, True), (409, True), (413, False), (422, False), (425, True), (429, True),
     (500, True), (503, True), (529, True)],
)  # fmt: skip
def test_what_may_succeed_later_is_retryable(status: int, retryable: bool) -> None:
    assert provider_error(status, "{}").retryable is retryable


@pytest.mark.parametrize(("said", "status", "retryable"), [("true", 400, True), ("false", 503, False)])
def test_a_vendor_that_says_whether_to_retry_is_believed(said: str, status: int, retryable: bool) -> None:
    assert provider_error(status, "{}", x_should_retry=said).retryable is retryable


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "3"}, 3.0),
        ({"retry_after": "0.5"}, 0.5),
        ({"retry_after": "-1"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({}, None),
    ],
)
def test_how_long_to_wait_is_read_from_the_headers(headers: dict[str, str], seconds: float | None) -> None:
    error = provider_error(429, "{}", **headers)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == seconds


def test_how_long_to_wait_is_read_from_googles_body() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}
    body = json.dumps([{"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED", "details": [info]}}])
    error = provider_error(429, body)
    assert (error.retry_after, error.hint) == (34.5, "try again in 34.5 s")
    assert provider_error(429, body, retry_after="3").retry_after == 3


def test_a_date_to_wait_for_becomes_seconds() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    seconds = provider_error(503, "{}", retry_after=date).retry_after
    assert seconds is not None
    assert 3000 < seconds <= 3600


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (402, '{"error": {"message": "Insufficient credits"}}'),
        (402, '{"error": {"message": "Insufficient Balance"}}'),
        (429, '{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}'),
        (400, '{"error": {"message": "Your credit balance is too low to access the Anthropic API."}}'),
    ],
)
def test_an_empty_account_is_not_worth_a_second_try(status: int, body: str) -> None:
    error = provider_error(status, body)
    assert isinstance(error, NoCreditError)
    assert not error.retryable
    assert "credit" in str(error.hint)


@pytest.mark.parametrize(
    "message",
    [
        "Rate limit reached. Add a payment method at https://platform.openai.com/account/billing to increase it.",
        "You exceeded your current quota, please check your plan and billing details. Please retry in 12s.",
    ],
)
def test_a_rate_limit_that_speaks_of_billing_is_still_one(message: str) -> None:
    assert provider_error(429, json.dumps({"error": {"message": message}})).retryable


def test_a_conversation_that_is_too_long_says_what_to_do() -> None:
    body = '{"error": {"message": "too much", "code": "context_length_exceeded"}}'
    assert "shorten" in str(refused(400, body).hint)


def test_a_key_from_a_file_is_told_with_the_file() -> None:
    endpoint = Endpoint(provider="acme", base_url="x", key="k-1", key_env="ACME_KEY", key_source=".env")
    error = refusal(endpoint, 401, {}, b'{"error": "bad key k-1"}')
    assert isinstance(error, CredentialsError)
    assert "ACME_KEY (set in .env)" in str(error.hint)
    assert "k-1" not in str(error)


def test_a_forbidden_page_is_no_refused_key() -> None:
    assert type(refused(403, "<html>Blocked by the firewall</html>")) is ProviderError


@pytest.mark.parametrize(
    ("error", "retryable", "status"),
    [
        ({"message": "boom", "type": "server_error"}, True, None),
        ({"message": "boom", "type": "invalid_request_error"}, False, None),
        ({"message": "boom", "code": 429}, True, 429),
        ({"message": "boom", "code": 400}, False, 400),
        ({"message": "boom", "code": "rate_limit"}, True, None),
        ("boom", True, None),
    ],
)
def test_an_error_in_mid_stream_keeps_what_it_says(error: object, retryable: bool, status: int | None) -> None:
    ours = stream_error(ENDPOINT, error)
    assert str(ours) == "acme broke the answer off: boom"
    assert (ours.retryable, ours.status) == (retryable, status)


@pytest.mark.parametrize("error", [None, {}, [], 7])
def test_an_error_in_mid_stream_that_says_nothing_is_still_one(error: object) -> None:
    assert "did not say why" in str(stream_error(ENDPOINT, error))
