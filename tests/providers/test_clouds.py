"""Azure OpenAI, Bedrock and Vertex through the official SDKs, against servers on loopback that answer as they do."""

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from llmgine_cli.errors import (
    BadResponseError,
    CredentialsError,
    ModelNotFoundError,
    ProviderError,
    RateLimitedError,
    SettingsError,
    TimedOutError,
    TruncatedError,
    UnreachableError,
)
from llmgine_cli.llm.stream import Reply, fold
from llmgine_cli.providers.own_vendors import merged
from llmgine_cli.providers.presets import VENDORS
from tests.contract.oracles import Seen, seen
from tests.support.adapters import WEATHER, request
from tests.support.server import Answer, Events, FakeVendor, Fault, Tokens, ToolCalls, dead_url, html
from tests.support.serving import Serving
from tests.support.wire_clouds import frame

EVERYTHING = ToolCalls(
    ("get_weather", {"city": "Łódź 🌍"}),
    ("get_weather", {"city": "東京"}),
    text="Let me look. 🌍",
    reasoning="思考 first",
    usage=Tokens(30, 8, cached=12),
)
streamed_or_not = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
CLOUDS = ("azure", "bedrock", "vertex")
clouds = pytest.mark.parametrize("cloud", CLOUDS)
MODELS = {
    "azure": "my-gpt",
    "bedrock": "us.anthropic.claude-haiku-4-5-20251001-v1:0",
    "vertex": "claude-haiku-4-5@20251001",
}


@pytest.fixture(autouse=True)
def nobodys_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the SDKs from this machine's own sign-ins, and from asking the network who it is."""
    for name, value in {
        "AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_EC2_METADATA_DISABLED": "true",
        "GOOGLE_APPLICATION_CREDENTIALS": "none.json", "NO_GCE_CHECK": "true", "CLOUDSDK_CONFIG": "none",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value if value == "true" else str(tmp_path / value))


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Set what a user of each cloud has in the environment."""
    with google(tmp_path / "account.json") as account:
        for name, value in {
            "AZURE_OPENAI_API_KEY": "azure-key",
            "OPENAI_API_VERSION": "2025-04-01-preview",
            "AWS_REGION": "eu-west-3",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
            "AWS_SESSION_TOKEN": "session-1",
            "CLOUD_ML_REGION": "europe-west1",
            "ANTHROPIC_VERTEX_PROJECT_ID": "my-project",
            "GOOGLE_APPLICATION_CREDENTIALS": str(account),
        }.items():
            monkeypatch.setenv(name, value)
        yield


@contextmanager
def google(account: Path) -> Iterator[Path]:
    """A service account of a Google that hands out tokens on loopback."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Tokens)
    key = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    content = {
        "type": "service_account",
        "project_id": "project-of-the-account",
        "private_key": key.decode(),
        "client_email": "llmgine@example.org",
        "token_uri": f"http://127.0.0.1:{server.server_address[1]}/token",
    }
    account.write_text(json.dumps(content))
    with Serving(server):
        yield account


