"""The static shell: public, without data. Every datum in it is fetched, and needs the credential."""

from importlib.resources import files
from typing import Any

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from api.openapi import PUBLIC

_FILES = files("api") / "pages"
_MEDIA_TYPES = {"shell.css": "text/css", "shell.js": "text/javascript"}


@get(
    ["/", "/login", "/sessions", "/session/{page_id:str}", "/terminal/{page_id:str}"],
    include_in_schema=False,
    security=PUBLIC,
    sync_to_thread=False,
)
def show_page() -> Response[bytes]:
    """Return the one page."""
    return _file("shell.html", "text/html")


@get("/static/{name:str}", include_in_schema=False, security=PUBLIC, sync_to_thread=False)
def get_static(name: FromPath[str]) -> Response[bytes]:
    """Return one of the page's own files."""
    media_type = _MEDIA_TYPES.get(name)
    if media_type is None:
        raise NotFoundException
    return _file(name, media_type)


def _file(name: str, media_type: str) -> Response[Any]:
    return Response((_FILES / name).read_bytes(), media_type=media_type)


ROUTES = (show_page, get_static)
