"""The dashboard for the product: what users get."""

from __future__ import annotations

from typing import Final

from objectives import OBJECTIVES, ratio
from panels import Board, Panel, quantiles, rates

PRODUCT: Final = Board(
    uid="sharpstream-product",
    title="Sharpstream: what users get",
    says="For the product: how many photos become splats, how quickly, and what fails.",
    rows={
        "Objectives": tuple(
            Panel(
                title=each.alert,
                says=f"{each.says}. The share of bad events; red is above the budget.",
                queries={f"{ratio(each, '1h')}": "hour", f"{ratio(each, '3d')}": "three days"},
                unit="percentunit",
                bad=each.budget,
                width=6,
            )
            for each in OBJECTIVES
        ),
        "Photos": (
            Panel(
                title="Photos accepted",
                says="A minute, by priority.",
                queries=rates("sharpstream_photos_accepted_total", "priority", minute=True),
            ),
            Panel(
                title="From the request to the splat",
                says="Half and 95 % of the completed generations, by priority.",
                queries=quantiles("sharpstream_generation_seconds", "priority"),
                unit="s",
            ),
            Panel(
                title="How attempts end",
                says="A minute, by the code that users see.",
                queries=rates("sharpstream_generations_total", "code", minute=True),
            ),
            Panel(
                title="Exports",
                says="Time to convert, by format; 95 % are quicker.",
                queries={
                    "histogram_quantile(0.95, sum by (le, format)"
                    " (rate(sharpstream_export_seconds_bucket[$__rate_interval])))": "{{format}}",
                },
                unit="s",
            ),
            Panel(
                title="Bytes of photos",
                says="A second.",
                queries=rates("sharpstream_photo_bytes_total", legend="photos"),
                unit="Bps",
            ),
            Panel(
                title="Partners' commands",
                says="A minute, by outcome.",
                queries=rates("sharpstream_partner_commands_total", "outcome", minute=True),
            ),
        ),
        "Requests": (
            Panel(
                title="Requests",
                says="A second, by status.",
                queries=rates("sharpstream_http_request_seconds_count", "status"),
                unit="reqps",
            ),
            Panel(
                title="Time until the answer begins",
                says="95 % of requests of each route.",
                queries={
                    "histogram_quantile(0.95, sum by (le, route)"
                    " (rate(sharpstream_http_request_seconds_bucket[$__rate_interval])))": "{{route}}",
                },
                unit="s",
            ),
            Panel(
                title="What clients are refused",
                says="A minute, by error code.",
                queries=rates("sharpstream_http_problems_total", "code", minute=True),
            ),
            Panel(
                title="Webhooks: first attempt",
                says="From the event to the answer of the receiver.",
                queries=quantiles("sharpstream_webhook_first_attempt_lag_seconds"),
                unit="s",
            ),
        ),
    },
)
