"""What the models of large families want otherwise, whoever serves them; what only one vendor has is in its row."""

from llmgine_cli.providers.quirks import Quirk

_SAMPLING = ("temperature", "top_p")
THINKING = ("reasoning_effort", "reasoning_budget")
# o-series and the GPTs that always think take no sampling options; those from 5.1 to 5.4 think only when asked to.
_THINKERS = (
    r"o\d|gpt-5(-(mini|nano|pro|codex|20).*)?$|gpt-5\.[1-4]-(chat|pro)|gpt-5\.1-codex|gpt-5\.[5-9]|gpt-([6-9]|\d\d)"
)
_OPTIONAL_THINKERS = r"gpt-5\.[1-4](?!-(chat|pro)|(?<=1)-codex)"
_NO_TOOLS_WHILE_THINKING = r"gpt-5\.[6-9]|gpt-([6-9]|\d\d)"
# Served in Responses alone: https://platform.openai.com/docs/models, and the lists of names in OpenAI's own SDK.
_ONLY_RESPONSES = (
    r"o\d-pro|o\d(-mini)?-deep-research|computer-use-|codex-|gpt-\d+(\.\d+)?-(pro|codex)|gpt-(daybreak|rosalind)-"
)
# All that think, if only when asked to.
MAY_THINK = r"o\d|codex-|gpt-5(?!(\.\d+)?-chat)|gpt-([6-9]|1\d)|gpt-(daybreak|rosalind)-"
# Models of others that many serve, under whatever prefix, and that read nothing but text.
TEXT_ONLY = (
    r"([\w.-]+/)*(gpt-oss|gpt-3\.5|o1-mini|o3-mini|deepseek(?!-(vl|ocr))|smollm2|codestral|qwen3(?!\.|-vl)|qwen2\.5(?!-?vl)|kimi-k2(?!\.)"
    r"|llama-?3(\.[13]|[:-]|$)|llama-?3\.2[:-]([13]b|latest)|mistral-7b|mixtral|grok-3)"
)
# Up to Opus and Sonnet 4.6 and Haiku 4.5 the models take sampling options; later ones refuse them, and a budget.
# Clouds write something before these names.
_CLAUDE = r"([\w-]+\.)*claude-"
_CLAUDE_LATER = rf"{_CLAUDE}(opus-4-[7-9]|[a-z]+-([5-9]|\d\d)\b|mythos|fable)"
_CLAUDE_3_7_TO_4_5 = rf"{_CLAUDE}(3-7-|(sonnet|opus|haiku)-4(-[015]\b|-20|@|$))"
_CLAUDE_TO_3_5 = rf"{_CLAUDE}([12]\b|instant|3-(5-|opus|sonnet|haiku))"

OPENAI_QUIRKS = (
    Quirk(models=_ONLY_RESPONSES, drops=_SAMPLING, protocol="responses"),
    # In chat completions they would have to do without thinking whenever they are offered tools; see below.
    Quirk(models=_NO_TOOLS_WHILE_THINKING, protocol="responses"),
    Quirk(models="", most={"stop": 4}),
    Quirk(models=r"gpt-[34]|gpt-5-chat|chatgpt-", drops=("reasoning_effort",)),
    Quirk(models=_THINKERS, drops=_SAMPLING, unless=("reasoning_effort", "none")),
    Quirk(models=_OPTIONAL_THINKERS, drops=_SAMPLING, unless=("reasoning_effort", ("none", None))),
    Quirk(models=r"o\d", drops=("stop", "parallel_tool_calls")),
    Quirk(models=r"o\d", efforts={"none": "low", "minimal": "low", "xhigh": "high"}),
    Quirk(models=r"gpt-5(-(mini|nano|codex|20).*)?$", efforts={"none": "minimal", "xhigh": "high"}),
    Quirk(models=r"gpt-5-pro", efforts=dict.fromkeys(("none", "minimal", "low", "medium", "xhigh"), "high")),
    Quirk(models=r"gpt-5\.1", efforts={"minimal": "low", "xhigh": "high"}),
    Quirk(models=r"gpt-5\.[2-9]|gpt-([6-9]|\d\d)", efforts={"minimal": "low"}),
    # These answer tools on chat completions only when told not to think (400 otherwise).
    Quirk(models=_NO_TOOLS_WHILE_THINKING, with_tools={"reasoning_effort": "none"}),
    Quirk(models=r"gpt-3\.5|gpt-4(-0|-1|-turbo)|gpt-4o-2024-05", formats=("json_object",)),
    Quirk(models=r"gpt-4(-0[36]|-32k|$)", formats=()),
    Quirk(models=r"gpt-3\.5|gpt-4(-0|-1|-32k|$)|o1-mini|o3-mini", images=False),
    Quirk(models=r"o1-(mini|preview)", system_role="user"),
)
# https://platform.claude.com/docs/en/build-with-claude/{thinking,effort,structured-outputs}
CLAUDE_QUIRKS = (
    Quirk(models="", least={"reasoning_budget": 1024}, efforts={"minimal": "low"}, formats=()),
    Quirk(models=_CLAUDE_LATER, drops=(*_SAMPLING, "reasoning_budget")),
    Quirk(models=rf"{_CLAUDE}(opus-5-5|mythos|fable)", efforts={"none": "low"}),  # they always think
    Quirk(models=rf"{_CLAUDE}(mythos|fable)", forced_tools=False),
    Quirk(models=rf"{_CLAUDE}sonnet-4-6", efforts={"xhigh": "high"}),
    Quirk(models=rf"{_CLAUDE}opus-4-6", efforts={"xhigh": "max"}),
    Quirk(
        models=_CLAUDE_3_7_TO_4_5,
        budgets={"minimal": 1024, "low": 2048, "medium": 8192, "high": 16_384, "xhigh": 24_576},
    ),
    Quirk(models=_CLAUDE_TO_3_5, drops=THINKING, most={"max_tokens": 8192}),
    Quirk(models=rf"{_CLAUDE}(2|instant|3-(opus|sonnet|haiku))", most={"max_tokens": 4096}),
    Quirk(models=rf"{_CLAUDE}(2|instant)", images=False),
    Quirk(models=rf"{_CLAUDE}(sonnet|opus|haiku)-4-5|{_CLAUDE}opus-4-1", formats=("json_schema",)),
    Quirk(models=rf"{_CLAUDE}(sonnet|opus)-4-6|{_CLAUDE_LATER}", formats=("json_schema",)),
)
