"""Which names the server answers to, whose pages may use its cookie, and who is behind a proxy. Pure rules."""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from msgspec import Struct

DEFAULT_PORTS = {"http": 80, "https": 443}
ADDRESS_CHARACTERS = 100  # an IPv6 address has 45, its zone a name
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?").fullmatch
_LOOPBACK_PEER = "loopback"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Site(Struct, frozen=True):
    """What the server is to the browser that calls it: an origin (RFC 6454), as browsers write it."""

    origin: str

    @property
    def secure(self) -> bool:
        return self.origin.startswith("https:")


class Forwarded(Struct, frozen=True):
    """What a proxy may say of the request it passes on; an absent header is empty."""

    client: str = ""
    host: str = ""
    scheme: str = ""


class HostRules:
    """Exact rules: a name is one of the loopback's, a public URL's or an allowed one, or it is refused."""

    def __init__(
        self,
        *,
        bind_host: str,
        public_urls: Sequence[str],
        allowed_hosts: Sequence[str],
        trusted_proxies: Sequence[str],
    ) -> None:
        """Public URLs are origins, allowed hosts are bare names, trusted proxies are networks in CIDR notation."""
        self._names = _LOOPBACK_NAMES | set(allowed_hosts)
        if not is_unspecified(bind_host):  # an address is no name that somebody else could point here
            self._names |= {f"[{bind_host}]" if ":" in bind_host else bind_host}
        self._public = {netloc: Site(url) for url in public_urls for netloc in netlocs(url)}
        self._proxies = [ipaddress.ip_network(network) for network in trusted_proxies]

    def trusts(self, client: str | None) -> bool:
        """Say whether the peer of a connection is a proxy whose ``X-Forwarded-*`` headers count."""
        address = _address(client)
        return address is not None and any(address in network for network in self._proxies)

    def site(self, host: str, scheme: str) -> Site | None:
        """Return the site that a Host header names, `None` if the server does not answer to it.

        *scheme* is the connection's; a public URL knows its own.
        """
        match = _HOST(host.lower())
        if match is None:
            return None
        name, port = match[1], match[2]
        if match[0] in self._public:
            return self._public[match[0]]
        if name not in self._names or (port and int(port) > 65535):
            return None
        default = port is None or int(port) == DEFAULT_PORTS[scheme]
        return Site(f"{scheme}://{name}" if default else f"{scheme}://{name}:{port}")

    def peer(self, client: str | None, forwarded_for: str) -> str:
        """Return the name under which a client's wrong credentials are counted.

        All of loopback is one peer, and so is an IPv6 network of 64 bits, which one customer has whole. Of
        ``X-Forwarded-For`` the last address counts that is no trusted proxy.
        """
        if self.trusts(client):
            for hop in reversed(forwarded_for.split(",")):
                if not self.trusts(hop.strip()):
                    client = hop.strip() if _address(hop.strip()) else client
                    break
        return _peer_name(client)


def is_loopback(host: str) -> bool:
    """Say whether a server bound to this address is out of reach from other machines."""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def is_unspecified(host: str) -> bool:
    """Say whether this is the address that stands for all of a machine's (0.0.0.0, ``::``)."""
    address = _address(host.strip("[]"))
    return address is not None and address.is_unspecified


def netlocs(url: str) -> set[str]:
    """Return what a Host header says behind this origin: with and without a default port."""
    parts = urlsplit(url)
    if parts.port is None:
        return {parts.netloc, f"{parts.netloc}:{DEFAULT_PORTS[parts.scheme]}"}
    return {parts.netloc}


def _address(text: str | None) -> Address | None:
    return _parsed(text) if text and len(text) <= ADDRESS_CHARACTERS else None


@lru_cache(maxsize=1024)  # each request asks twice for the same client: 5 % of what it takes to open a stream
def _parsed(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # An IPv4 client of a dual-stack socket.
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address


def _peer_name(client: str | None) -> str:
    address = _address(client)
    if address is None or address.is_loopback:
        return _LOOPBACK_PEER  # without an address it came by a socket of this machine
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
