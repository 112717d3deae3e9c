"""The time, anywhere."""

from datetime import datetime
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from llmgine_cli.api import ToolError, tool


@tool(effect="read", timeout=10)
def current_time(timezone: str | None = None) -> str:
    """Tell the current date and time, with the day of the week and the offset from UTC.

    Args:
        timezone: IANA name of a zone, such as "Europe/Berlin" or "UTC". Default: where the user is.
    """
    now = datetime.now().astimezone() if timezone is None else datetime.now(_zone(timezone))
    return f"{now.isoformat(timespec='seconds')} ({now:%A}, {timezone or now.tzname()})"


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ToolError(f"there is no time zone {name!r}", hint=_near(name)) from None


def _near(name: str) -> str:
    """Name the zones the model may have meant: of that city, or spelled nearly so."""
    zones = sorted(available_timezones())
    if not zones:
        return "this machine has no time zone data; the Python package tzdata brings it"
    wanted = name.strip().replace(" ", "_").casefold()
    city = wanted.rpartition("/")[2]
    by_name = {zone.casefold(): zone for zone in zones}
    near = [zone for zone in zones if city and zone.casefold().rpartition("/")[2] == city]
    near = near or [by_name[zone] for zone in get_close_matches(wanted, by_name, n=3)]
    return f"did you mean {' or '.join(near)}?" if near else "use an IANA name, such as Europe/Berlin or UTC"
