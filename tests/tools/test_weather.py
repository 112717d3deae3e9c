"""The weather, against a server on the loopback that speaks as Open-Meteo does."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from llmgine_cli.errors import ToolError
from llmgine_cli.toolkit.tool import Tool
from tests.support.shipped import shipped_tools

weather = shipped_tools("weather")

PORTLANDS = [
    {"name": "Portland", "admin1": "Oregon", "country": "United States", "country_code": "US",
     "latitude": 45.5, "longitude": -122.6},
    {"name": "Portland", "admin1": "Maine", "country": "United States", "country_code": "US",
     "latitude": 43.6, "longitude": -70.2},
]  # fmt: skip
FORECAST = {
    "current": {
        "time": "2026-11-23T15:00", "weather_code": 61, "temperature_2m": 7.5, "apparent_temperature": 5.0,
        "relative_humidity_2m": 91, "precipitation": 0.4, "wind_speed_10m": 12.2, "wind_gusts_10m": None,
    },
    "current_units": {
        "temperature_2m": "°C", "apparent_temperature": "°C", "relative_humidity_2m": "%", "precipitation": "mm",
        "wind_speed_10m": "km/h",
    },
    "daily": {
        "time": ["2026-11-23", "2026-11-24"], "weather_code": [63, 1234], "temperature_2m_min": [4.0, 3.0],
        "temperature_2m_max": [8.0, 9.5], "precipitation_sum": [11.0, 0.0],
        "precipitation_probability_max": [95, None], "wind_speed_10m_max": [20.0, 10.0],
    },
    "daily_units": {
        "temperature_2m_min": "°C", "temperature_2m_max": "°C", "precipitation_sum": "mm",
        "precipitation_probability_max": "%", "wind_speed_10m_max": "km/h",
    },
}  # fmt: skip


class Service:
    """Open-Meteo on the loopback: what it answers at which path, and what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answer("/v1/search", {"results": PORTLANDS})
        self.answer("/v1/forecast", FORECAST)
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                service.asked.append((parts.path, {key: value[0] for key, value in parse_qs(parts.query).items()}))
                status, body = service.answers[parts.path]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str, body: Any, status: int = 200) -> None:
        self.answers[path] = (status, body if isinstance(body, bytes) else json.dumps(body).encode())

    def get_weather(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        found: dict[str, Any] = weather.get_weather(*args, **kwargs, base_url=f"{self.url}/", geocoding_url=self.url)
        return found

    def refusal(self, *args: Any, **kwargs: Any) -> str:
        with pytest.raises(ToolError) as caught:
            self.get_weather(*args, **kwargs)
        return f"{caught.value.message} | {caught.value.hint}".replace(self.url, "URL")


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_the_place_is_looked_up_and_its_weather_told_with_units(service: Service) -> None:
    assert service.get_weather("Portland", days=2) == {
        "place": "Portland, Oregon, United States",
        "local_time": "2026-11-23T15:00",
        "now": {
            "conditions": "light rain",
            "temperature": "7.5°C",
            "feels_like": "5.0°C",
            "humidity": "91%",
            "precipitation": "0.4 mm",
            "wind_speed": "12.2 km/h",
        },
        "forecast": [
            {
                "date": "2026-11-23",
                "conditions": "rain",
                "low": "4.0°C",
                "high": "8.0°C",
                "precipitation": "11.0 mm",
                "chance_of_precipitation": "95%",
                "wind_speed": "20.0 km/h",
            },
            {
                "date": "2026-11-24",
                "conditions": "unknown",
                "low": "3.0°C",
                "high": "9.5°C",
                "precipitation": "0.0 mm",
                "wind_speed": "10.0 km/h",
            },
        ],
    }
    (_, search), (_, forecast) = service.asked
    assert search["name"] == "Portland"
    assert (forecast["latitude"], forecast["longitude"]) == ("45.5", "-122.6")
    assert (forecast["forecast_days"], forecast["timezone"]) == ("2", "auto")
    assert "temperature_unit" not in forecast


def test_what_comes_after_the_comma_chooses_among_places_of_one_name(service: Service) -> None:
    assert service.get_weather("portland, maine")["place"] == "Portland, Maine, United States"
    assert service.get_weather("Portland, Oregon, US")["place"] == "Portland, Oregon, United States"


def test_units_are_those_that_were_asked_for(service: Service) -> None:
    service.get_weather("Portland", units="imperial")
    asked = service.asked[-1][1]
    assert (asked["temperature_unit"], asked["wind_speed_unit"], asked["precipitation_unit"]) == (
        "fahrenheit", "mph", "inch",
    )  # fmt: skip


def test_a_place_that_is_not_there_is_told(service: Service) -> None:
    assert "no 'Portland' in 'Texas' was found | there are: Portland, Oregon" in service.refusal("Portland, Texas")
    service.answer("/v1/search", {"generationtime_ms": 0.5})
    assert service.refusal("Xyzzy") == (
        "no place called 'Xyzzy' was found | try the English name of a town or city nearby"
    )
    assert "location is empty" in service.refusal(" , Oregon")


@pytest.mark.parametrize("days", [0, 17])
def test_a_forecast_that_cannot_be_had_is_refused_before_anybody_is_asked(service: Service, days: int) -> None:
    assert "1 to 16 days" in service.refusal("Portland", days=days)
    assert service.asked == []


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (500, b"<html>oops</html>", "the weather service at URL/v1/forecast answered 500"),
        (400, {"error": True, "reason": "Bad day."}, "answered 400: Bad day."),
        (429, {"reason": "Limit exceeded."}, "answered 429: Limit exceeded."),
        (200, b"<html>", "answered something that is no JSON"),
        (200, [1], "is not in the form of Open-Meteo"),
        (200, {}, "is not in the form of Open-Meteo"),
        (200, {**FORECAST, "daily": {"time": ["2026-11-23"], "weather_code": []}}, "is not in the form of Open-Meteo"),
    ],
)
def test_an_answer_that_is_none_is_told_as_such(service: Service, status: int, body: Any, said: str) -> None:
    service.answer("/v1/forecast", body, status)
    assert said in service.refusal("Portland")


@pytest.mark.parametrize("results", [[{"name": "Nowhere"}], "text", [1]])
def test_a_place_without_coordinates_is_told_as_such(service: Service, results: Any) -> None:
    service.answer("/v1/search", {"results": results})
    assert "is not in the form of Open-Meteo" in service.refusal("Nowhere")


def test_a_service_that_is_not_there_is_told() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(ToolError, match="cannot be reached"):
        weather.get_weather("Lima", geocoding_url=url)


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", ""])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(ToolError, match="cannot be reached"):
        weather.get_weather("Lima", geocoding_url=url)


def test_where_it_asks_is_for_the_user_to_set_and_not_for_the_model() -> None:
    tool = Tool.from_function(weather.get_weather)
    assert set(tool.settings) == {"base_url", "geocoding_url"}
    assert set(tool.parameters["properties"]) == {"location", "days", "units"}
    assert tool.effect == "net"
