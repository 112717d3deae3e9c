"""Why no connection came about: a name nobody knows, a certificate nobody trusts, a proxy that does not answer."""

import os
import re
import ssl
from socket import EAI_AGAIN, gaierror
from typing import TypeVar
from urllib.parse import urlsplit

from llmgine_cli.errors import UnreachableError
from llmgine_cli.providers.transport import Endpoint, without_password

E = TypeVar("E", bound=BaseException)
_REFUSED = re.compile(r"4\d\d\b")  # how a proxy's answer begins that it would give again


def unreachable(endpoint: Endpoint, why: str, error: BaseException | None = None) -> UnreachableError:
    """Return what to tell the user.

    Args:
        endpoint: Whom we wanted to talk to.
        why: In the words of whoever tried.
        error: What was raised; the errors behind it tell more.
    """
    if error is not None and (untrusted := _behind(error, ssl.SSLCertVerificationError)):
        return _untrusted(endpoint, untrusted)
    if error is not None and _behind(error, ssl.SSLError):
        return _error(
            endpoint,
            f"cannot be reached at {endpoint.shown_url}: what answers there does not speak TLS as we do",
            "is it http:// rather than https://?",
            retryable=False,
        )
    if proxy := _proxy(endpoint):
        variable, address = proxy
        return _error(
            endpoint,
            f"cannot be reached through the proxy {address}: {why}",
            f"is it running, and does it let you through? {variable} names it",
            retryable=not _REFUSED.match(why),
        )
    if error is not None and (unknown := _behind(error, gaierror)):
        return _unknown_host(endpoint, unknown)
    if endpoint.starter:
        hint = f"is it running? Start it with: {endpoint.starter}"
    elif endpoint.is_loopback:
        hint = "is the server running?"
    else:
        hint = "is there a connection to the network, and is the address right?"
    return _error(endpoint, f"cannot be reached at {endpoint.shown_url}: {why}", hint, retryable=True)


def _untrusted(endpoint: Endpoint, error: ssl.SSLCertVerificationError) -> UnreachableError:
    return _error(
        endpoint,
        f"cannot be reached at {endpoint.shown_url}: its certificate is not trusted ({error.verify_message})",
        "if it is your own server, or a proxy of your network that looks into the traffic, name a file with the"
        " certificate of its authority in SSL_CERT_FILE; otherwise somebody may be in between",
        retryable=False,
    )


def _unknown_host(endpoint: Endpoint, error: gaierror) -> UnreachableError:
    host = urlsplit(endpoint.base_url).hostname
    if error.errno == EAI_AGAIN:
        return _error(
            endpoint,
            f"cannot be reached: the name {host} cannot be looked up at the moment",
            "is there a connection to the network?",
            retryable=True,
        )
    return _error(
        endpoint,
        f"cannot be reached: there is no host named {host}",
        f"is {endpoint.shown_url} the right base URL, and is there a connection to the network?",
        retryable=False,
    )


def _error(endpoint: Endpoint, what: str, hint: str, *, retryable: bool) -> UnreachableError:
    return UnreachableError(f"{endpoint.provider} {what}", provider=endpoint.provider, retryable=retryable, hint=hint)


def _proxy(endpoint: Endpoint) -> tuple[str, str] | None:
    """Return which variable names the proxy that requests go through, and its address; None when they go straight."""
    if endpoint.is_loopback:
        return None
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(endpoint.base_url)
    known = getproxies()
    for kind in (parts.scheme, "all"):
        if (address := known.get(kind)) and not proxy_bypass(parts.hostname or ""):
            name = f"{kind}_proxy"
            variable = next((each for each in (name, name.upper()) if os.environ.get(each)), None)
            return variable.upper() if variable else "the settings of this system", without_password(address)
    return None


def _behind(error: BaseException, kind: type[E]) -> E | None:
    """Return the first of a kind among an error and those that led to it."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        if isinstance(current, kind):
            return current
        seen.add(id(current))
        current = current.__cause__ or current.__context__
    return None
