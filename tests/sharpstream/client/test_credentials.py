from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from sharpstream.cli.sign_ins import SignIn, last_url
from sharpstream.client import Memory, ServiceError, Session, Tokens
from sharpstream.client.credentials import ApiKey
from sharpstream.client.models import SignIn as Answer

HERE = "http://service"


def tokens(name: str, left_s: float = 900) -> Tokens:
    return Tokens(access_token=name, refresh_token=f"r-{name}", expires_at=time.time() + left_s)


class Service:
    """Renews, and ends the sign-in when a token is used twice, as the gateway does."""

    def __init__(self) -> None:
        self.spent: list[str] = []

    def renew(self, refresh_token: str) -> Answer:
        if refresh_token in self.spent:
            raise ServiceError("refresh_token_reused", "Somebody else had it.", status=401)
        self.spent.append(refresh_token)
        name = f"fresh{len(self.spent)}"
        return Answer(access_token=name, refresh_token=f"r-{name}", expires_in=900)


def test_a_token_is_renewed_before_it_expires_and_when_it_was_refused() -> None:
    service = Service()
    session = Session(Memory(tokens("old", left_s=5)))
    assert session.headers(service.renew) == {"Authorization": "Bearer fresh1"}
    assert session.headers(service.renew) == {"Authorization": "Bearer fresh1"}
    assert session.headers(service.renew, refused="fresh1") == {"Authorization": "Bearer fresh2"}
    assert service.spent == ["r-old", "r-fresh1"]


def test_an_ended_sign_in_is_forgotten_and_said() -> None:
    service = Service()
    service.spent.append("r-old")
    store = Memory(tokens("old", left_s=0))
    for _ in range(2):
        with pytest.raises(ServiceError) as caught:
            Session(store).headers(service.renew)
        assert caught.value.code == "signed_out"
    assert store.load() is None


def test_a_service_that_is_away_does_not_end_the_sign_in() -> None:
    store = Memory(tokens("old", left_s=0))

    def away(_: str) -> Answer:
        raise ServiceError("unreachable", "away")

    with pytest.raises(ServiceError, match="away"):
        Session(store).headers(away)
    assert store.load() is not None


def test_many_commands_with_one_file_renew_once(tmp_path: Path) -> None:
    path, service = tmp_path / "deep" / "sign-ins.json", Service()
    first = SignIn(path, HERE)
    with first.alone():
        first.save(tokens("old", left_s=0))
    began, found = threading.Barrier(8), []

    def command() -> None:
        began.wait()
        found.append(Session(SignIn(path, HERE)).headers(service.renew))

    threads = [threading.Thread(target=command) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"Authorization": "Bearer fresh1"}] * 8
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_sign_ins_of_several_services_and_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "sign-ins.json"
    SignIn(path, HERE).save(tokens("a"))
    SignIn(path, "http://other").save(tokens("b"))
    assert last_url(path) == "http://other"
    SignIn(path, "http://other").save(None)
    assert last_url(path) is None
    kept = SignIn(path, HERE).load()
    assert kept is not None
    assert kept.access_token == "a"
    path.write_text("{")
    assert SignIn(path, HERE).load() is None


def test_a_key_is_what_it_is() -> None:
    assert ApiKey("ss_k").headers(Service().renew) == {"X-API-Key": "ss_k"}
