"""A small client of the REST and SSE interface; what the command line is built on."""

from sharpstream.client.api import Client
from sharpstream.client.errors import ServiceError
from sharpstream.client.models import Accepted, Event, Scene
from sharpstream.client.work import Job, Made, Watch, make

__all__ = ["Accepted", "Client", "Event", "Job", "Made", "Scene", "ServiceError", "Watch", "make"]
