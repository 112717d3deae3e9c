"""The vendors, as data: a new one that speaks a known protocol is a row here, or a table in the settings.

Their order is the order in which a model is chosen when the user names none and several keys are set.
"""

from collections.abc import Callable, Mapping

from llmgine_cli.providers.known_quirks import CLAUDE_QUIRKS, MAY_THINK, OPENAI_QUIRKS, TEXT_ONLY, THINKING
from llmgine_cli.providers.quirks import Quirk
from llmgine_cli.providers.vendor import Vendor

_ROWS = (
    Vendor(
        name="openai",
        base_url="https://api.openai.com/v1",
        base_url_env="OPENAI_BASE_URL",
        key_env="OPENAI_API_KEY",
        default_model="gpt-5.4-mini",
        embedding_model="text-embedding-3-small",
        own_models=r"gpt-\d|chatgpt-|o\d(-|$)|text-embedding-",
        names={"max_tokens": "max_completion_tokens"},
        takes_files=True,
        thinkers=MAY_THINK,
        quirks=OPENAI_QUIRKS,
    ),
    Vendor(
        name="anthropic",
        protocol="anthropic",
        base_url="https://api.anthropic.com",
        base_url_env="ANTHROPIC_BASE_URL",
        key_env="ANTHROPIC_API_KEY",
        default_model="claude-sonnet-5-5",
        own_models=r"claude-",
        # The API knows these only with their date.
        aliases={
            "claude-3-5-haiku": "claude-3-5-haiku-20241022",
            "claude-3-5-haiku-latest": "claude-3-5-haiku-20241022",
            "claude-3-5-sonnet": "claude-3-5-sonnet-20241022",
            "claude-3-7-sonnet": "claude-3-7-sonnet-20250219",
            "claude-sonnet-4": "claude-sonnet-4-20250514",
            "claude-opus-4": "claude-opus-4-20250514",
            "claude-opus-4-1": "claude-opus-4-1-20250805",
        },
        takes_files=True,
        quirks=CLAUDE_QUIRKS,
    ),
    Vendor(
        name="openrouter",
        base_url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
        default_model="openrouter/auto",
        aliases={
            "anthropic/claude-3-5-haiku": "anthropic/claude-3.5-haiku",
            "anthropic/claude-3-7-sonnet": "anthropic/claude-3.7-sonnet",
            "anthropic/claude-haiku-4-5": "anthropic/claude-haiku-4.5",
            "anthropic/claude-sonnet-4-5": "anthropic/claude-sonnet-4.5",
            "anthropic/claude-opus-4-5": "anthropic/claude-opus-4.5",
            "anthropic/claude-sonnet-5-5": "anthropic/claude-sonnet-5.5",
            "anthropic/claude-haiku-5-5": "anthropic/claude-haiku-5.5",
            "anthropic/claude-opus-5-5": "anthropic/claude-opus-5.5",
        },
        carries={
            "openai": "openai/",
            "anthropic": "anthropic/",
            "gemini": "google/",
            "xai": "x-ai/",
            "deepseek": "deepseek/",
        },
        headers={"X-Title": "llmgine"},
        names={
            "reasoning_effort": "reasoning.effort",
            "reasoning_budget": "reasoning.max_tokens",
            "routing": "provider",
        },
        takes_files=True,
        call_signatures=True,
        quirks=(Quirk(models=TEXT_ONLY, images=False),),
    ),
    Vendor(
        name="deepseek",
        base_url="https://api.deepseek.com",
        key_env="DEEPSEEK_API_KEY",
        default_model="deepseek-flash",
        own_models=r"deepseek-(flash|pro|chat|reasoner|v\d)",
        reasoning_field="reasoning_content",
        # https://api-docs.deepseek.com/guides/thinking_mode
        quirks=(
            Quirk(models="", formats=("json_object",), images=False),
            Quirk(models="", efforts={"none": {"thinking": {"type": "disabled"}}}),
            Quirk(models=r"deepseek-(?!chat)", forced_tools=False, unless=("thinking", {"type": "disabled"})),
        ),
    ),
    Vendor(
        name="gemini",
        fetches_images=False,
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        key_env="GEMINI_API_KEY",
        more_key_envs=("GOOGLE_API_KEY",),
        default_model="gemini-3.8-flash",
        embedding_model="gemini-embedding-001",
        own_models=r"gemini-",
        serves=r"^gem(ini|ma)",
        names={"reasoning_budget": "extra_body.google.thinking_config.thinking_budget"},
        call_signatures=True,
        quirks=(
            Quirk(models=r"gemini-(1|2\.0)", drops=THINKING),
            Quirk(models=r"gemini-[12]", formats_with_tools=False),
            Quirk(models="", efforts={"xhigh": "high"}),
            Quirk(models=r"gemini-(2\.5-pro|[3-9])", efforts={"none": "low"}),  # they always think
        ),
    ),
    Vendor(
        name="xai",
        base_url="https://api.x.ai/v1",
        key_env="XAI_API_KEY",
        default_model="grok-4.3",
        own_models=r"grok-",
        quirks=(
            Quirk(models=r"grok-(3-mini|4(?!.*non-reasoning))", drops=("stop",)),
            Quirk(models=r"grok-(2|3(?!-mini)|4(?!\.[3-9])|code)", drops=("reasoning_effort",)),
            Quirk(models="", efforts={"minimal": "low", "xhigh": "high"}),
            Quirk(models=r"grok-3-mini", efforts={"none": "low", "medium": "high"}),
            Quirk(models=r"grok-(3|code)", images=False),
        ),
    ),
    Vendor(
        name="groq",
        base_url="https://api.groq.com/openai/v1",
        key_env="GROQ_API_KEY",
        default_model="openai/gpt-oss-120b",
        quirks=(
            Quirk(models=TEXT_ONLY, images=False),
            Quirk(models="", formats_with_tools=False),
            Quirk(models=r"(?!openai/gpt-oss|qwen/)", drops=("reasoning_effort",)),
            Quirk(models=r"openai/gpt-oss", efforts={"none": "low", "minimal": "low", "xhigh": "high"}),
            Quirk(models=r"qwen/", efforts=dict.fromkeys(("minimal", "low", "medium", "high", "xhigh"), "default")),
            Quirk(models=r"(?!openai/gpt-oss|meta-llama/llama-4|moonshotai/kimi-k2)", formats=("json_object",)),
        ),
    ),
    Vendor(
        name="mistral",
        base_url="https://api.mistral.ai/v1",
        key_env="MISTRAL_API_KEY",
        default_model="mistral-small-latest",
        embedding_model="mistral-embed",
        own_models=r"(mistral|ministral|codestral|devstral|magistral|pixtral)-",
        names={"seed": "random_seed"},
        stream_usage=False,  # it reports usage without being asked, and refuses fields it does not know
        quirks=(
            Quirk(models="", efforts=dict.fromkeys(("minimal", "low", "medium", "xhigh"), "high")),
            Quirk(models=r"(?!mistral-(small|medium)-(latest|26|3))", drops=("reasoning_effort",)),
            Quirk(
                models=r"codestral|open-mi|mistral-(tiny|nemo)|mistral-(small|large)-24|mistral-small-2501|ministral-\d+b-24",
                images=False,
            ),
        ),
    ),
    Vendor(
        name="together",
        base_url="https://api.together.xyz/v1",
        base_url_env="TOGETHER_BASE_URL",
        key_env="TOGETHER_API_KEY",
        default_model="openai/gpt-oss-120b",
        quirks=(Quirk(models=TEXT_ONLY, images=False),),
    ),
    Vendor(
        name="azure",
        base_url_env="AZURE_OPENAI_ENDPOINT",
        key_env="AZURE_OPENAI_API_KEY",
        more_key_envs=("AZURE_OPENAI_AD_TOKEN",),
        names={"max_tokens": "max_completion_tokens"},
        takes_files=True,
        thinkers=MAY_THINK,
        quirks=OPENAI_QUIRKS,  # a deployment is usually called what its model is called
        transport="sdk",
        platform="azure",
        variables={"api_version": ("OPENAI_API_VERSION",)},
        models_page="the deployments of the resource at https://ai.azure.com: their names are the models here",
    ),
    Vendor(
        name="bedrock",
        protocol="anthropic",
        base_url="https://bedrock-runtime.{region}.amazonaws.com",
        base_url_env="ANTHROPIC_BEDROCK_BASE_URL",
        key_env="AWS_BEARER_TOKEN_BEDROCK",
        serves=r"claude",
        takes_files=True,
        quirks=CLAUDE_QUIRKS,
        transport="sdk",
        platform="bedrock",
        variables={"region": ("AWS_REGION", "AWS_DEFAULT_REGION")},
        models_page="the catalogue at https://console.aws.amazon.com/bedrock",
        sign_in="aws configure, aws sso login, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    Vendor(
        name="vertex",
        protocol="anthropic",
        base_url="https://{region}-aiplatform.googleapis.com/v1",
        base_url_env="ANTHROPIC_VERTEX_BASE_URL",
        serves=r"claude",
        takes_files=True,
        # Schemas are off there until an organization's policy allows them:
        # https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/structured_outputs
        quirks=(*CLAUDE_QUIRKS, Quirk(models="", formats=())),
        transport="sdk",
        platform="vertex",
        variables={
            "region": ("CLOUD_ML_REGION",),
            "project": ("ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_CLOUD_PROJECT"),
        },
        region_urls={
            "global": "https://aiplatform.googleapis.com/v1",
            "us": "https://aiplatform.us.rep.googleapis.com/v1",
            "eu": "https://aiplatform.eu.rep.googleapis.com/v1",
        },
        models_page="the model garden at https://console.cloud.google.com/vertex-ai",
        sign_in="gcloud auth application-default login, or GOOGLE_APPLICATION_CREDENTIALS",
    ),
    Vendor(
        name="ollama",
        fetches_images=False,
        base_url="http://127.0.0.1:11434/v1",
        base_url_env="OLLAMA_HOST",
        names={"tool_choice": None, "parallel_tool_calls": None},  # passed over in silence there
        starter="ollama serve",
        quirks=(Quirk(models=TEXT_ONLY, images=False),),
    ),
    Vendor(
        name="lmstudio",
        fetches_images=False,
        base_url="http://127.0.0.1:1234/v1",
        base_url_env="LMSTUDIO_BASE_URL",
        starter="lms server start",
        quirks=(Quirk(models="", formats=("json_schema",)), Quirk(models=TEXT_ONLY, images=False)),
    ),
    Vendor(
        name="vllm",
        base_url="http://127.0.0.1:8000/v1",
        base_url_env="VLLM_BASE_URL",
        starter="vllm serve MODEL",
        quirks=(
            Quirk(models=TEXT_ONLY, images=False),
            Quirk(models=r"(google/)?gemma-2-", system_role="user"),  # its template refuses a system message
        ),
    ),
    Vendor(
        name="local",
        protocol="local",
        default_model="smollm2-135m",
        embedding_model="smollm2-135m",
        quirks=(
            Quirk(models="", images=False),  # llama.cpp is started without an eye
            Quirk(models=r"smollm2", drops=("reasoning_effort",)),
        ),
    ),
    Vendor(name="echo", protocol="echo", default_model="echo", takes_files=True),
)
VENDORS: Mapping[str, Vendor] = {vendor.name: vendor for vendor in _ROWS}


def is_at_home(vendor: Vendor, variable: Callable[[str], str | None]) -> bool:
    """Whether a vendor is asked at its own address.

    Args:
        vendor: As the settings have it.
        variable: Gives the value of an environment variable.
    """
    preset = VENDORS.get(vendor.name)
    return preset is not None and vendor.address(variable) == preset.base_url
