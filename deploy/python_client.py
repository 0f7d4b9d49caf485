"""Writes the Python client's operations and answers from the gateway's OpenAPI document.

It writes ``operations/`` and ``models/`` of ``sharpstream/client``, and the methods of both clients; a test
fails when they are out of date. What the document cannot say is in the tables below: the names that people
already use, and the few operations that are written by hand (`HAND_WRITTEN`).
"""

from __future__ import annotations

import argparse
import inspect
import json
import keyword
import re
import runpy
import subprocess
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

ROOT: Final = Path(__file__).parents[1]
CLIENT: Final = ROOT / "sharpstream" / "client"
MADE: Final = "Made from the OpenAPI document by deploy/python_client.py; changes here are lost."
SUBJECTS: Final = {
    "accounts": "Accounts and sign-ins; other people's accounts for admins.",
    "keys": "API keys: credentials for programs.",
    "retention": "Retention: how long data are kept, and what was erased.",
    "scenes": "Scenes: photos and their splats.",
    "exports": "Exports: scenes in other formats.",
    "shares": "Shares: scenes shown to anyone who has the link.",
    "webhooks": "Webhooks: endpoints, their secrets, deliveries and redelivery.",
    "partners": "Partners, for admins: accounts that use the service over Kafka.",
    "records": "Records: events, usage, and for admins the invariants and the dead letters.",
}
"""A module for each, in this order; `_subject` says which an operation belongs to."""
_OF_TAG: Final = {
    "users": "accounts", "api keys": "keys", "models": "scenes",
    "events": "records", "usage": "records", "operations": "records",
}  # fmt: skip
_OF_ADMIN: Final = {
    "users": "accounts",
    "invites": "accounts",
    "usage": "records",
    "dead-letters": "records",
    "queue": "records",
    "audit": "records",
}
HAND_WRITTEN: Final = {"generate_scene", "get_scene", "events"}
"""In `sharpstream.client.operations.by_hand`: a body of two kinds, a header, a list in a query. The events of
pages are those of streams (`sharpstream.client.models.events`)."""
NO_METHODS: Final = {
    "live", "ready", "scene_events", "export_events", "download_archive", "download_album",
}  # fmt: skip
"""Health of a process; streams, which `follow` reads; archives, which `download` reads."""
METHODS: Final = {
    "list_scenes": "scenes", "cancel_scene": "cancel", "list_models": "models",
    "export_scene": "export", "list_exports": "exports", "list_export_formats": "export_formats",
    "list_tags": "tags", "retry_scene": "retry", "create_archive": "archive",
    "list_all_exports": "all_exports", "list_albums": "albums", "delete_album": "end_album",
    "open_album": "shared_album", "open_album_scene": "shared_album_scene",
    "create_share": "share", "list_shares": "shares", "delete_share": "end_share", "open_share": "shared",
    "list_sessions": "sessions", "list_api_keys": "api_keys", "list_users": "accounts",
    "get_user": "account", "list_quotas": "quotas", "list_user_quotas": "account_quotas",
    "list_user_sessions": "account_sessions", "end_user_sessions": "end_account_sessions",
    "change_user": "change_account", "list_invites": "invites",
    "list_webhooks": "webhooks", "get_webhook": "webhook", "get_account_secret": "account_secret",
    "list_deliveries": "deliveries", "list_partners": "partners", "get_partner": "partner",
    "usage_events": "usage_rows", "admin_usage": "everybodys_usage",
    "list_admin_acts": "admin_acts", "list_dead_letters": "dead_letters", "get_dead_letter": "dead_letter",
    "get_retention": "retention", "list_erasures": "erasures", "get_account_retention": "account_retention",
    "redrive_dead_letter": "redrive", "discard_dead_letter": "discard",
}  # fmt: skip
"""The operation's id -> the method, where they differ."""
PARAMETERS: Final = {"user_id": "account_id", "bytes": "size"}
"""A parameter's name in the document -> its name in Python; a keyword of Python gets an underscore."""
REPEATABLE: Final = {
    "refresh": True, "change_me": False, "set_retention": True, "set_account_retention": True,
    "set_start_view": True,
    "change_scenes": True, "create_archive": True,
}  # fmt: skip
"""Whether sending it twice does what sending it once does, where the method does not say it."""
CLASSES: Final = {
    "GenerateOut": "Accepted", "CancelOut": "CancelAccepted", "SceneItem": "SceneSummary",
    "ExportAcceptedOut": "ExportAccepted", "FormatOut": "ExportFormat", "FormatList": "ExportFormats",
    "ShareCreatedOut": "NewShare",
    "AlbumCreatedOut": "NewAlbum", "LoginOut": "SignIn", "RegisterOut": "Registered", "MeOut": "Person",
    "ChangedMeOut": "ChangedPerson", "ApiKeyCreatedOut": "NewApiKey", "SessionOut": "OpenSession",
    "LinkCreatedOut": "OneTimeLink", "QuotaOut": "Quotas", "UserOut": "Account", "UserPage": "AccountPage",
    "UserDetailOut": "AccountWithQuotas", "WebhookCreatedOut": "NewWebhook", "PartnerOpened": "NewPartner",
    "DeadLetterItem": "DeadLetter", "DeadLetterOut": "DeadLetterWithCommand",
    "AdminUsageOut": "EverybodysUsage", "AdminUsageTotal": "AccountTotal", "UsageEvent": "UsageRow",
    "UsageEventsOut": "UsagePage", "ReadyOut": "Ready",
}  # fmt: skip
"""The schema -> the class, where that is not the schema's name without ``Out``."""
PARENTS: Final = {
    "AlbumCreatedOut": "AlbumOut",
    "SceneOut": "SceneItem", "ShareCreatedOut": "ShareOut", "ChangedMeOut": "MeOut",
    "UserDetailOut": "UserOut", "WebhookCreatedOut": "WebhookOut", "DeadLetterOut": "DeadLetterItem",
    "AdminUsageTotal": "UsageTotal",
}  # fmt: skip
"""A schema -> the one whose fields it has, too."""
STATES: Final = {"SceneItem": ("HasParts", {"status", "metadata"}), "ExportOut": ("HasStatus", {"status"})}
"""A schema -> the class of `sharpstream.client.models.states` that has some of its fields, and which."""

