"""The settings that a command runs with. Light to import: the server starts by way of it."""

import os
from pathlib import Path

from api.commands.target import CLIENT_VARIABLES, Target
from api.failures import WrongSettings
from api.settings import Settings, SettingsError, load_settings


def settings_of(target: Target, **flags: object) -> Settings:
    """Return the settings. Raises WrongSettings, which says where and what to write instead."""
    try:
        environ = {name: value for name, value in os.environ.items() if name not in CLIENT_VARIABLES}
        return load_settings({"data_dir": target.data_dir, **flags}, environ, current_directory())
    except SettingsError as error:
        raise WrongSettings(str(error)) from error


def current_directory() -> Path:
    """Return where the command was called. Raises WrongSettings if that is gone."""
    try:
        return Path.cwd()
    except OSError as error:
        raise WrongSettings(f"The current directory can't be used: {error.strerror}. Change to another.") from error
