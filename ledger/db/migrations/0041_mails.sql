-- Mails to be sent, and until it is used or over the link in each. No token is in it: it is derived from the id by
-- the pepper, whenever the mail is sent. Of an account only the id; its address is read when the mail is sent.
-- user_id has no reference to users, so that asking for a mail does the same work whether or not there is an
-- account: null is a row that nobody gets.
CREATE TABLE mails (
    id         uuid PRIMARY KEY, -- an invitation has the id of its one-time link
    kind       text NOT NULL,
    user_id    uuid,
    address    text, -- where it is not the account's own; gone once it is not needed
    token_hash text UNIQUE,
    pepper     text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    due_at     timestamptz, -- the next attempt; null: sent, or given up
    attempts   integer NOT NULL DEFAULT 0,
    sent_at    timestamptz,
    failure    text,
    CONSTRAINT mails_kind CHECK (kind IN ('invitation', 'password_reset', 'email_change', 'email_changed')),
    CONSTRAINT mails_failure CHECK (length(failure) <= 500)
);
CREATE INDEX mails_due_at ON mails (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX mails_user_id ON mails (user_id);
CREATE INDEX mails_expires_at ON mails (expires_at);
