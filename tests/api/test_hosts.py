import pytest

from api.hosts import HostRules, is_loopback


def make_rules(
    bind_host: str = "127.0.0.1",
    public_urls: tuple[str, ...] = (),
    allowed_hosts: tuple[str, ...] = (),
    trusted_proxies: tuple[str, ...] = (),
) -> HostRules:
    return HostRules(
        bind_host=bind_host, public_urls=public_urls, allowed_hosts=allowed_hosts, trusted_proxies=trusted_proxies
    )


def origin(rules: HostRules, host: str, scheme: str = "http") -> str | None:
    site = rules.site(host, scheme)
    return None if site is None else site.origin


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost"),
        ("localhost:8780", "http://localhost:8780"),
        ("LOCALHOST:9999", "http://localhost:9999"),
        ("127.0.0.1:8780", "http://127.0.0.1:8780"),
        ("[::1]:65535", "http://[::1]:65535"),
    ],
)
@pytest.mark.parametrize("bind_host", ["127.0.0.1", "0.0.0.0", "::"])
def test_loopback_names_pass_with_any_port_wherever_the_server_listens(
    host: str, expected: str, bind_host: str
) -> None:
    assert origin(make_rules(bind_host), host) == expected


LOOK_ALIKES = [
    "",
    "evil.example",
    "evil.example:8780",
    "localhost.evil.com",
    "localhost.evil.com:8780",
    "127.0.0.1.nip.io",
    "localhost.",
    "localhost.:8780",
    "evil-localhost",
    "a.localhost",
    "[::ffff:127.0.0.1]",
    "[::1%25lo]",
    "[0:0:0:0:0:0:0:1]",
    "::1",
    "0.0.0.0",
    "0.0.0.0:8780",
    "[::]",
    "0",
    "127.1",
    "127.0.0.2",
    "0127.0.0.1",
    "2130706433",
    "0x7f000001",
    "localhost:0",
    "localhost:99999",
    "localhost:65536",
    "localhost:08780",
    "localhost:",
    "localhost:80:80",
    "localhost:8780 ",
    " localhost",
    "localhost@evil",
    "localhost@evil:8780",
    "evil@localhost",
    "a, localhost",
    "localhost, a",
    "localhost/",
    "localhost#",
    "localhost\\evil",
    "localhost\n",
    "localhost\0",
    "\uff4cocalhost",
    "192.168.0.10:8780",
]


@pytest.mark.parametrize("host", LOOK_ALIKES)
@pytest.mark.parametrize("bind_host", ["127.0.0.1", "0.0.0.0"])
def test_a_name_that_only_looks_like_loopback_is_refused(host: str, bind_host: str) -> None:
    rules = make_rules(bind_host, public_urls=("https://towpath.example.org",))

    assert origin(rules, host) is None


@pytest.mark.parametrize("address", ["127.0.0.2", "192.168.0.10", "[2001:db8::1]"])
def test_the_address_that_the_server_listens_on_is_a_name_of_its_own(address: str) -> None:
    assert origin(make_rules(address.strip("[]")), f"{address}:8780") == f"http://{address}:8780"


@pytest.mark.parametrize("address", ["0.0.0.0", "[::]"])
def test_the_address_that_stands_for_all_of_them_is_not(address: str) -> None:
    assert origin(make_rules(address.strip("[]")), f"{address}:8780") is None


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://towpath.example.org", "towpath.example.org"),
        ("https://towpath.example.org", "TOWPATH.example.org:443"),
        ("https://towpath.example.org:8443", "towpath.example.org:8443"),
        ("http://towpath.lan", "towpath.lan:80"),
        ("https://[2001:db8::1]", "[2001:db8::1]"),
    ],
)
def test_a_public_url_is_the_origin_of_its_name_and_port(url: str, host: str) -> None:
    assert origin(make_rules(public_urls=(url,)), host) == url


@pytest.mark.parametrize(
    "host",
    [
        "towpath.example.org:80",
        "towpath.example.org:8780",
        "towpath.example.org.",
        "towpath.example.org.evil.com",
        "towpath.example.orgy",
        "a.towpath.example.org",
        "towpathxexample.org",
    ],
)
def test_whatever_differs_from_a_public_url_is_refused(host: str) -> None:
    assert origin(make_rules(public_urls=("https://towpath.example.org",)), host) is None


def test_a_public_url_wins_over_the_loopback_name_it_has() -> None:
    rules = make_rules(public_urls=("https://localhost:8443",))

    assert origin(rules, "localhost:8443") == "https://localhost:8443"
    assert origin(rules, "localhost:8780") == "http://localhost:8780"


def test_an_allowed_host_passes_with_any_port() -> None:
    rules = make_rules(allowed_hosts=("testserver",))

    assert origin(rules, "testserver") == "http://testserver"
    assert origin(rules, "testserver:8780", scheme="https") == "https://testserver:8780"
    assert origin(rules, "testserver.evil") is None


@pytest.mark.parametrize(
    ("client", "trusted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("10.2.0.1", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("2001:db8::5", True),
        ("nonsense", False),
        (None, False),
    ],
)
def test_only_listed_proxies_are_trusted_and_loopback_is_not_by_itself(client: str | None, trusted: bool) -> None:
    assert make_rules(trusted_proxies=("10.1.0.0/16", "2001:db8::/64")).trusts(client) is trusted


@pytest.mark.parametrize(
    ("client", "forwarded_for", "peer"),
    [
        ("127.0.0.1", "", "loopback"),
        ("127.9.9.9", "", "loopback"),
        ("::1", "", "loopback"),
        (None, "", "loopback"),
        ("203.0.113.7", "", "203.0.113.7"),
        ("::ffff:203.0.113.7", "", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.1.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.1.0.1", "6.6.6.6, 198.51.100.1, 10.1.0.2", "198.51.100.1"),
        ("10.1.0.1", "10.1.0.3,10.1.0.2", "10.1.0.1"),
        ("10.1.0.1", "unknown", "10.1.0.1"),
        ("10.1.0.1", "198.51.100.1, unknown", "10.1.0.1"),
        ("10.1.0.1", "", "10.1.0.1"),
    ],
)
def test_a_peer_is_who_a_trusted_proxy_says_and_else_who_connects(
    client: str | None, forwarded_for: str, peer: str
) -> None:
    assert make_rules(trusted_proxies=("10.1.0.0/16",)).peer(client, forwarded_for) == peer


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.168.0.10", False),
        ("example.org", False),
    ],
)
def test_an_address_is_loopback_or_others_can_reach_it(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
