"""The command line of ``python -m export_consumer``: run (the default) or backfill.

Exit status: 0 done, 1 fenced, 2 invalid settings or arguments (one sentence on stderr).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import structlog

from bus.contract import formats, options
from bus.kafka import tls_check
from bus.runtime import logs, process
from bus.runtime.errors import ConfigurationError, SharpstreamError
from bus.runtime.settings import DatabaseSettings, KafkaSettings, load
from export_consumer import app, backfill
from export_consumer.backfill import BackfillRequest, Progress
from ledger.db import database, scene_views
from ledger.db.migrate import check
from ledger.db.scene_views import View

AHEAD: Final = 1000
log = structlog.stdlib.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit status of `bus.runtime.process.exit_status`."""
    given = _parser().parse_args(arguments)
    return process.exit_status(lambda: _backfill(given) if given.command == "backfill" else app.serve())


def _backfill(given: argparse.Namespace) -> int:
    logs.configure("export", "INFO")
    try:
        progress = process.run(_order(_request(given)))
    except SharpstreamError as error:  # also for invalid options
        sys.stderr.write(f"{error.message}\n")
        return process.MISCONFIGURED
    sys.stdout.write(f"{progress.to_json()}\n")
    return process.DONE


async def _order(request: BackfillRequest) -> Progress:
    async with database.open_pool(load(DatabaseSettings), role="export") as pool:
        async with pool.acquire() as connection:
            await check(connection)
        kafka = load(KafkaSettings)
        await tls_check.require(kafka)
        return await backfill.run(pool, kafka, request, on_progress=_print_progress)


def _print_progress(progress: Progress) -> None:
    log.info("backfill", **msgspec.to_builtins(progress))


def _request(given: argparse.Namespace) -> BackfillRequest:
    """Return the backfill request. Raises `SharpstreamError` for invalid arguments."""
    since, until = _moment(given.since), _moment(given.until) if given.until else datetime.now(UTC)
    if until <= since:
        raise ConfigurationError("--since must lie before --until.")
    return BackfillRequest(
        view=_view(given.format, given.options),
        since=since,
        until=until,
        ahead=given.ahead,
        dry_run=given.dry_run,
    )


def _view(name: str, text: str) -> View:
    """Return the view of that name (``preview``, ``viewer``), or the format as an operator's backfill."""
    if name in {view.purpose for view in scene_views.VIEWS}:
        if text != "{}":
            raise ConfigurationError(f"{name} takes no options: it is what a scene gets that is opened.")
        return next(view for view in scene_views.VIEWS if view.purpose == name)
    known = formats.canonical(name)
    if known is None:
        own = ", ".join(view.purpose for view in scene_views.VIEWS)
        raise ConfigurationError(
            f"There is no format {name}; there are: {own}, {', '.join(formats.FORMATS)}."
        )
    try:
        given: Any = msgspec.json.decode(text, type=dict[str, str | int | float | bool])
    except msgspec.DecodeError as error:
        raise ConfigurationError(f'--options is JSON like {{"up": "y"}}: {error}.') from error
    options.read(known, given)
    return View(scene_views.BACKFILL, known, given)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"{text} is no time; write 2026-01-31 or 2026-01-31T12:00:00Z.") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m export_consumer", description="Makes other formats.")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("run", help="convert until SIGTERM (the default)")
    about = "order a format of every scene that was completed since then and lacks it; safe to repeat"
    added = commands.add_parser("backfill", help=about, description=about)
    added.add_argument("--format", required=True, help="a format, or `preview` or `viewer`")
    added.add_argument("--since", required=True, help="inclusive; UTC unless it says")
    added.add_argument("--until", help="exclusive; now where nothing is said")
    added.add_argument("--options", default="{}", help="the format's own, as JSON")
    added.add_argument("--ahead", type=int, default=AHEAD, help="most exports in flight at once")
    added.add_argument("--dry-run", action="store_true", help="count only")
    return parser
