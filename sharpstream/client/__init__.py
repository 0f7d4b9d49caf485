"""The Python client of the REST and SSE interface, on which the command line is built.

`Client` blocks, `AsyncClient` is for asyncio; both have every operation of the API as a method.
"""

from sharpstream.client.asynchronous import AsyncClient
from sharpstream.client.credentials import Memory, Session, Store, Tokens
from sharpstream.client.errors import ServiceError
from sharpstream.client.generate_workflow import Job, Made, Watch, make
from sharpstream.client.models import Accepted, Event, Export, Scene
from sharpstream.client.retries import Retries
from sharpstream.client.signature import verify_webhook
from sharpstream.client.synchronous import Client

__all__ = [
    "Accepted",
    "AsyncClient",
    "Client",
    "Event",
    "Export",
    "Job",
    "Made",
    "Memory",
    "Retries",
    "Scene",
    "ServiceError",
    "Session",
    "Store",
    "Tokens",
    "Watch",
    "make",
    "verify_webhook",
]
