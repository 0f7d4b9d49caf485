-- Sessions that go on, keys that may do only some things, accounts that are erased.

-- Nullable, because the previous release writes rows without them. No scopes means all.
ALTER TABLE api_keys ADD COLUMN prefix text;
ALTER TABLE api_keys ADD COLUMN scopes text[];
ALTER TABLE api_keys ADD COLUMN last_used_at timestamptz;

-- Set when the person is taken out of the row; the row stays, history refers to it.
ALTER TABLE users ADD COLUMN erased_at timestamptz;
-- Until nothing of the account's is left in the store; the job that does it looks here.
ALTER TABLE users ADD COLUMN emptied_at timestamptz;
CREATE INDEX users_to_empty ON users (erased_at) WHERE erased_at IS NOT NULL AND emptied_at IS NULL;

-- One row a refresh token, which is used once; the tokens that follow on each other are a family.
CREATE TABLE refresh_tokens (
    id         uuid PRIMARY KEY,
    family     uuid NOT NULL,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user_id ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at);
