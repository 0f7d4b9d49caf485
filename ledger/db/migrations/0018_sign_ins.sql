-- Sign-ins end with the password, and strangers do not lock an owner out.

-- Access tokens of an earlier release name no sign-in: those issued before this time are refused.
ALTER TABLE users ADD COLUMN sessions_valid_from timestamptz;

-- The program that signed in, for the list of sign-ins; copied to each token that follows.
ALTER TABLE refresh_tokens ADD COLUMN client text;

-- Addresses from which an account signed in before, as keyed hashes: they have a limit of their own, so that
-- wrong passwords of others do not count against them.
CREATE TABLE known_addresses (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    address text NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, address)
);
CREATE INDEX known_addresses_seen_at ON known_addresses (seen_at);

-- One normal form of an address: lower case, then NFC. Where two accounts would meet, both stay as they are.
UPDATE users SET email = normalize(lower(email), NFC)
WHERE email <> normalize(lower(email), NFC)
  AND (SELECT count(*) FROM users AS other
       WHERE normalize(lower(other.email), NFC) = normalize(lower(users.email), NFC)) = 1;

-- Links that work once, made by an admin: an invitation to register, or a new password for one account.
CREATE TABLE one_time_links (
    id         uuid PRIMARY KEY,
    kind       text NOT NULL,
    token_hash text NOT NULL UNIQUE,
    user_id    uuid REFERENCES users (id) ON DELETE CASCADE,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT one_time_links_kind CHECK (kind IN ('invite', 'password_reset')),
    CONSTRAINT one_time_links_user CHECK ((kind = 'password_reset') = (user_id IS NOT NULL))
);
-- A new link for an account replaces the one before.
CREATE UNIQUE INDEX one_time_links_user_id ON one_time_links (user_id);
CREATE INDEX one_time_links_expires_at ON one_time_links (expires_at);