def moved_account(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Take the account of `signed_in` and have it get its tokens at a port that is told later."""
    known = json.loads(Path(os.environ["GOOGLE_APPLICATION_CREDENTIALS"]).read_text(encoding="utf-8"))

    def move(port: int) -> None:
        moved = folder / "moved.json"
        moved.write_text(json.dumps({**known, "token_uri": f"http://127.0.0.1:{port}/token"}))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(moved))

    return move


class _Tokens(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        good = b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer" in asked
        body = json.dumps({"access_token": "ya29.token", "expires_in": 3600}).encode()
        self.send_response(200 if good else 400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


async def ask(cloud: str, vendor: FakeVendor, *, stream: bool = True, **table: Any) -> Reply:
    """The reply of the cloud, as a user would ask for it."""
    from llmgine_cli.bootstrap import build
    from llmgine_cli.settings import load

    place = {"base_url": vendor.root, **table}
    with overridden({"LLMGINE_PROVIDERS": json.dumps({cloud: place}), "LLMGINE_LOG__ENABLED": "false"}):
        settings = load()
    async with build(settings) as app:
        model = app.catalog.model(f"{cloud}:{MODELS[cloud]}")
        asked = request("hello", model=model.name, stream=stream, tools=[WEATHER], temperature=0)
        async with aclosing(model.provider.stream(asked)) as events:
            return await fold(events)


@contextmanager
def overridden(variables: Mapping[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


@clouds
@streamed_or_not
@pytest.mark.usefixtures("signed_in")
async def test_a_cloud_answers_as_the_vendor_itself_does(cloud: str, stream: bool) -> None:
    with FakeVendor([EVERYTHING]) as vendor:
        reply = await ask(cloud, vendor, stream=stream)
    assert reply.text == "Let me look. 🌍"
    assert reply.reasoning == "思考 first"
    assert [json.loads(call.arguments)["city"] for call in reply.tool_calls] == ["Łódź 🌍", "東京"]
    assert reply.finish_reason == "tool_calls"
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.cached_tokens) == (30, 8, 12)
    assert reply.model == MODELS[cloud]


@streamed_or_not
@pytest.mark.usefixtures("signed_in")
async def test_azure_is_asked_at_the_deployment_with_the_version_of_the_api(stream: bool) -> None:
    with FakeVendor([Answer("hi")]) as vendor:
        await ask("azure", vendor, stream=stream)
    (sent,) = vendor.requests
    assert sent.path == "/openai/deployments/my-gpt/chat/completions?api-version=2025-04-01-preview"
    assert sent.headers["api-key"] == "azure-key"
    assert sent.body["temperature"] == 0
    assert bool(sent.body.get("stream")) is stream


async def test_azure_takes_a_token_of_entra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "entra-token")
    with FakeVendor([Answer("hi")], key="entra-token") as vendor:
        await ask("azure", vendor, api_version="2025-01-01")
    (sent,) = vendor.requests
    assert sent.headers["authorization"] == "Bearer entra-token"
    assert "api-key" not in sent.headers
    assert sent.path.endswith("?api-version=2025-01-01")


@pytest.mark.usefixtures("signed_in")
async def test_azure_is_not_told_the_organization_at_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-at-openai")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-at-openai")
    with FakeVendor([Answer("hi")]) as vendor:
        await ask("azure", vendor)
    assert "at-openai" not in str(vendor.requests[0].headers)


@pytest.mark.usefixtures("signed_in")
async def test_azure_may_begin_with_an_event_about_its_filters() -> None:
    filters: dict[str, Any] = {"choices": [], "prompt_filter_results": [{"prompt_index": 0}], "id": "", "model": ""}
    delta = {"index": 0, "delta": {"content": "hello"}, "content_filter_results": {}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "content_filter"}
    events: list[dict[str, Any] | str] = [
        filters,
        {"id": "c-1", "choices": [delta]},
        {"id": "c-1", "choices": [end]},
        "data: [DONE]\n\n",
    ]
    with FakeVendor([Events(events)]) as vendor:
        reply = await ask("azure", vendor)
    assert (reply.text, reply.finish_reason) == ("hello", "content_filter")


@streamed_or_not
@pytest.mark.usefixtures("signed_in")
async def test_what_bedrock_gets_is_signed_for_its_region(stream: bool) -> None:
    with FakeVendor([Answer("hi")]) as vendor:
        await ask("bedrock", vendor, stream=stream)
    (sent,) = vendor.requests
    end = "invoke-with-response-stream" if stream else "invoke"
    assert sent.path == f"/model/us.anthropic.claude-haiku-4-5-20251001-v1:0/{end}"
    assert "model" not in sent.body
    assert "stream" not in sent.body
    assert sent.body["anthropic_version"]
    assert sent.headers["x-amz-security-token"] == "session-1"
    assert sent.headers["authorization"] == signature(vendor.root + sent.path, sent.headers, sent.raw)


def signature(url: str, headers: Mapping[str, str], body: bytes) -> str:
    """What the header `Authorization` must be, reckoned anew from what arrived."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    stated = headers["authorization"]
    names = stated.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    signed = {name: headers[name] for name in names}
    arrived: Any = AWSRequest(method="POST", url=url, headers=signed, data=body)
    arrived.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI", "session-1"), "bedrock", "eu-west-3")
    text = signer.string_to_sign(arrived, signer.canonical_request(arrived))
    return f"{stated.partition('Signature=')[0]}Signature={signer.signature(text, arrived)}"


async def test_bedrock_takes_a_key_instead_of_a_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-key")
    with FakeVendor([Answer("hi")], key="bedrock-key") as vendor:
        reply = await ask("bedrock", vendor, region="us-east-1")
    assert reply.text == "hi"


@pytest.mark.parametrize("shred", [1, 7, 1000])
@pytest.mark.usefixtures("signed_in")
async def test_where_the_network_cuts_the_frames_of_bedrock_makes_no_difference(shred: int) -> None:
    with FakeVendor([Answer("déjà vu 🌍", reasoning="思考", shred=shred)]) as vendor:
        reply = await ask("bedrock", vendor)
    assert (reply.text, reply.reasoning) == ("déjà vu 🌍", "思考")


@streamed_or_not
async def test_bedrock_is_read_as_the_sdk_itself_reads_it(stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-key")
    with FakeVendor([EVERYTHING]) as vendor:
        ours = seen(await ask("bedrock", vendor, stream=stream, region="us-east-1"))
    with FakeVendor([EVERYTHING]) as vendor:
        assert await bedrocks_own(vendor.root, stream=stream) == {
            name: ours[name] for name in ("text", "reasoning", "calls", "output", "model", "id")
        }


async def bedrocks_own(url: str, *, stream: bool) -> Seen:
    from anthropic.lib.bedrock import AsyncAnthropicBedrock

    client: Any = AsyncAnthropicBedrock(api_key="bedrock-key", aws_region="us-east-1", base_url=url, max_retries=0)
    asked: dict[str, Any] = {
        "model": MODELS["bedrock"],
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "hi"}],
    }
    async with client:
        if stream:
            async with client.messages.stream(**asked) as events:
                theirs = await events.get_final_message()
        else:
            theirs = await client.messages.create(**asked)
    return {
        "text": "".join(block.text for block in theirs.content if block.type == "text"),
        "reasoning": "".join(block.thinking for block in theirs.content if block.type == "thinking"),
        "calls": [(block.id, block.name, block.input) for block in theirs.content if block.type == "tool_use"],
        "output": theirs.usage.output_tokens,
        "model": theirs.model,
        "id": theirs.id,
    }


