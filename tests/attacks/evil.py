"""Another origin, which means harm: serves one page, and notes what it is asked and told."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

from tests.ports import free_port


class EvilSite:
    """``sent`` are the parameters of all addresses, ``paths`` and ``headers`` those of each request."""

    def __init__(self, host: str) -> None:
        self.page = b""
        self.sent: dict[str, list[str]] = {}
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.port = free_port()
        self.url = f"http://{host}:{self.port}"


@contextmanager
def evil_site(host: str = "localhost") -> Iterator[EvilSite]:
    """Serve it; `localhost` is another site than 127.0.0.1, whose other ports are other origins of one site."""
    site = EvilSite(host)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.paths.append(self.path)
            site.headers.append({name.lower(): value for name, value in self.headers.items()})
            for name, values in parse_qs(urlsplit(self.path).query).items():
                site.sent.setdefault(name, []).extend(values)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(site.page)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", site.port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
