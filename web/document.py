"""Writes the gateway's OpenAPI document, from which the page's types are made (``npm run types``).

``python web/document.py > web/openapi.json``; a test fails when the committed one is out of date.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from bus.runtime.settings import DatabaseSettings, KafkaSettings, S3Settings
from gateway.app import create_app
from gateway.settings import GatewaySettings, Settings, WebhookSettings

_ANY = "of no use but here, and long enough for each"


def schema() -> dict[str, Any]:
    """Return the document in the order of the code. Nothing is started: every setting is made up."""
    settings = Settings(
        gateway=GatewaySettings(jwt_secret=_ANY, api_key_pepper=_ANY),
        webhooks=WebhookSettings(key=_ANY),
        kafka=KafkaSettings(bootstrap_servers="nowhere:9"),
        s3=S3Settings(),
        database=DatabaseSettings(url="postgresql://nowhere/none"),
    )
    return create_app(settings).openapi_schema.to_schema()


def document() -> str:
    """Return the document as it is committed."""
    # Sorted: Litestar keeps some headers in a set, whose order is another one in each process.
    return json.dumps(schema(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
