"""`towpath openapi`: the documents that are generated and committed."""

from pathlib import Path

import click

from api.app import create_litestar
from api.failures import Failure, WrongSettings
from api.openapi import build_documents
from api.reference import event_reference, settings_reference
from contracts.catalog import EVENTS, FRAMES


def write(folder: str) -> None:
    """Write the documents of this version into a checkout."""
    for path, content in _build(Path(folder)).items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        click.echo(path)


def check(folder: str) -> None:
    """Compare a checkout's documents with this version's."""
    stale = [
        path for path, content in _build(Path(folder)).items() if not path.is_file() or path.read_bytes() != content
    ]
    if stale:
        raise Failure(f"Out of date: {', '.join(map(str, stale))}. Run `towpath openapi` and commit what it writes.")


def _build(folder: Path) -> dict[Path, bytes]:
    examples = folder / "openapi" / "examples"
    try:
        samples = {name: (examples / f"{name}.json").read_bytes() for name in (*EVENTS, *FRAMES)}
    except OSError as error:
        raise WrongSettings(f"{folder} is no checkout of Towpath: {error.filename} can't be read.") from error
    documents = {folder / "openapi" / name: content for name, content in build_documents(create_litestar()).items()}
    pages = {"events.md": event_reference(samples), "settings.md": settings_reference()}
    return documents | {folder / "docs" / name: page.encode() for name, page in pages.items()}