NEEDED: Final = re.compile("(.+_)?(id|token)|status|state|url|key|secret|code|email|slug|username|password")
"""Fields without a default. What is left has one, so that the answers of an earlier release can be read."""
ZEROS: Final = {"str": ' = ""', "int": " = 0", "float": " = 0.0", "bool": " = False"}
EARLIER: Final = {"created_at", "updated_at"}
"""Times that an earlier release may leave out."""


class Client:
    """The source text of the client's generated modules."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._schemas: dict[str, Any] = described["components"]["schemas"]
        self._documented = {each.__name__: inspect.getdoc(each) for each in _structs(Struct)}
        self._operations: defaultdict[str, list[tuple[str, str, dict[str, Any]]]] = defaultdict(list)
        for path, methods in described["paths"].items():
            for method, operation in methods.items():
                if operation["operationId"] not in NO_METHODS:
                    self._operations[_subject(path, operation)].append((method, path, operation))
        self._classes: dict[str, list[str]] = {subject: [] for subject in SUBJECTS}
        self._needed: dict[str, set[str]] = {subject: set() for subject in SUBJECTS}

    def files(self) -> dict[str, str]:
        """Return the text of each file by its path in the client's folder, not formatted."""
        made = {f"operations/{subject}.py": self._module(subject) for subject in SUBJECTS}
        made |= {f"models/{subject}.py": self._models(subject) for subject in SUBJECTS}
        made["models/__init__.py"] = self._index()
        made["operation_methods.py"] = self._names()
        return made

    # Operations

    def _module(self, subject: str) -> str:
        parts = [
            self._operation(subject, method, path, operation)
            for method, path, operation in self._operations[subject]
            if operation["operationId"] not in HAND_WRITTEN
        ]
        for _, _, operation in self._operations[subject]:
            if operation["operationId"] != "events":
                self._answer(subject, operation)  # also of those that are written by hand
        text = "\n\n".join(parts)
        needed = sorted(each for each in self._everything() if f"{each}]" in text or f"={each}," in text)
        lines = [f'"""{SUBJECTS[subject]}\n\n{MADE}\n"""', "", "from __future__ import annotations", ""]
        names = [each for each in ("Mapping", "Sequence") if f"{each}[" in text]
        lines += [f"from collections.abc import {', '.join(names)}"] if names else []
        lines += ["from datetime import datetime"] if "datetime" in text else []
        lines += ["from typing import Any"] if "Any" in text else []
        lines += ["", f"from sharpstream.client.models import {', '.join(needed)}"] if needed else []
        lines += ["from sharpstream.client.request import API, Call", "", "", text]
        return "\n".join(lines) + "\n"

    def _operation(self, subject: str, method: str, path: str, operation: dict[str, Any]) -> str:
        name = METHODS.get(operation["operationId"], operation["operationId"])
        given = [p for p in operation.get("parameters", ()) if p["in"] in {"path", "query"}]
        where = {p["in"]: [q for q in given if q["in"] == p["in"]] for p in given}
        body = self._body(operation)
        first = [f"{_python(p['name'])}: str" for p in where.get("path", ())]
        first += [f"{_python(n)}: {_parameter(s)}" for n, s, needed in body if needed]
        later = [_optional(p["name"], p["schema"]) for p in where.get("query", ())]
        later += [_optional(n, s) for n, s, needed in body if not needed]
        signature = ", ".join([*first, *(["*", *later] if later else [])])
        answer = self._answer(subject, operation)
        template = path.removeprefix("/api/v1")
        for p in where.get("path", ()):
            template = template.replace(f"{{{p['name']}}}", f"{{{_python(p['name'])}}}")
        parts = [f'method="{method.upper()}"', f'path=f"{{API}}{template}"', f"answer={answer}"]
        if query := where.get("query"):
            parts.append(f"query={{{', '.join(_pair(p['name']) for p in query)}}}")
        if body:
            parts.append(f"body={{{', '.join(_pair(n) for n, _, _ in body)}}}")
        if not REPEATABLE.get(operation["operationId"], method in {"get", "patch"}):
            parts.append("repeatable=False")
        if operation.get("security") == [{}]:
            parts.append("public=True")
        about = _docstring(operation["description"], {p["name"]: p["schema"] for p in where.get("query", ())})
        return f"def {name}({signature}) -> Call[{answer}]:\n{about}\n    return Call({', '.join(parts)},)\n"

    def _body(self, operation: dict[str, Any]) -> list[tuple[str, dict[str, Any], bool]]:
        """Return (name, schema, whether it is required) of the body's fields."""
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return []
        schema = self._followed(content["application/json"]["schema"])
        return [(n, s, n in schema.get("required", ())) for n, s in schema["properties"].items()]

    def _answer(self, subject: str, operation: dict[str, Any]) -> str:
        """Return the type of the answer, and have its classes written in the subject's module."""
        for status, answer in operation["responses"].items():
            if status.startswith("2") and (kind := answer.get("content", {}).get("application/json")):
                return self._type(subject, kind["schema"])
        return "None"

    # Answers

    def _models(self, subject: str) -> str:
        text = "\n\n".join(self._class(subject, schema) for schema in self._classes[subject])
        lines = [f'"""What the service answers. {SUBJECTS[subject]}\n\n{MADE}\n"""', ""]
        lines += ["from __future__ import annotations", ""]
        times = [each for each in ("date", "datetime") if f": {each}" in text]
        lines += [f"from datetime import {', '.join(times)}"] if times else []
        lines += ["from typing import Any"] if "Any" in text else []
        used = [each for each in ("Struct", "field") if f"({each}" in text or f"{each}(" in text]
        lines += ["", f"from msgspec import {', '.join(used)}", ""] if used else [""]
        for other in SUBJECTS:
            names = sorted(_class_of(each) for each in self._needed[subject] if self._home(each) == other)
            if names and other != subject:
                lines.append(f"from sharpstream.client.models.{other} import {', '.join(names)}")
        states = sorted({state for each, (state, _) in STATES.items() if each in self._classes[subject]})
        lines += [f"from sharpstream.client.models.states import {', '.join(states)}"] if states else []
        return "\n".join([*lines, "", "", text]) + "\n"

    def _class(self, subject: str, schema: str) -> str:
        parent, known = STATES.get(schema, ("Struct", set[str]()))
        if schema in PARENTS:
            parent, known = _class_of(PARENTS[schema]), set(self._schemas[PARENTS[schema]]["properties"])
        own = {n: s for n, s in self._schemas[schema]["properties"].items() if n not in known}
        renamed = {_python(n): n for n in own if _python(n) != n}
        options = f", rename={json.dumps(renamed)}" if renamed else ""
        head = f"class {_class_of(schema)}({parent}, frozen=True, kw_only=True{options}):"
        about = self._documented.get(schema) or f"{_class_of(schema)}."
        lines = [head, textwrap.indent(_quoted(about), "    "), ""]
        return "\n".join([*lines, *(f"    {self._field(subject, n, s)}" for n, s in own.items())]) + "\n"

    def _field(self, subject: str, name: str, schema: dict[str, Any]) -> str:
        kind = self._type(subject, schema)
        if name in EARLIER and kind == "datetime":
            kind = "datetime | None"
        default = " = None" if kind.endswith("None") or kind == "Any" else ""
        for begin, empty in (("list[", "list"), ("dict[", "dict")):
            default = f" = field(default_factory={empty})" if kind.startswith(begin) else default
        if not NEEDED.fullmatch(name):
            default = default or ZEROS.get(kind, "")
        return f"{_python(name)}: {kind}{default}"

    def _type(self, subject: str, schema: dict[str, Any]) -> str:
        """Return the Python type of a value that the service answers."""
        if "$ref" in schema:
            return self._reference(subject, schema["$ref"].rpartition("/")[2])
        choices, nullable = _choices(schema)
        kinds = list(dict.fromkeys(self._plain(subject, each) for each in choices))
        kind = " | ".join(kinds) if kinds else "Any"
        return f"{kind} | None" if nullable and kind != "Any" else kind

    def _plain(self, subject: str, schema: dict[str, Any]) -> str:
        if "$ref" in schema:
            return self._reference(subject, schema["$ref"].rpartition("/")[2])
        match schema.get("type"):
            case "array":
                return f"list[{self._type(subject, schema['items'])}]"
            case "object":
                return "dict[str, Any]"
            case "string":
                return {"date-time": "datetime", "date": "date"}.get(schema.get("format", ""), "str")
            case kind:
                return {"integer": "int", "number": "float", "boolean": "bool"}.get(str(kind), "Any")

    def _reference(self, subject: str, schema: str) -> str:
        self._needed[subject].add(schema)
        if self._home(schema) is None:
            for before in (PARENTS.get(schema), *_references(self._schemas[schema])):
                if before is not None:
                    self._reference(subject, before)
            self._classes[subject].append(schema)
        return _class_of(schema)

    def _home(self, schema: str) -> str | None:
        return next((subject for subject, found in self._classes.items() if schema in found), None)

    def _everything(self) -> list[str]:
        return [_class_of(each) for found in self._classes.values() for each in found]

    def _followed(self, schema: dict[str, Any]) -> dict[str, Any]:
        return self._schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema

    def _index(self) -> str:
        lines = [
            '"""The service\'s answers, one file per subject.\n\n'
            f'Unknown fields are ignored, so newer services may add some.\n\n{MADE}\n"""',
            "",
        ]
        lines.append("from sharpstream.client.models.events import Event, EventPage")
        for subject, found in self._classes.items():
            names = sorted(_class_of(each) for each in found)
            lines.append(f"from sharpstream.client.models.{subject} import {', '.join(names)}")
        names = sorted([*self._everything(), "Event", "EventPage"])
        return "\n".join([*lines, "", f"__all__ = {json.dumps(names)}"]) + "\n"

    def _names(self) -> str:
        lines = [f'"""The methods of both clients, one per operation.\n\n{MADE}\n"""', ""]
        lines += ["from __future__ import annotations", ""]
        lines += ["from sharpstream.client import operations as op"]
        lines += ["from sharpstream.client.operation import Operation", "", "", "class Operations:"]
        lines += ['    """The operations by name; `sharpstream.client.operations` has their parameters."""']
        lines += [""]
        by_hand = ("generate", "generate_from", "scene", "events")
        lines += [f"    {each} = Operation(op.by_hand.{each})" for each in by_hand]
        for subject, found in self._operations.items():
            for _, _, operation in found:
                if (name := operation["operationId"]) not in HAND_WRITTEN:
                    method = METHODS.get(name, name)
                    lines.append(f"    {method} = Operation(op.{subject}.{method})")
        return "\n".join(lines) + "\n"


