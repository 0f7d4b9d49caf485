"""`/llms.txt` has the form of llmstxt.org, and nothing in it is out of date."""

from __future__ import annotations

import re

import pytest

from bus.contract.format_catalogue import FACTS
from gateway.http.introduction import TAGS
from gateway.system import llms_text

LINK = re.compile(r"^- \[([^\]]+)\]\((\S+)\): (.+)$")


@pytest.fixture
async def lines(api, settings) -> list[str]:
    answer = await api.client.get("/llms.txt")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == llms_text.text(settings.gateway.public_url)
    return answer.text.splitlines()


async def test_it_has_the_form_of_llmstxt(lines: list[str]) -> None:
    assert lines[0] == "# Sharpstream"
    assert [line for line in lines if line.startswith("# ")] == lines[:1]
    assert lines[2].startswith("> ")
    first = next(number for number, line in enumerate(lines) if line.startswith("## "))
    for line in filter(None, lines[first:]):
        assert line.startswith("## ") or LINK.match(line), line
    assert len(lines) < 100


async def test_every_link_is_answered_and_every_anchor_is_there(api, settings, lines: list[str]) -> None:
    base = settings.gateway.public_url.rstrip("/")
    links = [found.groups() for line in lines if (found := LINK.match(line))]
    assert len(links) > 15
    plain = (await api.client.get("/docs/plain")).text
    for name, url, about in links:
        assert url.startswith(f"{base}/"), name
        path, _, anchor = url.removeprefix(base).partition("#")
        assert (await api.client.get(path)).status_code == 200, url
        assert not anchor or f'id="{anchor}"' in plain, url
        assert about


async def test_it_names_every_subject_and_format_and_the_first_call(settings, lines: list[str]) -> None:
    text = "\n".join(lines)
    for tag in TAGS:
        assert f"- [{tag.name}](" in text
    assert ", ".join(FACTS) in text
    command = (
        f'curl -H "X-API-Key: $KEY" -F image=@photo.jpg {settings.gateway.public_url.rstrip("/")}/api/v1'
    )
    assert f"{command}/scenes/generate" in text


async def test_the_other_pages_lead_to_it(api) -> None:
    for path in ("/", "/docs/plain"):
        assert 'href="/llms.txt"' in (await api.client.get(path)).text
