"""Keys never reach the log. The keys here are put together from pieces, so that none stands in this file."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgine_cli.eventlog.redact import MARK, Redactor

HEX = "0123456789abcdef" * 4
PEM = "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEow\nAAAA\n-----END RSA PRIVATE " + "KEY-----"
KEYS = {
    "openai": "sk-" + "T3BlbkFJ" * 6,
    "openai project": "sk-" + "proj-" + HEX,
    "deepseek": "sk-" + HEX[:32],
    "anthropic": "sk-" + "ant-api03-" + HEX + "-_AA",
    "openrouter": "sk-" + "or-v1-" + HEX,
    "groq": "gsk" + "_" + HEX[:52],
    "google": "AIza" + "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
    "xai": "xai" + "-" + HEX,
    "github": "ghp" + "_" + HEX[:36],
    "github fine-grained": "github" + "_pat_" + HEX[:22] + "_" + HEX[:59],
    "hugging face": "hf" + "_" + HEX[:34],
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "pem": PEM,
}
PROSE = [
    "the task-force met; risk-taking, disk-based, desk-side and sk-learn are words",
    "sk-internationalization-of-the-components",
    "class sk-folding-cube, sk-cube1 sk-cube2 and sk-",
    "gsk_render_node_get_bounds(node) and hf_transfer_enabled, ghp_, AIza, AKIA, xai-explainability-workshop",
    "The bearer responsibilities are many. Bearer authentication is used. Bearer: authentication-requirements",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "ask-0123456789abcdef0123456789abcdef is no key of ours",
    "18ead0941bde801700000f204c3",
]


def line(text: str) -> bytes:
    return json.dumps({"v": 1, "text": text}, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("around", ["{}", "key={} ", "say\n{}\nplease", '{{"api_key": "{}"}}', "\u001b{}", "é{}."])
def test_what_is_shaped_like_a_key_is_replaced_and_the_rest_stays(key: str, around: str) -> None:
    found = json.loads(Redactor()(line(around.format(key))))

    assert found == {"v": 1, "text": around.format(MARK)}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_key_inside_json_inside_json_is_replaced(key: str) -> None:
    arguments = json.dumps({"a": f"first\n{key}"})

    assert json.loads(json.loads(Redactor()(line(arguments)))["text"]) == {"a": f"first\n{MARK}"}


@pytest.mark.parametrize("word", ["Bearer", "bearer"])
def test_a_bearer_token_is_replaced_whatever_its_shape(word: str) -> None:
    found = json.loads(Redactor()(line(f'curl -H "Authorization: {word} eyJhbGciOi.J9.abc~d+e/f=="')))

    assert found["text"] == f'curl -H "Authorization: {word} {MARK}"'


@pytest.mark.parametrize("text", PROSE)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert Redactor()(line(text)) == line(text)


@pytest.mark.parametrize("secret", ["correct horse", 'with"quote\\and', "pässword-ö", "12345678", "a/b?c=d&e f"])
def test_a_known_secret_is_replaced_in_every_form(secret: str) -> None:
    from urllib.parse import quote

    text = f"{secret} | {quote(secret, safe='')} | {json.dumps(secret, ensure_ascii=False)[1:-1]}"

    assert json.loads(Redactor([secret])(line(text)))["text"] == f"{MARK} | {MARK} | {MARK}"


def test_a_secret_of_digits_leaves_numbers_valid() -> None:
    document = b'{"v":1,"n":12345678,"text":"pin 12345678"}'

    assert json.loads(Redactor(["12345678"])(document)) == {"v": 1, "n": 12345678, "text": f"pin {MARK}"}


def test_a_placeholder_is_no_secret() -> None:
    assert Redactor(["none", "", "  "])(line("none of it")) == line("none of it")


def test_names_of_fields_are_redacted_too() -> None:
    assert json.loads(Redactor(["hunter2hunter2"])(b'{"v":1,"hunter2hunter2":{"x":["hunter2hunter2"]}}')) == {
        "v": 1,
        MARK: {"x": [MARK]},
    }


@given(
    st.lists(st.sampled_from([*KEYS.values(), *PROSE, '"', "\\", "\n", "é", " ", "\0"]), max_size=6).map("".join),
    st.text(min_size=8, max_size=12, alphabet=st.characters(codec="utf-8")),
)
def test_the_line_stays_json_and_no_secret_stays_in_it(text: str, secret: str) -> None:
    found = json.loads(Redactor([secret])(line(f"{text} {secret} {text}")))

    assert set(found) == {"v", "text"}
    if secret.strip() == secret and MARK not in secret and secret not in MARK:
        assert secret not in found["text"].replace(MARK, "")


def test_bytes_before_the_start_are_not_searched() -> None:
    document = line(KEYS["groq"])

    assert Redactor().line(document, len(document)) == document


@pytest.mark.parametrize("key", [*KEYS.values(), "hunter2-hunter2"], ids=[*KEYS, "known"])
def test_an_id_that_is_a_key_makes_the_search_begin_at_the_first_byte(key: str) -> None:
    redact = Redactor(["hunter2-hunter2"])

    for _ in range(2):
        assert redact.clean["18ead0941bde801700000f204c3"] == 27
        assert redact.clean[None] == 4
        assert 1000 + redact.clean[f"nightly {key}"] < 0


def test_ids_are_not_remembered_for_ever() -> None:
    clean = Redactor().clean
    for number in range(20_000):
        clean[f"session-{number}"]

    assert len(clean) <= 256
