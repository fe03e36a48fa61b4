"""What the options say about the server that a command speaks to."""

import os
from dataclasses import dataclass

CLIENT_VARIABLES = {"TOWPATH_URL", "TOWPATH_TOKEN"}
"""What names a server in the environment; no settings of a server."""


@dataclass
class Target:
    """Absent is what the environment or the default says."""

    data_dir: str | None = None
    url: str | None = None

    @property
    def remote_url(self) -> str | None:
        """The URL of a server that is not found by its data directory."""
        return self.url or (None if self.data_dir else os.environ.get("TOWPATH_URL"))
