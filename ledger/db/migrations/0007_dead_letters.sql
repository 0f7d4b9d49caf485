-- Jobs that were given up on, so that people can look, try again or let go. The record itself, byte for byte;
-- headers are [[name, base64], ...]. No foreign keys: the record may be anything at all.
CREATE TABLE dead_letters (
    id           uuid PRIMARY KEY,
    epoch        integer NOT NULL,
    topic        text NOT NULL,
    partition    integer NOT NULL,
    "offset"     bigint NOT NULL,
    origin_topic text,
    subject      uuid,
    account_id   uuid,
    code         text NOT NULL,
    reason       text NOT NULL,
    attempts     integer NOT NULL,
    key          bytea,
    headers      jsonb NOT NULL,
    value        bytea,
    dead_at      timestamptz NOT NULL,
    state        text NOT NULL,
    settled_at   timestamptz,
    settled_by   uuid,
    redriven_as  uuid,
    UNIQUE (epoch, topic, partition, "offset"),
    CONSTRAINT dead_letters_state CHECK (state IN ('open', 'redriven', 'discarded')),
    CONSTRAINT dead_letters_settled CHECK ((state = 'open') = (settled_at IS NULL)),
    CONSTRAINT dead_letters_redriven CHECK ((state = 'redriven') = (redriven_as IS NOT NULL))
);
CREATE INDEX dead_letters_list ON dead_letters (state, dead_at, id);
CREATE INDEX dead_letters_account_id ON dead_letters (account_id);
