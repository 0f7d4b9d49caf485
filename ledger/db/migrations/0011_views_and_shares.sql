-- What scenes need so that people can look at them.

-- Null: somebody asked for it. preview and viewer are made of every completed scene, backfill is what an operator
-- had made. Nullable, because the previous release writes rows without it.
ALTER TABLE export_jobs ADD COLUMN purpose text;
ALTER TABLE export_jobs ADD CONSTRAINT export_jobs_purpose CHECK (purpose IN ('preview', 'viewer', 'backfill'));
-- Few rows of many: how many of the system's own are under way.
CREATE INDEX export_jobs_background ON export_jobs (created_at)
    WHERE purpose IS NOT NULL AND status IN ('pending', 'processing');

-- A link by which anybody may look at one scene. The token is kept as a keyed hash alone.
CREATE TABLE shares (
    id                  uuid PRIMARY KEY,
    scene_generation_id uuid NOT NULL REFERENCES scene_generations (id) ON DELETE RESTRICT,
    token_hash          text NOT NULL UNIQUE,
    created_at          timestamptz NOT NULL,
    expires_at          timestamptz NOT NULL,
    CONSTRAINT shares_end CHECK (expires_at > created_at)
);
CREATE INDEX shares_scene_generation_id ON shares (scene_generation_id, created_at);
CREATE INDEX shares_created_at ON shares (created_at);
CREATE INDEX shares_expires_at ON shares (expires_at);
