"""What a newcomer to the API reads first: the first calls, and the subjects in the order of need.

`/docs`, `/docs/plain`, the page at the root and `/llms.txt` are all made from this.
"""

from __future__ import annotations

from typing import Final

from litestar.openapi.spec import Tag

from gateway.http.html import TAGLINE

TAGS: Final = (
    Tag(name="scenes", description="Photos in, splats out: send one, wait for it, list, cancel, delete."),
    Tag(name="exports", description="Scenes in other formats: meshes, videos, depth maps, pages and more."),
    Tag(name="shares", description="Scenes shown to anyone who has the link."),
    Tag(name="events", description="All that happens in the account, live or page by page."),
    Tag(name="api keys", description="Credentials for programs, each with its permissions."),
    Tag(name="webhooks", description="Events sent to your own servers, signed and retried."),
    Tag(name="usage", description="What was used, by day, kind and key."),
    Tag(name="users", description="The account: registering, signing in, changing and erasing it."),
    Tag(name="retention", description="How long data are kept, and what was erased."),
    Tag(name="models", description="The networks that make scenes, and their licences."),
    Tag(name="partners", description="Systems that use Kafka directly."),
    Tag(name="operations", description="For load balancers and monitoring."),
    Tag(name="admin", description="For admins: accounts, invites, dead letters, and the record of acts."),
)
"""The subjects: what makes scenes first, what only operators need last."""


def first_calls(public_url: str) -> tuple[tuple[str, str], ...]:
    """Return the first two calls, as a sentence and a command for a shell."""
    base = f"{public_url.rstrip('/')}/api/v1"
    return (
        (
            "Register, sign in, make an API key, then send a photo:",
            f'curl -H "X-API-Key: $KEY" -F image=@photo.jpg {base}/scenes/generate',
        ),
        (
            "Follow it by the generation_id of the answer, until its splat is there:",
            f'curl -N -H "X-API-Key: $KEY" {base}/scenes/$ID/events',
        ),
    )


def markdown(public_url: str) -> str:
    """Return the introduction to the API, the description of its document."""
    calls = "\n\n".join(f"{words}\n\n```sh\n{command}\n```" for words, command in first_calls(public_url))
    return (
        f"{TAGLINE}\n\n{calls}\n\nThe scene then has the address of its splat, a 3DGS `.ply`:"
        " `GET /api/v1/scenes/{id}`. Every error is `application/problem+json` with a stable `code` and a"
        " `message` that says what to do."
    )
