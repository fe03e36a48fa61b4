"""Names of files, for who types one."""

from litestar import Controller, get
from litestar.di import NamedDependency

from api.openapi import problems
from api.parameters import PathPrefix, RootDir
from api.services import Services
from contracts import views


class Files(Controller):
    """Files under the workspace roots."""

    path = "/api/files"
    tags = ("files",)

    @get("/", operation_id="completePath", responses=problems(400, 403, 422))
    async def complete_path(
        self, services: NamedDependency[Services], root: RootDir = "", prefix: PathPrefix = ""
    ) -> views.FileNames:
        """Tell how a path may go on: at most 100 files and directories; hidden ones where `prefix` has their dot."""
        return await services.places.complete(root or None, prefix)