@streamed_or_not
@pytest.mark.usefixtures("signed_in")
async def test_vertex_is_asked_in_its_project_and_region_with_a_token_of_the_account(stream: bool) -> None:
    with FakeVendor([Answer("hi")], key="ya29.token") as vendor:
        await ask("vertex", vendor, stream=stream)
    (sent,) = vendor.requests
    end = "streamRawPredict" if stream else "rawPredict"
    place = "/projects/my-project/locations/europe-west1/publishers/anthropic/models"
    assert sent.path.replace("%40", "@") == f"{place}/claude-haiku-4-5@20251001:{end}"
    assert "model" not in sent.body
    assert sent.body["anthropic_version"]


async def test_vertex_takes_a_token_from_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "ya29.mine")
    with FakeVendor([Answer("hi")], key="ya29.mine") as vendor:
        await ask("vertex", vendor, api_key_env="MY_TOKEN", region="global", project="p-1")
    assert "/projects/p-1/locations/global/" in vendor.requests[0].path


@pytest.mark.parametrize(
    ("cloud", "region"),
    [("bedrock", "us-east-1"), ("vertex", "us-east5"), ("vertex", "global"), ("vertex", "us"), ("vertex", "eu")],
)
def test_the_address_of_a_region_is_the_one_the_sdk_knows(cloud: str, region: str) -> None:
    from anthropic.lib.bedrock import AsyncAnthropicBedrock
    from anthropic.lib.vertex import AsyncAnthropicVertex

    client = (
        AsyncAnthropicBedrock(aws_region=region)
        if cloud == "bedrock"
        else AsyncAnthropicVertex(region=region, project_id="p")
    )
    variable = VENDORS[cloud].variables["region"][0]
    assert VENDORS[cloud].address({variable: region}.get) == str(client.base_url).rstrip("/")


@pytest.mark.usefixtures("signed_in")
async def test_a_second_resource_of_a_cloud_is_a_table_in_the_settings() -> None:
    with FakeVendor([Answer("hi")]) as vendor, pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, "azure-eu", "gpt-eu")
        await ask("azure-eu", vendor, platform="azure", api_version="2026-01-01", api_key_env="AZURE_OPENAI_API_KEY")
    assert vendor.requests[0].path == "/openai/deployments/gpt-eu/chat/completions?api-version=2026-01-01"


@pytest.mark.usefixtures("signed_in")
async def test_the_region_of_an_aws_profile_counts_where_nothing_else_says_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_REGION")
    (tmp_path / "aws").write_text("[default]\nregion = ap-south-1\n[profile work]\nregion = ca-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws"))
    with FakeVendor(always=Answer("hi")) as vendor:
        await ask("bedrock", vendor)
        monkeypatch.setenv("AWS_PROFILE", "work")
        await ask("bedrock", vendor)
    regions = [sent.headers["authorization"].split("/")[2] for sent in vendor.requests]
    assert regions == ["ap-south-1", "ca-west-1"]


@pytest.mark.usefixtures("signed_in")
async def test_an_aws_profile_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobodys")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")  # the SDK keeps credentials by region
    with FakeVendor() as vendor, pytest.raises(CredentialsError, match="nobodys"):
        await ask("bedrock", vendor)


