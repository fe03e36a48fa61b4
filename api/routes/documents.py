"""The published documents, and a page that shows them from files of our own: no CDN, no inline script."""

from importlib.resources import files
from typing import Any

from litestar import MediaType, Request, Response, get

from api.openapi import describe, describe_for_generators

# Swagger UI sets inline styles; nothing else is let in.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Towpath API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
START = """SwaggerUIBundle({
  url: "/schema/openapi.json",
  dom_id: "#page",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  docExpansion: "list",
  validatorUrl: null,
});
"""
_SWAGGER_UI = files("mkdocs_swagger_ui_tag") / "swagger-ui"


@get("/schema/openapi.json", operation_id="getOpenApi31", tags=["service"])
async def openapi_31(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document, for generators of clients."""
    return describe_for_generators(request.app)


@get("/schema/openapi-3.2.json", operation_id="getOpenApi32", tags=["service"])
async def openapi_32(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return the OpenAPI 3.2 document, which describes streams block by block, for validators."""
    return describe(request.app)


@get("/docs", operation_id="getDocs", tags=["service"], media_type=MediaType.HTML)
async def docs() -> Response[str]:
    """Return a page that shows the document."""
    return Response(PAGE, headers={"Content-Security-Policy": POLICY})


@get("/docs/start.js", operation_id="getDocsScript", tags=["service"], media_type="text/javascript")
async def docs_script() -> str:
    """Return the page's own script."""
    return START


@get(
    "/docs/swagger-ui.css", operation_id="getDocsStyle", tags=["service"], media_type=MediaType.CSS, sync_to_thread=True
)
def docs_style() -> bytes:
    """Return the page's style sheet."""
    return (_SWAGGER_UI / "stylesheets" / "swagger-ui.css").read_bytes()


@get(
    "/docs/swagger-ui-bundle.js",
    operation_id="getDocsBundle",
    tags=["service"],
    media_type="text/javascript",
    sync_to_thread=True,
)
def docs_bundle() -> bytes:
    """Return the program that shows the document."""
    return (_SWAGGER_UI / "javascripts" / "swagger-ui-bundle.js").read_bytes()


ROUTES = [openapi_31, openapi_32, docs, docs_script, docs_style, docs_bundle]
