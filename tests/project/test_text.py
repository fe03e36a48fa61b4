"""What the repository says: nothing about the machine it was written on, and no link that leads nowhere."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
MACHINE = re.compile(r"(?<![\w.~*-])/(?:work|root)/")
MACHINE_IN_PROSE = re.compile(r"(?<![\w.~*-])/(?:work|root|tmp|home/[a-z]+)/")
REGISTRY = re.compile(r"\bpypi\.org|pythonhosted\.org|registry\.npmjs")
FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]\n]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s+(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)


def committed(pattern: str = "*") -> Iterator[tuple[str, str]]:
    """Yield path and content of every text file that git tracks."""
    names = subprocess.check_output(["git", "ls-files", "-z", pattern], cwd=ROOT, text=True)
    for name in filter(None, names.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in (data := path.read_bytes()):
            yield name, data.decode()


def anchors(markdown: str) -> set[str]:
    """Return the anchors that a forge makes of the headings in *markdown*."""
    headings = HEADING.findall(FENCE.sub(lambda m: m[0].strip("`") if "\n" not in m[0] else "", markdown))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    ("files", "forbidden"),
    [("*", MACHINE), ("*.md", MACHINE_IN_PROSE), ("*", REGISTRY)],
    ids=["machine", "machine-in-prose", "registry"],
)
def test_no_file_names(files: str, forbidden: re.Pattern[str]) -> None:
    found = [f"{name}: {m[0]}" for name, text in committed(files) for m in forbidden.finditer(text)]

    assert found == []


def test_every_link_leads_somewhere() -> None:
    dead = []
    for name, text in committed("*.md"):
        for inline, reference in LINK.findall(FENCE.sub("", text)):
            target, _, anchor = unquote(inline or reference).partition("#")
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            path = (ROOT / name).parent / target if target else ROOT / name
            known = anchors(path.read_text()) if anchor and path.suffix == ".md" and path.is_file() else {anchor}
            if not path.exists() or anchor not in known:
                dead.append(f"{name}: {inline or reference}")

    assert dead == []
