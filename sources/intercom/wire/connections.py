"""How this host reaches others: proxies and certificates, as its environment variables describe them.

httpx reads the same variables, but ends with an error of its own where it cannot read one of them.
"""

import os
import re
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:  # their imports take an eighth of a second, and most commands connect to nothing
    import ssl

    import httpx

CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_HOST = re.compile(r"[\w.-]{1,253}|[0-9a-f:.]{2,45}(%\w+)?", re.IGNORECASE)


class UnusableVariable(Exception):
    """An environment variable of the network cannot be used. The message names it, and repeats no value."""


@cache
def trusted_certificates() -> "ssl.SSLContext":
    """The certificates that httpx trusts; reading them takes as long as a call.

    Raises:
        UnusableVariable: the file or folder that a variable names cannot be read.
    """
    import httpx

    try:
        return httpx.create_ssl_context()
    except (OSError, ValueError):
        name = next((name for name in CERTIFICATE_VARIABLES if os.environ.get(name)), "SSL_CERT_FILE")
        raise UnusableVariable(
            f"The environment variable {name} names no file of certificates that can be read. Correct it, or unset it."
        ) from None


def proxy_routes(url: str, limits: "httpx.Limits") -> "dict[str, httpx.AsyncBaseTransport | None]":
    """Transports by URL pattern, as httpx takes them in `mounts`; null for a direct connection. Empty without a proxy.

    An entry of `NO_PROXY` that httpx cannot read is ignored, as other programs do.

    Raises:
        UnusableVariable: the proxy's address cannot be used.
    """
    from urllib.request import getproxies

    scheme, found = url.partition("://")[0].lower(), getproxies()
    kind = scheme if found.get(scheme) else "all"
    address, direct = found.get(kind), [entry.strip() for entry in found.get("no", "").split(",")]
    if not address or "*" in direct:
        return {}
    patterns = filter(_is_readable, map(_pattern, filter(None, direct)))
    return {"all://": _proxy(kind, address, limits), **dict.fromkeys(patterns)}


def is_untrusted(error: BaseException | None) -> bool:
    """Whether a connection failed because the other side's certificate is not trusted: another attempt fails, too."""
    from ssl import SSLCertVerificationError

    while error is not None and not isinstance(error, SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


def _proxy(kind: str, address: str, limits: "httpx.Limits") -> "httpx.AsyncBaseTransport":
    import httpx

    name = next((name for name in (f"{kind}_proxy", f"{kind.upper()}_PROXY") if os.environ.get(name)), f"{kind}_proxy")
    try:
        proxy = httpx.Proxy(_checked(address if "://" in address else f"http://{address}"))
        return httpx.AsyncHTTPTransport(verify=trusted_certificates(), limits=limits, proxy=proxy)
    except ImportError:
        raise UnusableVariable(
            f"The environment variable {name} names a SOCKS proxy, which is not supported without the package "
            "socksio. Install it with uv pip install socksio, or set the variable to http://host:port."
        ) from None
    except (ValueError, httpx.InvalidURL):
        raise UnusableVariable(
            f"The environment variable {name} holds no address of a proxy. Set it to http://host:port, or unset it."
        ) from None


def _checked(address: str) -> str:
    """Raises ValueError where httpx would take as a host what cannot be one, and fail to connect."""
    parts = urlsplit(address)
    if not _HOST.fullmatch(parts.hostname or "") or parts.port == 0:  # the port raises a ValueError if out of range
        raise ValueError
    return address


def _pattern(entry: str) -> str:
    """An entry of `NO_PROXY` as httpx writes it: a domain covers its subdomains."""
    if "://" in entry:
        return entry
    host = entry.removeprefix("[").removesuffix("]")
    try:
        address = ip_address(host.partition("/")[0])
    except ValueError:
        return f"all://{host}" if host.lower() == "localhost" else f"all://*{host}"
    return f"all://[{host}]" if address.version == 6 else f"all://{host}"


def _is_readable(pattern: str) -> bool:
    import httpx

    try:
        httpx.URL(pattern)
    except httpx.InvalidURL:
        return False
    return True
