"""Keys never reach the log. The keys here are put together from pieces, so that none stands in this file."""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
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


def test_what_has_nothing_suspect_comes_back_as_it_was() -> None:
    document = b' {"text" : "task-force", "n" : 1.50, "u" : "\\u00e9", "n" : 2}\n'

    assert Redactor()(document) is document


def test_a_suspect_that_proves_clean_has_the_same_in_it() -> None:
    document = {"text": "the bearer of gsk_render_node_get_bounds", "n": [1.5, 10**40, -0.0, 2**63, 1e300, None]}

    assert Redactor()(msgspec.json.encode(document)) == msgspec.json.encode(document)


def test_a_key_under_a_name_that_comes_twice_does_not_stay() -> None:
    document = '{"a":"' + KEYS["groq"] + '","a":"x"}'

    assert json.loads(Redactor()(document.encode())) == {"a": "x"}
    assert KEYS["groq"].encode() not in Redactor()(document.encode())


def test_a_newline_at_the_end_stays() -> None:
    assert Redactor()(b'["' + KEYS["groq"].encode() + b'"]\n') == b'["[redacted]"]\n'


def test_what_is_no_utf8_cannot_pass_for_clean() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        Redactor()(b'"\xff ' + KEYS["groq"].encode() + b'"')


def walked(value: Any, redact: Redactor) -> Any:
    """Redact the slow and obvious way: every text of a document, one by one."""
    if isinstance(value, str):
        return redact.text(value)
    if isinstance(value, list):
        return [walked(item, redact) for item in value]
    if isinstance(value, dict):
        return {redact.text(key): walked(item, redact) for key, item in value.items()}
    return value


def all_escaped(document: Any) -> bytes:
    """Write JSON as a stranger may: no character of a text as it is."""
    texts = iter(re.split(r'"((?:[^"\\]|\\.)*)"', json.dumps(document)))
    written = [next(texts)]
    for text in texts:
        escapes = "".join(f"\\u{ord(unit):04x}" for unit in _units(json.loads(f'"{text}"')))
        written += [f'"{escapes}"', next(texts)]
    return "".join(written).encode()


def _units(text: str) -> str:
    utf16 = text.encode("utf-16-le")
    return "".join(chr(int.from_bytes(utf16[at : at + 2], "little")) for at in range(0, len(utf16), 2))


def test_a_secret_in_escapes_with_capital_letters_is_found() -> None:
    assert json.loads(Redactor(["pässword-ö"])(b'["p\\u00E4ssword-\\u00F6"]')) == [MARK]


def test_a_secret_with_a_slash_is_found_where_slashes_are_escaped() -> None:
    document = rb'{"a":"Bearer abc\/def1ghi\/jkl\/mno\/pqr","b":"b64\/with\/slashes==","c":"a\/c"}'

    assert json.loads(Redactor(["b64/with/slashes=="])(document)) == {"a": f"Bearer {MARK}", "b": MARK, "c": "a/c"}


@pytest.mark.parametrize("between", ["", " ", "\t", "\n \r\f\v", " " * 50])
def test_a_bearer_token_may_stand_after_any_white_space(between: str) -> None:
    text = f"Bearer {between}abcdef0123456789"
    for written in (json.dumps([text]).encode(), msgspec.json.encode([text])):
        found = Redactor()(written)
        assert json.loads(found) == [Redactor().text(text)]
        assert b"abcdef" not in found


SECRETS = [
    "hunter2-hunter2",
    "pässword-ö\U0001f600",
    'with"quote\\and',
    "/a.b*c+d?(e)[f]{g}|h^i$ j#",
    "9" * 70,
    "é" * 8,
]
WHOLE = st.sampled_from([*KEYS.values(), *SECRETS, "Bearer eyJhbGciOi.J9.abc~d+e/f=="])
PIECES = st.one_of(
    WHOLE,
    st.tuples(WHOLE, st.integers(0, 60), st.sampled_from(["", " ", "\n", '"', "-", "_", "é"])).map(
        lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] :]  # a key that something stands in the middle of
    ),
    st.tuples(WHOLE, st.integers(0, 60)).map(lambda cut: cut[0][cut[1] :]),
    st.tuples(WHOLE, st.integers(0, 60)).map(lambda cut: cut[0][: cut[1]]),
    WHOLE.map(lambda key: json.dumps({"a": f"\n{key}", key: [key]})),
    WHOLE.map(lambda key: json.dumps(json.dumps([f"é{key}"]))),
    st.sampled_from([*PROSE, '"', "\\", "\n", "\x7f", "\0", "é", "\u2028", " ", "n", "x", "\\u00e9", "\\n"]),
    st.text(alphabet=st.characters(codec="utf-8"), max_size=5),
)
TEXTS = st.lists(PIECES, max_size=4).map("".join)
DOCUMENTS = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(DOCUMENTS, st.lists(st.sampled_from(SECRETS), unique=True))
@settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
def test_the_quick_search_finds_all_that_a_walk_through_every_text_finds(document: Any, secrets: list[str]) -> None:
    redact = Redactor(secrets)
    clean = walked(document, redact)

    for written in (
        msgspec.json.encode(document),
        json.dumps(document).encode(),
        json.dumps(document, indent=1, ensure_ascii=False).encode(),
    ):
        assert json.loads(redact(written)) == clean


@given(st.dictionaries(TEXTS, TEXTS, max_size=2), st.lists(st.sampled_from(SECRETS), unique=True))
def test_a_key_that_a_stranger_wrote_in_escapes_is_found(document: dict[str, str], secrets: list[str]) -> None:
    redact = Redactor(secrets)

    assert json.loads(redact(all_escaped(document))) == walked(document, redact)


@given(WHOLE, st.integers(0, 200))
def test_a_key_is_found_wherever_it_stands_in_a_long_line(key: str, before: int) -> None:
    redact = Redactor(SECRETS)
    text = f"{'word ' * before}{key}{' word' * (200 - before)}"

    assert json.loads(redact(line(text)))["text"] == redact.text(text) != text


def test_a_key_as_long_as_a_file_and_more_keys_than_anybody_has_are_found() -> None:
    whole = "a file of credentials " * 50_000
    many = [f"{number:04d}-is-known" for number in range(500)]
    redact = Redactor([whole, *many])

    assert json.loads(redact(line(f"{whole.strip()} {many[499]} 0500-is-known"))) == {
        "v": 1,
        "text": f"{MARK} {MARK} 0500-is-known",
    }


@pytest.mark.parametrize("number", [0, 1000, 1999])
def test_more_keys_than_one_pattern_can_hold_are_found_in_any_writing(number: int) -> None:
    redact = Redactor(f"{each:05}" + "-ключ" * 20 for each in range(2000))
    text = f"{number:05}" + "-ключ" * 20
    for line in (msgspec.json.encode([text]), json.dumps([text]).encode()):
        assert json.loads(redact(line)) == [MARK]
    assert not redact.suspects(b'["nothing of the kind"]')
