-- Partners: who speaks to us over Kafka itself. A slug is never given twice, because it is part of every name.
CREATE TABLE partners (
    id         uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
    slug       text NOT NULL UNIQUE,
    state      text NOT NULL,
    settled    boolean NOT NULL,     -- whether Kafka is known to be as the state says
    due_at     timestamptz NOT NULL, -- when what is not settled is tried again
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT partners_slug CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$'),
    CONSTRAINT partners_state CHECK (state IN ('creating', 'active', 'suspended', 'deleting', 'deleted')),
    CONSTRAINT partners_deleted CHECK ((state IN ('deleting', 'deleted')) = (deleted_at IS NOT NULL))
);
CREATE UNIQUE INDEX partners_account_id ON partners (account_id) WHERE deleted_at IS NULL;
CREATE INDEX partners_created_at ON partners (created_at, id);
CREATE INDEX partners_unsettled ON partners (due_at) WHERE NOT settled;

-- One row a command: it became a generation, or was rejected with a code. ce_id and subject are the partner's
-- own words; nothing of them goes into the log of record, which is kept for ever.
CREATE TABLE partner_commands (
    id            uuid PRIMARY KEY,
    partner_id    uuid NOT NULL REFERENCES partners (id) ON DELETE CASCADE,
    ce_id         text,
    subject       text,
    fingerprint   bytea NOT NULL,
    generation_id uuid UNIQUE,
    code          text,
    created_at    timestamptz NOT NULL,
    CONSTRAINT partner_commands_answer CHECK ((generation_id IS NULL) = (code IS NOT NULL))
);
-- The first command with a ce_id has it; another one with the same is a repeat, or is told that it is taken.
CREATE UNIQUE INDEX partner_commands_ce_id ON partner_commands (partner_id, ce_id)
    WHERE code IS DISTINCT FROM 'command_id_reused';
