-- The customer's five tables and the rows that the bridges stand on.
-- No table name carries a schema and no required column a default: what is omitted is refused.

-- Addresses differ by more than case: unique on lower(email), because citext is an extension that a
-- managed database may not offer. Writers store them lower-cased; readers compare lower(email).
CREATE TABLE users (
    id            uuid PRIMARY KEY,
    email         text NOT NULL,
    password_hash text NOT NULL,
    first_name    text NOT NULL,
    last_name     text NOT NULL,
    role          text NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    is_active     boolean NOT NULL,
    CONSTRAINT users_role CHECK (role IN ('user', 'enterprise', 'admin'))
);
CREATE UNIQUE INDEX users_email ON users (lower(email));
CREATE INDEX users_created_at ON users (created_at);
CREATE INDEX users_updated_at ON users (updated_at);

CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    api_key_hash text NOT NULL UNIQUE,
    name         text NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    status       text NOT NULL,
    CONSTRAINT api_keys_status CHECK (status IN ('active', 'revoked'))
);
CREATE INDEX api_keys_user_id ON api_keys (user_id);
CREATE INDEX api_keys_created_at ON api_keys (created_at);

-- api_key_id is no foreign key: it also comes from events, and history must not wait for a row.
CREATE TABLE scene_generations (
    id                        uuid PRIMARY KEY,
    user_id                   uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
    api_key_id                uuid,
    original_image_url        text NOT NULL,
    generated_3d_gaussian_url text,
    status                    text NOT NULL,
    priority                  text NOT NULL,
    processing_time_seconds   double precision,
    metadata                  jsonb NOT NULL,
    created_at                timestamptz NOT NULL,
    updated_at                timestamptz NOT NULL,
    cancel_requested_at       timestamptz,
    error_message             text,
    CONSTRAINT scene_generations_status
        CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
    CONSTRAINT scene_generations_priority CHECK (priority IN ('interactive', 'bulk')),
    CONSTRAINT scene_generations_metadata CHECK (jsonb_typeof(metadata) = 'object')
);
-- Lists are read newest first within an account, so this one also serves the foreign key.
CREATE INDEX scene_generations_user_id ON scene_generations (user_id, created_at, id);
CREATE INDEX scene_generations_api_key_id ON scene_generations (api_key_id);
CREATE INDEX scene_generations_created_at ON scene_generations (created_at);
CREATE INDEX scene_generations_updated_at ON scene_generations (updated_at);
CREATE INDEX scene_generations_metadata_gin ON scene_generations USING gin (metadata jsonb_path_ops);

CREATE TABLE export_jobs (
    id                  uuid PRIMARY KEY,
    scene_generation_id uuid NOT NULL REFERENCES scene_generations (id) ON DELETE RESTRICT,
    export_format       text NOT NULL,
    export_file_url     text,
    status              text NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    error_message       text,
    CONSTRAINT export_jobs_status
        CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled'))
);
CREATE INDEX export_jobs_scene_generation_id ON export_jobs (scene_generation_id, created_at);
CREATE INDEX export_jobs_created_at ON export_jobs (created_at);
CREATE INDEX export_jobs_updated_at ON export_jobs (updated_at);

-- A fact of the log: no foreign keys, so that nothing can keep it from being written or take it away.
CREATE TABLE usage_logs (
    id         uuid PRIMARY KEY,
    event_id   uuid NOT NULL UNIQUE,
    user_id    uuid,
    api_key_id uuid,
    event_type text NOT NULL,
    details    jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT usage_logs_whose CHECK (user_id IS NOT NULL OR api_key_id IS NOT NULL)
);
CREATE INDEX usage_logs_user_id ON usage_logs (user_id, created_at);
CREATE INDEX usage_logs_api_key_id ON usage_logs (api_key_id, created_at);
CREATE INDEX usage_logs_created_at ON usage_logs (created_at);

-- Postgres -> Kafka. One row is one atomic publication; see bus/outbox.py and bus/relay.py.
CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    publish_seq bigint UNIQUE,
    records     bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_unnumbered ON outbox (id) WHERE publish_seq IS NULL;

CREATE TABLE relay_lease (
    name     text PRIMARY KEY,
    epoch    bigint NOT NULL DEFAULT 0,
    holder   text,
    deadline timestamptz,
    next_seq bigint NOT NULL DEFAULT 1,
    cursor   bigint NOT NULL DEFAULT 0
);

-- Kafka -> Postgres. The body is json, not jsonb: the exact text of the Kafka value.
CREATE TABLE event_log (
    epoch          integer NOT NULL,
    partition      integer NOT NULL,
    "offset"       bigint NOT NULL,
    event_id       uuid NOT NULL UNIQUE,
    type           text NOT NULL,
    subject        uuid NOT NULL,
    account_id     uuid NOT NULL,
    source         text NOT NULL,
    time           timestamptz NOT NULL,
    correlation_id text,
    traceparent    text,
    body           json NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (epoch, partition, "offset")
);
CREATE INDEX event_log_account_id ON event_log (account_id, epoch, "offset");
CREATE INDEX event_log_subject ON event_log (subject);

CREATE TABLE projector_offsets (
    projector   text NOT NULL,
    epoch       integer NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projector, epoch, topic, partition)
);

-- What a projector could not take, byte for byte; headers are [[name, base64], ...].
CREATE TABLE parked_events (
    projector   text NOT NULL,
    epoch       integer NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    "offset"    bigint NOT NULL,
    key         bytea,
    headers     jsonb NOT NULL,
    value       bytea,
    reason      text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projector, epoch, topic, partition, "offset")
);
CREATE INDEX parked_events_recorded_at ON parked_events (recorded_at);
