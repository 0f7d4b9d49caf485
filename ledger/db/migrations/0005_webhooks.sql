-- Webhooks: who wants to be told, what there is to tell, and how telling goes.

-- Secrets are sealed by the gateway (WEBHOOKS_KEY): a dump of these tables signs nothing.
CREATE TABLE webhook_endpoints (
    id              uuid PRIMARY KEY,
    account_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    url             text NOT NULL,
    events          text[] NOT NULL,
    description     text NOT NULL,
    state           text NOT NULL,
    secret          bytea NOT NULL,
    previous_secret bytea,
    previous_until  timestamptz,
    failing_since   timestamptz,
    disabled_at     timestamptz,
    disabled_reason text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT webhook_endpoints_state CHECK (state IN ('active', 'disabled')),
    CONSTRAINT webhook_endpoints_disabled CHECK ((state = 'disabled') = (disabled_at IS NOT NULL)),
    CONSTRAINT webhook_endpoints_reason CHECK (disabled_reason IN ('gone', 'failing', 'owner'))
);
CREATE INDEX webhook_endpoints_account_id ON webhook_endpoints (account_id, created_at, id);

-- What signs the deliveries to the webhook_url of a single request.
CREATE TABLE webhook_account_secrets (
    account_id      uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    secret          bytea NOT NULL,
    previous_secret bytea,
    previous_until  timestamptz,
    updated_at      timestamptz NOT NULL
);

-- The bytes that are sent, once for all receivers of an event; text, so that they stay as they are.
CREATE TABLE webhook_messages (
    event_id       uuid PRIMARY KEY,
    account_id     uuid NOT NULL,
    type           text NOT NULL,
    subject        uuid NOT NULL,
    body           text NOT NULL,
    correlation_id text,
    traceparent    text,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_messages_created_at ON webhook_messages (created_at);
CREATE INDEX webhook_messages_account_id ON webhook_messages (account_id);

-- One row is one wish to tell one receiver of one event. While it is claimed, due_at is the end of the lease
-- and claim tells this claim from the next, so that a sender who was given up on cannot write over it.
-- lane: what shares a receiver, hence a limit. url: of a single request, which has no endpoint.
CREATE TABLE webhook_deliveries (
    id              uuid PRIMARY KEY,
    endpoint_id     uuid REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    account_id      uuid NOT NULL,
    url             text,
    lane            uuid NOT NULL,
    event_id        uuid NOT NULL REFERENCES webhook_messages (event_id) ON DELETE RESTRICT,
    origin          text NOT NULL,
    state           text NOT NULL DEFAULT 'pending',
    claim           integer NOT NULL DEFAULT 0,
    attempts        integer NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT now(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    attempted_at    timestamptz,
    duration_ms     double precision,
    response_status integer,
    response_body   text,
    error           text,
    CONSTRAINT webhook_deliveries_state CHECK (state IN ('pending', 'delivered', 'failed', 'cancelled')),
    CONSTRAINT webhook_deliveries_origin CHECK (origin IN ('event', 'replay', 'redelivery', 'test')),
    CONSTRAINT webhook_deliveries_where CHECK ((endpoint_id IS NULL) = (url IS NOT NULL))
);
-- The event itself reaches an endpoint, or the one request that asked, as one row; repeats are on purpose.
CREATE UNIQUE INDEX webhook_deliveries_once ON webhook_deliveries (endpoint_id, event_id)
    WHERE origin = 'event';
CREATE UNIQUE INDEX webhook_deliveries_once_by_request ON webhook_deliveries (event_id)
    WHERE origin = 'event' AND endpoint_id IS NULL;
-- A claim goes from lane to lane and takes the head of each, however long the queue of one is.
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (lane, due_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_list ON webhook_deliveries (endpoint_id, created_at, id);
CREATE INDEX webhook_deliveries_account_id ON webhook_deliveries (account_id);
CREATE INDEX webhook_deliveries_event_id ON webhook_deliveries (event_id);
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (created_at) WHERE state <> 'pending';
