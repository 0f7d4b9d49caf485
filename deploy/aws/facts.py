"""Prints what the product's code says about its roles, for the deployment, as JSON.

Run by the product's own interpreter: the one that synthesises has none of its libraries.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from bus.contract import role_rights, topics
from deploy import environment
from export_consumer.settings import ExportSettings
from inference_consumer.settings import InferenceSettings
from ledger.settings import LedgerSettings


def collected() -> dict[str, Any]:
    """Return the roles' rights in the store, the topics of commands, and every documented key."""
    settings = [
        (package, each) for package in environment.MODULES for each in environment.settings_classes(package)
    ]
    return {
        "roles": list(role_rights.ROLES),
        "users": {role: role_rights.user(role) for role in role_rights.ROLES},
        "store": {role: asdict(rights) for role, rights in role_rights.STORE.items()},
        "commands": {
            "inference": [topics.COMMANDS_INTERACTIVE.name, topics.COMMANDS_BULK.name],
            "export": [topics.EXPORT_COMMANDS.name],
            "background": [topics.BACKGROUND_COMMANDS.name],
        },
        "groups": {
            "inference": InferenceSettings.model_fields["group"].default,
            "export": ExportSettings.model_fields["group"].default,
            "background": ExportSettings.model_fields["background_group"].default,
            "ledger": LedgerSettings.model_fields["group"].default,
        },
        "events": topics.EVENTS.name,
        "partitions": {topic.name: topic.partitions for topic in topics.ALL},
        "secrets": list(environment.TO_FILL),
        "keys": {
            each.__name__: {key: field.is_required() for key, field in environment.keys(each).items()}
            for _, each in settings
        },
    }


if __name__ == "__main__":
    json.dump(collected(), sys.stdout)
