-- What administrators and operators did, one row an act, written in the transaction of the act (docs/operations/audit.md).
-- No address: who acted is an account, whose sign-ins are known elsewhere. No reference to users, so that an
-- erased account's acts stay, without a name. No role may change or delete a row.
CREATE TABLE admin_acts (
    id      uuid PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor   uuid, -- the admin's account; null: a command of the operator
    action  text NOT NULL, -- the operation's id, or the command
    target  uuid,
    details jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT admin_acts_action CHECK (length(action) BETWEEN 1 AND 64),
    CONSTRAINT admin_acts_details CHECK (length(details::text) <= 4096)
);
CREATE INDEX admin_acts_list ON admin_acts (at, id);
CREATE INDEX admin_acts_target ON admin_acts (target, at) WHERE target IS NOT NULL;
