"""The dashboard and docs/metrics.md: of the metrics that there are, and of all of them."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from api.alarms import CONDITIONS
from api.serving import open_services
from tests.api.stage import Stage

DOCS = Path(__file__).parents[2] / "docs"
DASHBOARD: dict[str, Any] = json.loads((DOCS / "grafana-dashboard.json").read_text())
PAGE = (DOCS / "metrics.md").read_text()
NAME = re.compile(r"\b(?:towpath|process|python)_[a-z0-9_]+")
SUFFIX = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}

# What Grafana's dashboard model asks of every panel and variable, as far as this dashboard uses it.
SOURCE = {"type": "object", "required": ["type", "uid"], "additionalProperties": False, "properties": {
    "type": {"const": "prometheus"}, "uid": {"const": "${datasource}"}}}  # fmt: skip
TARGET = {"type": "object", "required": ["refId", "datasource", "expr", "legendFormat"], "additionalProperties": False,
          "properties": {"refId": {"pattern": "^[A-Z]$"}, "datasource": SOURCE, "expr": {"type": "string"},
                         "legendFormat": {"type": "string", "minLength": 1}}}  # fmt: skip
PLACE = {"type": "object", "required": ["h", "w", "x", "y"], "additionalProperties": False, "properties": {
    "h": {"type": "integer", "minimum": 1}, "w": {"type": "integer", "minimum": 1, "maximum": 24},
    "x": {"type": "integer", "minimum": 0, "maximum": 23}, "y": {"type": "integer", "minimum": 0}}}  # fmt: skip
PANEL = {
    "type": "object",
    "required": ["id", "type", "title", "gridPos"],
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "type": {"enum": ["row", "stat", "timeseries"]},
        "title": {"type": "string", "minLength": 1},
        "gridPos": PLACE,
        "datasource": SOURCE,
        "targets": {"type": "array", "minItems": 1, "items": TARGET},
        "fieldConfig": {"type": "object", "required": ["defaults", "overrides"]},
        "options": {"type": "object"},
    },
    "if": {"properties": {"type": {"not": {"const": "row"}}}},
    "then": {"required": ["datasource", "targets", "fieldConfig", "options"]},
}
SCHEMA = {
    "type": "object",
    "required": ["title", "uid", "schemaVersion", "panels", "templating", "time", "refresh"],
    "properties": {
        "uid": {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"},
        "schemaVersion": {"type": "integer", "minimum": 36},
        "panels": {"type": "array", "items": PANEL, "minItems": 1},
        "time": {"type": "object", "required": ["from", "to"]},
        "templating": {"properties": {"list": {"items": {"type": "object", "required": ["name", "type", "query"]}}}},
    },
}


@pytest.fixture
async def exposed() -> AsyncIterator[dict[str, str]]:
    """Return the type of every metric family that /metrics has."""
    async with AsyncExitStack() as stack:
        stage = Stage()
        await stage.open(stack)
        services = await stack.enter_async_context(open_services(stage.core, stage.settings))
        text = services.metrics.text().decode()
        yield {family.name: family.type for family in text_string_to_metric_families(text)}


def samples(exposed: dict[str, str]) -> set[str]:
    return {name + suffix for name, kind in exposed.items() for suffix in SUFFIX.get(kind, ("",))}


def panels() -> Iterator[dict[str, Any]]:
    yield from (panel for panel in DASHBOARD["panels"] if panel["type"] != "row")


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def test_the_dashboard_is_one_for_grafana() -> None:
    Draft202012Validator(SCHEMA).validate(DASHBOARD)


def test_its_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    ids = Counter(panel["id"] for panel in DASHBOARD["panels"])
    cells = Counter(
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    )

    assert ids.most_common(1)[0][1] == 1
    assert cells.most_common(1)[0][1] == 1
    assert max(x for x, _ in cells) == 23


async def test_every_expression_is_of_metrics_that_there_are(exposed: dict[str, str]) -> None:
    named = {name for expression in expressions() for name in NAME.findall(expression)}

    assert len(named) > 25
    assert named - samples(exposed) == set()


def test_every_expression_is_balanced_and_of_the_chosen_servers() -> None:
    for expression in expressions():
        assert Counter(expression)["("] == Counter(expression)[")"]
        assert Counter(expression)["{"] == Counter(expression)["}"] == expression.count('instance=~"$instance"')


async def test_every_metric_is_on_the_dashboard_and_on_the_page(exposed: dict[str, str]) -> None:
    shown = {name for expression in expressions() for name in NAME.findall(expression)}
    documented = set(re.findall(r"`(towpath_[a-z_]+)", PAGE))
    ours = {name: kind for name, kind in exposed.items() if name.startswith("towpath_")}

    for name, kind in ours.items():
        assert {name + suffix for suffix in SUFFIX[kind]} & shown, name
    assert documented == {name + ("_total" if kind == "counter" else "") for name, kind in ours.items()}


def test_every_alarm_is_on_the_page() -> None:
    assert set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE)) == set(CONDITIONS)
