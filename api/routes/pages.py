"""The web UI's files: public, without data. Every datum in it is fetched, and needs the credential."""

import re
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.status_codes import HTTP_304_NOT_MODIFIED, HTTP_503_SERVICE_UNAVAILABLE

from api.openapi import PUBLIC

_FILES = files("api") / "static"
_MEDIA_TYPES = {"css": "text/css", "html": "text/html", "js": "text/javascript", "svg": "image/svg+xml"}
# As the build writes them: the name changes with the content, so that it may be kept for ever (RFC 8246).
_IS_HASHED = re.compile(r"[A-Za-z0-9_.-]+-[A-Za-z0-9_-]{8}\.(?:css|js|svg)").fullmatch
_FOR_EVER = "public, max-age=31536000, immutable"
_ENCODINGS = {"br": ".br", "gzip": ".gz"}
_UNBUILT = (
    b"<!doctype html><title>Towpath</title><p>This server was installed without its web UI: run <code>make web</code>."
    b" Its API is here, and described at <a href=/docs>/docs</a>."
)


@get(
    ["/", "/login", "/sessions", "/session/{page_id:str}", "/terminal/{page_id:str}", "/settings"],
    include_in_schema=False,
    security=PUBLIC,
    sync_to_thread=False,
)
def show_page(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the one page. A browser asks each time whether it is still the same (RFC 9110, 13.1.2)."""
    page = _FILES / "index.html"
    if not page.is_file():
        return Response(_UNBUILT, media_type="text/html", status_code=HTTP_503_SERVICE_UNAVAILABLE)
    content = page.read_bytes()
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    headers = {"Cache-Control": "no-cache", "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", headers=headers, status_code=HTTP_304_NOT_MODIFIED)
    return Response(content, media_type="text/html", headers=headers)


@get("/static/{name:str}", include_in_schema=False, security=PUBLIC, sync_to_thread=False)
def get_static(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Return one of the page's own files, as the build compressed it if the client takes that."""
    if not _IS_HASHED(name) or not (_FILES / name).is_file():
        raise NotFoundException
    headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
    encoding, file = _choose(name, request.headers.get("accept-encoding", ""))
    if encoding:
        headers["Content-Encoding"] = encoding
    return Response(file.read_bytes(), media_type=_MEDIA_TYPES[name.rpartition(".")[2]], headers=headers)


def _choose(name: str, accepted: str) -> tuple[str, Traversable]:
    """Return the smallest form that the client says it takes; what it gives a weight is taken for wanted."""
    offered = {part.partition(";")[0].strip().lower() for part in accepted.split(",") if "q=0" not in part}
    for encoding, suffix in _ENCODINGS.items():
        file = _FILES / (name + suffix)
        if encoding in offered and file.is_file():
            return encoding, file
    return "", _FILES / name


ROUTES = (show_page, get_static)
