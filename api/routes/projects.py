"""Projects: list, make, look up, change, delete."""

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api.openapi import problems
from api.parameters import ProjectIdParameter
from api.services import Services
from contracts import views
from contracts.requests import CreateProject, UpdateProject


class ProjectList(Controller):
    """All projects."""

    path = "/api/projects"
    tags = ("projects",)

    @get("/", operation_id="listProjects", responses=problems(503))
    async def list_projects(self, services: NamedDependency[Services]) -> views.ProjectList:
        """List the projects, the oldest first."""
        return await services.projects.all()

    @post("/", operation_id="createProject", responses=problems(403, 422, 503, 507))
    async def create_project(
        self, services: NamedDependency[Services], data: JSONBody[CreateProject]
    ) -> Response[views.Project]:
        """Make a project: a directory that groups sessions."""
        project = await services.projects.create(data)
        return Response(project, headers={"Location": f"/api/project/{project.project_id}"})


class OneProject(Controller):
    """One project."""

    path = "/api/project/{projectId:str}"
    tags = ("projects",)

    @get("/", operation_id="getProject", responses=problems(400, 404, 503))
    async def get_project(self, services: NamedDependency[Services], project_id: ProjectIdParameter) -> views.Project:
        """Look a project up."""
        return await services.projects.get(project_id)

    @patch("/", operation_id="updateProject", responses=problems(403, 404, 422, 503, 507))
    async def update_project(
        self, services: NamedDependency[Services], project_id: ProjectIdParameter, data: JSONBody[UpdateProject]
    ) -> views.Project:
        """Change a project. Its sessions stay where they are."""
        return await services.projects.update(project_id, data)

    @delete("/", operation_id="deleteProject", status_code=200, responses=problems(400, 404, 503, 507))
    async def delete_project(
        self, services: NamedDependency[Services], project_id: ProjectIdParameter
    ) -> views.ProjectRemoved:
        """Delete a project, and the rules that were remembered for it; its sessions stay, without a project."""
        return await services.projects.delete(project_id)


ROUTES = (ProjectList, OneProject)
