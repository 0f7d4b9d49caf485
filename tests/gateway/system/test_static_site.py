"""The web page: one document at all its addresses, and a content security policy for its own origins."""

from __future__ import annotations

import gzip
from pathlib import Path
from uuid import uuid4

import pytest

from bus.runtime.errors import ConfigurationError
from bus.testing import MemoryBlobs
from gateway.settings import GatewaySettings
from gateway.system.static_site import load, policy_for
from gateway.system.static_site_routes import ADDRESSES

SCRIPT = b"console.log('hello')\n" * 40


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>page</title>")
    script = tmp_path / "assets" / "index-1a2b.js"
    script.write_bytes(SCRIPT)
    (tmp_path / "assets" / "icon-3c4d.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    script.with_name(script.name + ".gz").write_bytes(gzip.compress(SCRIPT))
    return tmp_path


@pytest.fixture
def gateway_settings(gateway_settings: GatewaySettings, built: Path) -> GatewaySettings:
    return gateway_settings.model_copy(update={"page": built})


async def test_the_page_is_served_at_all_its_addresses(api, settings):
    paths = [
        path.replace("{scene:uuid}", str(uuid4()))
        .replace("{webhook:uuid}", str(uuid4()))
        .replace("{account:uuid}", str(uuid4()))
        .replace("{part:str}", "usage")
        for path in ("/", *ADDRESSES)
    ]
    for path in paths:
        answer = await api.client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8"), path
        assert "<title>page</title>" in answer.text
        assert answer.headers["cache-control"] == "no-cache"
        policy = answer.headers["content-security-policy"]
        assert policy == policy_for(settings.s3.endpoint_url)
        assert "unsafe-inline" not in policy
        assert "'unsafe-eval'" not in policy
    known = {"if-none-match": answer.headers["etag"]}
    assert (await api.client.get("/", headers=known)).status_code == 304
    elsewhere = await api.client.get("/no/such/page")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "accept", "html"),
    [
        ("GET", "/no/such/page", "text/html,application/xhtml+xml,*/*;q=0.8", True),
        ("GET", "/scenes/abc", "text/html", True),
        ("GET", "/webhooks/xyz", "text/html", True),
        ("GET", "/scenes/abc", "*/*", False),
        ("GET", "/scenes/abc", "application/json", False),
        ("GET", "/api/v1/none", "text/html", False),
        ("GET", "/health/none", "text/html", False),
        ("POST", "/no/such/page", "text/html", False),
    ],
)
async def test_a_wrong_address_is_a_page_to_browsers_and_a_problem_to_programs(
    api, method, path, accept, html
):
    answer = await api.client.request(method, path, headers={"accept": accept})
    assert answer.status_code == 404
    if html:
        assert "<title>page</title>" in answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "script-src 'self'" in answer.headers["content-security-policy"]
    else:
        assert answer.json()["code"] == "not_found"


async def test_browsers_that_ask_for_an_icon_by_its_old_name_get_it(api):
    answer = await api.client.get("/favicon.ico")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")


async def test_lists_are_compressed(api):
    answer = await api.client.get("/api/v1/export-formats", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["items"]
    plain = await api.client.get("/api/v1/export-formats", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers


async def test_assets_are_immutable_and_sent_precompressed(api):
    for accepted, encoding in (("br, gzip", "gzip"), ("gzip;q=0", None), ("", None)):
        answer = await api.client.get("/assets/index-1a2b.js", headers={"accept-encoding": accepted})
        assert answer.content == SCRIPT
        assert answer.headers.get("content-encoding") == encoding
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["content-type"].startswith("text/javascript")
    for name in ("index-0000.js", "..%2findex.html", "index-1a2b.js.gz"):
        assert (await api.client.get(f"/assets/{name}")).json()["code"] == "not_found"


async def test_a_folder_without_a_page_stops_the_start(tmp_path):
    with pytest.raises(ConfigurationError, match="GATEWAY_PAGE"):
        await load(tmp_path, MemoryBlobs())
    assert (await load(None, MemoryBlobs())).index is None
