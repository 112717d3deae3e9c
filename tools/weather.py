"""The weather, from Open-Meteo: free, and without a key (https://open-meteo.com)."""

import json
from typing import Annotated, Any, Literal, cast

from llmgine_cli.api import Setting, ToolError, tool

SECONDS = 10.0  # for each of the two requests

# WMO code table 4677, as far as Open-Meteo uses it.
CONDITIONS = {
    0: "clear sky", 1: "mainly clear", 2: "partly cloudy", 3: "overcast", 45: "fog", 48: "rime fog",
    51: "light drizzle", 53: "drizzle", 55: "dense drizzle", 56: "light freezing drizzle", 57: "freezing drizzle",
    61: "light rain", 63: "rain", 65: "heavy rain", 66: "light freezing rain", 67: "freezing rain",
    71: "light snow", 73: "snow", 75: "heavy snow", 77: "snow grains", 80: "light rain showers", 81: "rain showers",
    82: "violent rain showers", 85: "light snow showers", 86: "snow showers", 95: "thunderstorm",
    96: "thunderstorm with light hail", 99: "thunderstorm with hail",
}  # fmt: skip

CURRENT = {
    "temperature_2m": "temperature",
    "apparent_temperature": "feels_like",
    "relative_humidity_2m": "humidity",
    "precipitation": "precipitation",
    "wind_speed_10m": "wind_speed",
    "wind_gusts_10m": "wind_gusts",
}
DAILY = {
    "temperature_2m_min": "low",
    "temperature_2m_max": "high",
    "precipitation_sum": "precipitation",
    "precipitation_probability_max": "chance_of_precipitation",
    "wind_speed_10m_max": "wind_speed",
}
IMPERIAL = {"temperature_unit": "fahrenheit", "wind_speed_unit": "mph", "precipitation_unit": "inch"}


@tool(effect="net", timeout=30)
def get_weather(
    location: str,
    days: int = 3,
    units: Literal["metric", "imperial"] = "metric",
    *,
    base_url: Annotated[str, Setting()] = "https://api.open-meteo.com",
    geocoding_url: Annotated[str, Setting()] = "https://geocoding-api.open-meteo.com",
) -> dict[str, Any]:
    """Get the current weather of a place and a short forecast.

    Args:
        location: A town or city; say which one where there are several: "Portland, Oregon", "Paris, France".
        days: Days of forecast, today included, 1 to 16.
        units: "metric" (°C, km/h, mm) or "imperial" (°F, mph, inch).
        base_url: Where the forecast is served.
        geocoding_url: Where places are looked up.
    """
    if not 1 <= days <= 16:
        raise ToolError(f"days is {days}; a forecast has 1 to 16 days")
    place = _find(geocoding_url, location)
    query = {
        "latitude": place["latitude"],
        "longitude": place["longitude"],
        "timezone": "auto",
        "forecast_days": days,
        "current": ",".join(["weather_code", *CURRENT]),
        "daily": ",".join(["weather_code", *DAILY]),
        **(IMPERIAL if units == "imperial" else {}),
    }
    answer = _get(f"{base_url.rstrip('/')}/v1/forecast", query)
    try:
        return {
            "place": _name(place),
            "local_time": answer["current"]["time"],
            "now": _readings(answer["current"], answer["current_units"], CURRENT),
            "forecast": _forecast(answer["daily"], answer["daily_units"]),
        }
    except (KeyError, IndexError, TypeError) as error:
        raise ToolError(f"the forecast of {base_url} is not in the form of Open-Meteo ({error!r})") from error


def _find(url: str, location: str) -> dict[str, Any]:
    name, *further = (part.strip() for part in location.split(","))
    if not name:
        raise ToolError("location is empty", hint="name a town or city")
    answer = _get(f"{url.rstrip('/')}/v1/search", {"name": name, "count": 20, "language": "en", "format": "json"})
    found = _places(answer.get("results") or [], url)
    if not found:
        raise ToolError(f"no place called {name!r} was found", hint="try the English name of a town or city nearby")
    fitting = [place for place in found if all(_is_in(place, part) for part in further)]
    if not fitting:
        known = "; ".join(_name(place) for place in found[:5])
        raise ToolError(f"no {name!r} in {', '.join(further)!r} was found", hint=f"there are: {known}")
    return fitting[0]


def _places(found: Any, url: str) -> list[dict[str, Any]]:
    places: list[dict[str, Any]] = [place for place in found if isinstance(place, dict)]
    if len(places) < len(found) or not all("latitude" in place and "longitude" in place for place in places):
        raise ToolError(f"the answer of {url} is not in the form of Open-Meteo")
    return places


def _is_in(place: dict[str, Any], part: str) -> bool:
    names = {str(place.get(key, "")).casefold() for key in ("country", "country_code", "admin1", "admin2", "admin3")}
    return part.casefold() in names


def _name(place: dict[str, Any]) -> str:
    return ", ".join(str(place[key]) for key in ("name", "admin1", "country") if place.get(key))


def _readings(values: dict[str, Any], units: dict[str, str], names: dict[str, str]) -> dict[str, str]:
    readings = {"conditions": CONDITIONS.get(values.get("weather_code", -1), "unknown")}
    for key, name in names.items():
        if values.get(key) is not None:
            unit = units.get(key, "")
            readings[name] = f"{values[key]}{unit}" if unit in {"%", "°C", "°F"} else f"{values[key]} {unit}".strip()
    return readings


def _forecast(daily: dict[str, list[Any]], units: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"date": str(date), **_readings({key: column[day] for key, column in daily.items()}, units, DAILY)}
        for day, date in enumerate(daily["time"])
    ]


def _get(url: str, query: dict[str, Any]) -> dict[str, Any]:
    import httpx2

    try:
        response = httpx2.get(url, params=query, timeout=SECONDS)
        response.raise_for_status()
        answer: Any = response.json()
    except httpx2.TimeoutException:
        raise ToolError(f"the weather service at {url} did not answer within {SECONDS:g} s") from None
    except httpx2.HTTPStatusError as error:
        reason = _reason(error.response.text)
        raise ToolError(f"the weather service at {url} answered {error.response.status_code}{reason}") from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise ToolError(f"the weather service at {url} cannot be reached: {error}") from None
    except ValueError:
        raise ToolError(f"the weather service at {url} answered something that is no JSON") from None
    if not isinstance(answer, dict):
        raise ToolError(f"the answer of {url} is not in the form of Open-Meteo")
    return cast("dict[str, Any]", answer)


def _reason(text: str) -> str:
    """Open-Meteo says what it refuses in a field "reason"."""
    try:
        return f": {json.loads(text)['reason']}"
    except (ValueError, KeyError, TypeError):
        return ""