def _structs(of: type) -> Iterator[type]:
    for each in of.__subclasses__():
        if each.__module__.startswith("gateway."):
            yield each
        yield from _structs(each)


def _subject(path: str, operation: dict[str, Any]) -> str:
    tag = operation["tags"][0]
    if path.startswith("/api/v1/admin/") and tag == "admin":
        return _OF_ADMIN[path.split("/")[4]]
    return _OF_TAG.get(tag, tag)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for each in schema.values():
            yield from _references(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _references(each)


def _class_of(schema: str) -> str:
    return CLASSES.get(schema, schema.removesuffix("Out"))


def _python(name: str) -> str:
    name = PARAMETERS.get(name, name)
    return f"{name}_" if keyword.iskeyword(name) else name


def _pair(name: str) -> str:
    return f'"{name}": {_python(name)}'


def _choices(schema: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    """Return the alternatives of a schema, without null, and whether null is one of them."""
    known = schema.get("oneOf") or schema.get("anyOf")
    if known is None:
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        known = [schema | {"type": kind} for kind in kinds]
    elif "format" in schema:  # Litestar puts a parameter's format beside its alternatives
        known = [each | {"format": schema["format"]} for each in known]
    left = [each for each in known if each.get("type") != "null"]
    return left, len(left) < len(known)


def _parameter(schema: dict[str, Any]) -> str:
    """Return the Python type of a value that is sent; what nests is sent as it is given."""
    choices, _ = _choices(schema)
    kinds = []
    for each in choices or [schema]:
        match each.get("type"):
            case "array":
                kinds.append("Sequence[str]")
            case "string":
                kinds.append("datetime | str" if each.get("format") == "date-time" else "str")
            case "integer":
                kinds.append("int")
            case "number":
                kinds.append("float")
            case "boolean":
                kinds.append("bool")
            case _:
                kinds.append("Mapping[str, Any]")
    return " | ".join(dict.fromkeys(kinds))


def _optional(name: str, schema: dict[str, Any]) -> str:
    default = schema.get("default")
    if isinstance(default, list):
        default = tuple(default)
    if default is None or default == {}:
        return f"{_python(name)}: {_parameter(schema)} | None = None"
    return f"{_python(name)}: {_parameter(schema)} = {default!r}"


def _docstring(description: str, parameters: dict[str, Any]) -> str:
    notes = [
        f"``{_python(name)}``: {schema['description'][0].lower()}{schema['description'][1:]}"
        for name, schema in parameters.items()
        if schema.get("description")
    ]
    parts = [description, "; ".join(notes) + "."] if notes else [description]
    return textwrap.indent(_quoted("\n\n".join(parts)), "    ")


def _quoted(text: str) -> str:
    """Return a docstring with its paragraphs filled."""
    paragraphs = [" ".join(each.split()) for each in text.strip().split("\n\n")]
    filled = "\n\n".join(textwrap.fill(each, 100, break_long_words=False) for each in paragraphs)
    return f'"""{filled}"""' if "\n" not in filled else f'"""{filled}\n"""'


def _document() -> dict[str, Any]:
    """Return the document as ``web/document.py`` makes it for the page's types."""
    where = ROOT / "web" / "document.py"
    found: dict[str, Any] = runpy.run_path(str(where))["schema"]()
    return found


def main() -> int:
    """Write the files and format them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=CLIENT, help="the client's folder")
    to = parser.parse_args().to
    made = Client(_document()).files()
    for name, text in made.items():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_text(text)
    ruff = [sys.executable, "-m", "ruff", "--quiet", "--config", str(ROOT / "pyproject.toml")]
    for command in (["check", "--fix", "--select", "I,F401"], ["format"]):
        subprocess.run([*ruff, *command, *(str(to / name) for name in made)], check=True)  # noqa: S603
    return 0


if __name__ == "__main__":
    sys.exit(main())