# -- faults


@pytest.mark.parametrize(
    ("cloud", "unset", "variable"),
    [
        ("azure", "OPENAI_API_VERSION", "OPENAI_API_VERSION"),
        ("azure", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"),
        ("bedrock", "AWS_REGION", "AWS_REGION or AWS_DEFAULT_REGION"),
        ("vertex", "CLOUD_ML_REGION", "CLOUD_ML_REGION"),
        ("vertex", "ANTHROPIC_VERTEX_PROJECT_ID", "ANTHROPIC_VERTEX_PROJECT_ID or GOOGLE_CLOUD_PROJECT"),
    ],
)
@pytest.mark.usefixtures("signed_in")
async def test_what_a_cloud_cannot_do_without_is_named(
    cloud: str, unset: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(unset)
    with FakeVendor() as vendor, pytest.raises(SettingsError) as caught:
        await ask(cloud, vendor)
    assert variable in str(caught.value)
    assert f"export {unset}" in str(caught.value.hint)
    assert not vendor.requests


def test_without_an_endpoint_azure_says_which_variable_holds_it() -> None:
    from tests.providers.test_catalog import catalog

    with pytest.raises(SettingsError) as caught:
        catalog({"AZURE_OPENAI_API_KEY": "k"}, addresses={"OPENAI_API_VERSION": "v"}).model("azure:gpt")
    assert "AZURE_OPENAI_ENDPOINT" in str(caught.value.hint)


@pytest.mark.parametrize("cloud", ["bedrock", "vertex"])
@pytest.mark.usefixtures("signed_in")
async def test_without_a_sign_in_the_ways_to_one_are_named(cloud: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    monkeypatch.setenv("AWS_REGION", "sa-east-1")  # the SDK keeps credentials by region
    with FakeVendor() as vendor, pytest.raises(CredentialsError) as caught:
        await ask(cloud, vendor)
    assert str(VENDORS[cloud].sign_in) in str(caught.value.hint)
    assert "\n" not in str(caught.value)
    assert not vendor.requests


@pytest.mark.usefixtures("signed_in")
async def test_a_sign_in_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    account = moved_account(tmp_path, monkeypatch)
    monkeypatch.setenv("LLMGINE_LIMITS__IDLE_TIMEOUT", "0.1")
    monkeypatch.setenv("LLMGINE_LIMITS__CONNECT_TIMEOUT", "0.1")
    with socket.create_server(("127.0.0.1", 0)) as hanging, FakeVendor() as vendor:
        account(hanging.getsockname()[1])
        try:
            with pytest.raises(TimedOutError):
                await ask("vertex", vendor)
        finally:
            hanging.accept()[0].close()  # or the thread that signs in would go on waiting
        hanging.close()
    assert not vendor.requests


@pytest.mark.usefixtures("signed_in")
async def test_a_sign_in_that_cannot_be_reached_is_no_fault_of_the_vendor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    account = moved_account(tmp_path, monkeypatch)
    account(int(dead_url().rpartition(":")[2].removesuffix("/v1")))
    with FakeVendor() as vendor, pytest.raises(UnreachableError, match="sign-in") as caught:
        await ask("vertex", vendor)
    assert vendor.root not in str(caught.value)


@pytest.mark.parametrize("cloud", ["bedrock", "vertex"])
@pytest.mark.usefixtures("signed_in")
async def test_a_refused_sign_in_says_how_to_get_another(cloud: str) -> None:
    with (
        FakeVendor([Fault(403, "not authorized to perform: InvokeModel")]) as vendor,
        pytest.raises(CredentialsError) as caught,
    ):
        await ask(cloud, vendor)
    assert "InvokeModel" in str(caught.value)
    assert str(VENDORS[cloud].sign_in) in str(caught.value.hint)


@pytest.mark.parametrize(("cloud", "library"), [("bedrock", "boto3"), ("vertex", "google.auth")])
@pytest.mark.usefixtures("signed_in")
async def test_a_library_that_is_missing_is_named_with_its_extra(
    cloud: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)  # which is how Python itself knows that there is no such module
    with FakeVendor() as vendor, pytest.raises(SettingsError) as caught:
        await ask(cloud, vendor)
    assert library in str(caught.value)
    assert caught.value.hint == f"pip install 'llmgine-cli[{cloud}]'"


@pytest.mark.usefixtures("signed_in")
async def test_a_deployment_that_is_not_there_is_an_unknown_model() -> None:
    fault = Fault(404, "The API deployment for this resource does not exist.", code="DeploymentNotFound")
    with FakeVendor([fault]) as vendor, pytest.raises(ModelNotFoundError) as caught:
        await ask("azure", vendor)
    assert "deployment" in str(caught.value.hint)


@clouds
@pytest.mark.usefixtures("signed_in")
async def test_a_cloud_that_wants_us_to_slow_down_says_so(cloud: str) -> None:
    with (
        FakeVendor([Fault(429, "Too many requests", headers={"Retry-After": "7"})]) as vendor,
        pytest.raises(RateLimitedError) as caught,
    ):
        await ask(cloud, vendor)
    assert caught.value.retry_after == 7
    assert len(vendor.requests) == 1


@clouds
@pytest.mark.usefixtures("signed_in")
async def test_an_error_in_mid_stream_is_told_in_the_clouds_words(cloud: str) -> None:
    with FakeVendor([Answer("one two", then="error")]) as vendor, pytest.raises(BadResponseError) as caught:
        await ask(cloud, vendor)
    assert "the model crashed" in str(caught.value)
    assert caught.value.retryable


@clouds
@pytest.mark.parametrize("then", ["cut", "end"])
@pytest.mark.usefixtures("signed_in")
async def test_a_stream_that_breaks_or_has_no_end_is_truncated(cloud: str, then: Any) -> None:
    with FakeVendor([Answer("one two", then=then)]) as vendor, pytest.raises(TruncatedError):
        await ask(cloud, vendor)


@clouds
@pytest.mark.usefixtures("signed_in")
async def test_garbage_in_a_stream_is_a_bad_response(cloud: str) -> None:
    with FakeVendor([Answer("one two", then="garbage")]) as vendor, pytest.raises(BadResponseError):
        await ask(cloud, vendor)


@clouds
@streamed_or_not
@pytest.mark.usefixtures("signed_in")
async def test_a_web_page_instead_of_an_answer_is_a_bad_response(cloud: str, stream: bool) -> None:
    with FakeVendor([html()]) as vendor, pytest.raises(BadResponseError) as caught:
        await ask(cloud, vendor, stream=stream)
    assert "web page" in str(caught.value)


@pytest.mark.usefixtures("signed_in")
async def test_a_request_bedrock_finds_wrong_in_mid_stream_is_not_worth_a_second_try() -> None:
    refused = frame(
        {":message-type": "exception", ":exception-type": "validationException"}, {"message": "too many images"}
    )
    with (
        FakeVendor([Events([refused], content_type="application/vnd.amazon.eventstream")]) as vendor,
        pytest.raises(ProviderError) as caught,
    ):
        await ask("bedrock", vendor)
    assert "too many images" in str(caught.value)
    assert not caught.value.retryable


@clouds
async def test_a_cloud_without_a_list_of_models_says_so(cloud: str) -> None:
    from tests.providers.test_catalog import catalog

    where = {
        "AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:1",
        "OPENAI_API_VERSION": "1",
        "AWS_REGION": "us-east-1",
        "CLOUD_ML_REGION": "us",
        "GOOGLE_CLOUD_PROJECT": "p",
    }
    made = catalog({"AZURE_OPENAI_API_KEY": "k"}, addresses=where)
    provider: Any = made.model(f"{cloud}:m").provider
    with pytest.raises(ProviderError, match="does not tell which models it has"):
        await provider.models()
    await made.aclose()


def test_a_cloud_is_never_chosen_unasked() -> None:
    assert all(vendor.default_model is None for vendor in VENDORS.values() if vendor.platform)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"azure": {"transport": "http"}}, "transport = 'http'"),
        ({"groq": {"region": "eu"}}, "region"),
        ({"vertex": {"api_version": "1", "region": "us", "project": "p"}}, "api_version"),
    ],
)
def test_a_setting_that_would_do_nothing_is_a_mistake(table: dict[str, Any], said: str) -> None:
    from tests.providers.test_catalog import ALL_KEYS, catalog

    with pytest.raises(SettingsError) as caught:
        catalog(ALL_KEYS, providers=table).model(f"{next(iter(table))}:m")
    assert said in str(caught.value)


def test_a_table_for_a_second_resource_has_what_the_clouds_own_row_has() -> None:
    mine = merged(VENDORS, {"mine": {"platform": "bedrock", "region": "eu-west-1"}})["mine"]
    assert (mine.name, mine.protocol, mine.transport, mine.sign_in) == (
        "mine", "anthropic", "sdk", VENDORS["bedrock"].sign_in,
    )  # fmt: skip
    assert mine.address(lambda _: None) == "https://bedrock-runtime.eu-west-1.amazonaws.com"
