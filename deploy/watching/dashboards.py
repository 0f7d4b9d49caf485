"""Writes the dashboards as Grafana reads them: ``.venv/deploy/bin/python deploy/watching/dashboards.py``.

A test compares the committed files; `operators.py`, `capacity.py` and `product.py` say what they show.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from capacity import CAPACITY
from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode
from operators import OPERATORS
from panels import Board, Panel
from product import PRODUCT

BOARDS: Final = (OPERATORS, CAPACITY, PRODUCT)
FOLDER: Final = Path(__file__).parent / "dashboards"
SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${source}")
HEIGHT: Final = 8


def made(board: Board) -> str:
    """Return the JSON of a dashboard."""
    builder = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.says)
        .tags(["sharpstream"])
        .readonly()
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    for heading, panels in board.rows.items():
        builder.with_row(dashboard.Row(heading))
        for panel in panels:
            builder.with_panel(_panel(panel))
    return json.dumps(builder.build(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def _panel(panel: Panel) -> stat.Panel | timeseries.Panel:
    builder = stat.Panel() if panel.big else timeseries.Panel()
    builder.title(panel.title).description(panel.says).unit(panel.unit).datasource(SOURCE)
    builder.span(panel.width).height(HEIGHT).min(0).thresholds(_thresholds(panel.bad))
    if isinstance(builder, timeseries.Panel):
        builder.fill_opacity(10).line_width(1)
        builder.legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        if panel.bad is not None:
            line = common_models.GraphTresholdsStyleMode.LINE
            builder.thresholds_style(common.GraphThresholdsStyleConfig().mode(line))
    for number, (query, legend) in enumerate(panel.queries.items()):
        target = prometheus.Dataquery().expr(query).legend_format(legend).ref_id(chr(ord("A") + number))
        builder.with_target(target.instant() if panel.big else target.range())
    return builder


def _thresholds(bad: float | None) -> dashboard.ThresholdsConfig:
    steps = [Threshold(value=None, color="green")]
    if bad is not None:
        steps.append(Threshold(value=bad, color="red"))
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def files() -> dict[Path, str]:
    """Return every file with its content."""
    return {FOLDER / f"{board.uid.removeprefix('sharpstream-')}.json": made(board) for board in BOARDS}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
