"""What the configuration of AWS on this machine says, as `aws configure` writes it."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any


def profile_region() -> str | None:
    """Return the region of the profile in use; None if it names none, or the library to ask is not installed."""
    if find_spec("boto3") is None:
        return None
    boto3: Any = import_module("boto3")  # neither has types
    faults: Any = import_module("botocore.exceptions")
    try:
        region: str | None = boto3.Session().region_name
    except faults.BotoCoreError:
        return None  # which profile or file is wrong will be told when credentials are looked for in it
    return region
