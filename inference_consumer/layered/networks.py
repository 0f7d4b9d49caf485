"""Chooses the geometry network by the settings, and has the wanted one fetched where it is missing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import structlog

from bus.runtime.errors import ConfigurationError
from inference_consumer.download import HTTPS, digest_of
from inference_consumer.layered import bundled, runtime
from inference_consumer.layered.bundled import Bundled
from inference_consumer.layered.fetch import Fetch
from inference_consumer.layered.geometry import GeometryNetwork
from inference_consumer.layered.moge import Moge
from inference_consumer.layered.weights import PINNED, Cache
from inference_consumer.settings import LayeredSettings, Settings

log = structlog.stdlib.get_logger(__name__)

BEST: Final = "moge2-s"
"""What ``auto`` wants: the largest network that a laptop's CPU runs in seconds."""
CUSTOM: Final = "custom"
CUSTOM_LICENCE: Final = "That of the operator's own weights"


class Chosen(NamedTuple):
    """The network that runs now, and the fetch of the one that a restart will run."""

    network: GeometryNetwork
    fetch: Fetch | None


def chosen(
    settings: Settings, *, weights: Path = bundled.WEIGHTS, schemes: Collection[str] = HTTPS
) -> Chosen:
    """Return the network, loaded.

    ``weights``: the bundled network's. Raises `ConfigurationError` with a sentence for everything that the
    operator has to correct.
    """
    stated = settings.layered
    if stated.network in {"auto", *PINNED}:
        return _pinned(stated, Cache(settings.cache.cache), weights, schemes)
    if stated.network == "bundled":
        return Chosen(_bundled(stated, weights), None)
    return Chosen(_custom(stated), None)


def _pinned(stated: LayeredSettings, cache: Cache, weights: Path, schemes: Collection[str]) -> Chosen:
    auto = stated.network == "auto"
    file = PINNED[BEST if auto else stated.network]
    digest = cache.whole(file)
    if digest is not None:
        try:
            session = runtime.session(str(cache.path(file)), device=stated.device, threads=stated.threads)
            return Chosen(Moge(session, name=file.name, sha256=digest), None)
        except ConfigurationError as error:
            if not auto:
                raise
            log.warning("network_not_loaded", network=file.name, reason=error.message)
            return Chosen(_bundled(stated, weights), None)
    if cache.path(file).exists():
        log.warning("network_file_damaged", network=file.name, file=str(cache.path(file)))
    if stated.fetch == "yes":
        if urlsplit(stated.mirror).scheme not in schemes:
            raise ConfigurationError(
                f"LAYERED_MIRROR: {stated.mirror} is no https address, so its content could be tampered with."
            )
        return Chosen(_bundled(stated, weights), Fetch(file, cache, stated.mirror, schemes=schemes))
    if not auto:
        raise ConfigurationError(
            f"LAYERED_NETWORK: {file.name} is not at {cache.path(file)}, or not the right file, and"
            " LAYERED_FETCH=no; put it there, let it be fetched, or use bundled."
        )
    log.info("network_not_fetched", network=file.name, reason="LAYERED_FETCH=no")
    return Chosen(_bundled(stated, weights), None)


def _bundled(stated: LayeredSettings, weights: Path) -> Bundled:
    return Bundled(weights, device=stated.device, threads=stated.threads)


def _custom(stated: LayeredSettings) -> GeometryNetwork:
    """Return the network of the operator's own file: which kind it is, its outputs say."""
    path = Path(stated.network).expanduser()
    if not path.is_file():
        names = ", ".join(["auto", "bundled", *PINNED])
        raise ConfigurationError(
            f"LAYERED_NETWORK: there is no file {path}; choose one of {names}, or name an .onnx file."
        )
    session = runtime.session(str(path), device=stated.device, threads=stated.threads)
    if set(bundled.OUTPUTS) <= set(runtime.outputs_of(session)):
        del session
        network = _bundled(stated, path)
        network.info = replace(network.info, name=CUSTOM, licence=CUSTOM_LICENCE)
        return network
    digest = digest_of(path)
    known = next((file.name for file in PINNED.values() if file.sha256 == digest), None)
    if known is not None:
        return Moge(session, name=known, sha256=digest)
    try:
        return Moge(session, name=CUSTOM, sha256=digest, licence=CUSTOM_LICENCE)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"LAYERED_NETWORK: {path} is neither like MoGe-2 nor like the bundled network, whose outputs are"
            f" {', '.join(bundled.OUTPUTS)}."
        ) from error
