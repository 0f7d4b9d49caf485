-- What stands between a request and a job: uploads, repeated requests, quotas, rates.

-- Where the ending of this one generation is sent; checked when it was accepted and whenever it is used.
ALTER TABLE scene_generations ADD COLUMN webhook_url text;
-- Few rows of many: what is under way is counted at each acceptance.
CREATE INDEX scene_generations_in_flight ON scene_generations (user_id)
    WHERE status IN ('pending', 'processing');

-- Photos on their way past the gateway. A row is used once; what is not used in time is removed.
CREATE TABLE uploads (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key        text NOT NULL,
    media_type text NOT NULL,
    bytes      bigint NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX uploads_user_id ON uploads (user_id, created_at);
CREATE INDEX uploads_expires_at ON uploads (expires_at);

-- A request that may be repeated. Without generation_id somebody is at it until lease_until; token says who.
CREATE TABLE idempotency_keys (
    user_id       uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key           text NOT NULL,
    fingerprint   bytea NOT NULL,
    token         uuid NOT NULL,
    lease_until   timestamptz NOT NULL,
    generation_id uuid,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

-- What differs from the role's quota; null is the role's.
CREATE TABLE account_quotas (
    user_id             uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    max_in_flight       integer,
    requests_per_minute integer,
    max_streams         integer,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT account_quotas_positive
        CHECK (least(max_in_flight, requests_per_minute, max_streams) > 0)
);

-- When each bucket will be empty again. Unlogged: after a crash everybody begins with a full quota.
CREATE UNLOGGED TABLE rate_limits (
    policy  text NOT NULL,
    subject text NOT NULL,
    empty   timestamptz NOT NULL,
    PRIMARY KEY (policy, subject)
);

-- Whether the account may have one more generation under way. Two gateways that ask at once ask in turn: the
-- lock comes first, and a volatile function sees what was committed while it waited.
CREATE FUNCTION in_flight_room(account uuid, most integer) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM FROM users WHERE id = account FOR NO KEY UPDATE;
    RETURN most > (SELECT count(*) FROM (SELECT FROM scene_generations
        WHERE user_id = account AND status IN ('pending', 'processing') LIMIT most) AS under_way);
END $$;
