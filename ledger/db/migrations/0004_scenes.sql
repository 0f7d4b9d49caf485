-- Deleting scenes, and what is known of exports.

-- Set by the gateway and by the projection to the same moment; reads of a scene leave out what has one.
ALTER TABLE scene_generations ADD COLUMN deleted_at timestamptz;
-- Few rows of many: what waits is counted for the place in the queue, what was deleted by the invariants.
CREATE INDEX scene_generations_waiting ON scene_generations (priority, created_at) WHERE status = 'pending';
CREATE INDEX scene_generations_deleted_at ON scene_generations (deleted_at) WHERE deleted_at IS NOT NULL;

-- Small, and also what a rebuild looks into for each row that it makes: it must not read the log for that.
CREATE INDEX event_log_deletions ON event_log (subject) WHERE type = 'generation.deleted.v1';

-- Nullable, because the previous release writes rows without them.
ALTER TABLE export_jobs ADD COLUMN options jsonb;
ALTER TABLE export_jobs ADD COLUMN error_code text;

-- Objects to be removed from the blob store; a key that ends with a slash means everything below it.
-- Not unique: a second wish may come while the first is carried out, and removing twice does no harm.
CREATE TABLE blob_removals (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text NOT NULL,
    attempts   integer NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    error      text,
    -- Never a whole kind of objects: a folder lies in a folder, as in results/ID/.
    CONSTRAINT blob_removals_key CHECK (key ~ '[^/]$' OR key ~ '^[^/]+/[^/]+/')
);
CREATE INDEX blob_removals_due_at ON blob_removals (due_at);
