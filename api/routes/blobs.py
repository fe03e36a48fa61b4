"""Bodies for later prompts."""

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api.openapi import problems
from api.services import Services
from contracts.requests import UploadBlob
from contracts.views import BlobUploaded


@post(
    "/api/blobs",
    operation_id="uploadBlob",
    tags=["prompts"],
    status_code=201,
    request_max_body_size=None,  # the connection has its limit
    responses=problems(413, 429, 503, 507),
)
async def upload_blob(services: NamedDependency[Services], data: JSONBody[UploadBlob]) -> BlobUploaded:
    """Keep a body for a day; a prompt's `context` names it by `blobId`, and then its session keeps it."""
    return await services.uploads.keep(data)


ROUTES = (upload_blob,)
