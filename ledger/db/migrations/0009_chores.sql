-- Work that one process of many does now and then: whoever moves next_at has the turn.
CREATE TABLE chores (
    name    text PRIMARY KEY,
    next_at timestamptz NOT NULL
);
