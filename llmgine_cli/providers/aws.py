"""What the configuration of AWS on this machine says, as `aws configure` writes it."""

from importlib.util import find_spec
from typing import Any


def profile_region() -> str | None:
    """Return the region of the profile in use; None if it names none, or the library to ask is not installed."""
    if find_spec("boto3") is None:
        return None
    import boto3
    from botocore.exceptions import BotoCoreError

    library: Any = boto3  # it has no types
    try:
        return library.Session().region_name
    except BotoCoreError:
        return None  # which profile or file is wrong will be told when credentials are looked for in it
