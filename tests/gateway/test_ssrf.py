"""Which addresses and ports a customer's URL may lead to.

Class: an address that is not public is taken for public, or the other way round. Sources: IANA's registries
of special-purpose addresses, the clouds' metadata services, `ipaddress` of Python before 3.11.10, machines
with the line ``::1 localhost``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import pytest
from aiohttp import ClientError, web
from aiohttp.abc import AbstractResolver

from gateway import addresses
from gateway.addresses import Kind
from gateway.errors import DomainError
from gateway.settings import OutgoingSettings, WebhookSettings
from gateway.ssrf import AddressRefusedError, SsrfGuard, exact
from gateway.webhooks.attempt import post

KINDS = {
    Kind.PUBLIC: [
        "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.0.1.1", "192.169.0.1",
        "198.17.0.1", "198.20.0.1", "223.255.255.255", "2000::1", "2001:200::1", "2606:4700::1111",
        "2a00:1450:4001::1", "3ffe::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
    ],
    Kind.LOOPBACK: [
        "127.0.0.1", "127.1.2.3", "127.255.255.255", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
    ],
    Kind.PRIVATE: [
        "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255",
        "198.18.0.1", "fc00::1", "fdff::1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
    ],
    Kind.REFUSED: [
        "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.170.2", "192.0.0.192", "192.0.0.9", "192.0.2.1",
        "192.88.99.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255", "100.100.100.200", "::", "::ffff:169.254.169.254", "::ffff:0:7f00:1", "::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:53aa:64c::1", "2001:2::1",
        "2001:10::1", "2001:20::1", "2001:1ff::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1",
        "3fff::1", "4000::1", "5f00::1", "fe80::1", "fec0::1", "feff::1", "ff02::1", "fd00:ec2::254",
        "fd20:ce::254",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "address"), [(kind, one) for kind, all_ in KINDS.items() for one in all_])
def test_every_special_address_is_known(kind: Kind, address: str) -> None:
    assert addresses.kind(ipaddress.ip_address(address)) is kind


@pytest.mark.parametrize("address", KINDS[Kind.REFUSED])
def test_no_setting_opens_what_is_no_receiver(address: str) -> None:
    guard = SsrfGuard(allow_private=True, loopback_ports=(range(1, 65536),))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(DomainError, match="not public"):
        guard.check(f"http://{host}/")


LOOPBACK = [
    "127.0.0.1",
    "127.1",
    "0x7f000001",
    "2130706433",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:0:0:1]",
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_this_machine_is_reached_at_named_ports_alone(host: str) -> None:
    named = SsrfGuard(allow_private=False, loopback_ports=(range(9000, 9001), range(80, 81)))
    named.check(f"http://{host}:9000/hook")
    named.check(f"http://{host}/hook")  # 80
    for refused in (f"http://{host}:9001/", f"https://{host}/"):
        with pytest.raises(DomainError, match="port"):
            named.check(refused)
        with pytest.raises(DomainError):
            SsrfGuard(allow_private=False).check(refused)


@pytest.mark.parametrize("host", LOOPBACK)
def test_the_stacks_own_ports_are_never_reached(host: str) -> None:
    for guard in (
        SsrfGuard(allow_private=True, refused_ports=(range(8080, 8081),)),
        SsrfGuard(allow_private=False, loopback_ports=(range(1, 65536),), refused_ports=(range(8080, 8081),)),
    ):
        guard.check(f"http://{host}:8081/")
        with pytest.raises(DomainError):
            guard.check(f"http://{host}:8080/")


class Localhost(AbstractResolver):
    """A machine whose name for itself has two addresses."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        kinds = {"::1": socket.AF_INET6, "127.0.0.1": socket.AF_INET}
        return [
            {"hostname": host, "host": address, "port": port, "family": kind, "proto": 0, "flags": 0}
            for address, kind in kinds.items()
        ]

    async def close(self):
        pass


async def test_a_name_with_both_addresses_of_this_machine_is_called() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="here")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        named = SsrfGuard(allow_private=False, loopback_ports=(range(port, port + 1),), resolver=Localhost())
        async with named.session(connect_s=5, total_s=5) as http, http.get(f"http://localhost:{port}/") as it:
            assert await it.text() == "here"
        for guard in (
            SsrfGuard(allow_private=False, resolver=Localhost()),
            SsrfGuard(allow_private=True, refused_ports=(range(port, port + 1),), resolver=Localhost()),
        ):
            async with guard.session(connect_s=5, total_s=5) as http:
                with pytest.raises(AddressRefusedError):
                    await http.get(f"http://localhost:{port}/")
                with pytest.raises((ClientError, OSError)):
                    await http.get(f"http://127.0.0.1:{port}/")
    finally:
        await runner.cleanup()


def test_ports_are_read_as_numbers_and_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTGOING_REFUSED_PORTS", "8080, 9000-9002")
    assert OutgoingSettings().refused_ports == (range(8080, 8081), range(9000, 9003))
    monkeypatch.setenv("WEBHOOKS_KEY", "x" * 32)
    assert WebhookSettings().loopback_ports == ()
    for wrong in ("0", "65536", "9-8", "x"):
        monkeypatch.setenv("WEBHOOKS_LOOPBACK_PORTS", wrong)
        with pytest.raises(ValueError, match="loopback_ports"):
            WebhookSettings()


AS_WRITTEN = [
    "/workflows/a%2Fb/http%3A%2F%2Fx/x%28z%29?sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=q%2BZ%2Fa%3D%7E&t=a%40b",
    "/a+b%20c/%7Euser/(x)/:@!$&'*,;=?a+b=%20&empty=&flag",
    "/x/../y/./z//w?q=a/b?c",
    "?only=query",
    "/100%25/%E2%82%AC?sig=a%2bb",
    '/"<>{}|^`\\x?q="<>',
]
"""Reported of others: aiohttp#7222, #2188, #11410; CloudFront, Akamai and Azure sign what they were given."""


@pytest.mark.parametrize("written", AS_WRITTEN)
@pytest.mark.parametrize("how", ["photo", "webhook"])
async def test_a_url_is_requested_as_it_was_written(written: str, how: str) -> None:
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode().split(" ", 1)[1].rsplit(" ", 1)[0])
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{written}#fragment"
    guard = SsrfGuard(allow_private=True)
    guard.check(url)
    async with server, guard.session(connect_s=5, total_s=5) as session:
        if how == "webhook":
            assert (await post(session, url, b"{}", {}, timeout_s=5)).status == 204
        else:
            async with session.get(exact(url)) as response:
                assert response.status == 204
    assert asked == [written if written.startswith("/") else "/" + written]
