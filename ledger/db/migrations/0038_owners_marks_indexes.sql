-- outside a transaction
-- Tags are erased with names: a scene that has tags and no name is due as well. The former condition is a part of this
-- one, so the previous release's queries use the new index.
CREATE INDEX CONCURRENTLY scene_generations_kept_names_and_tags ON scene_generations (user_id, updated_at)
    WHERE deleted_at IS NULL AND status IN ('completed', 'failed', 'cancelled') AND name_erased_at IS NULL
    AND (metadata ? 'name' OR metadata #> '{client,name}' IS NOT NULL OR client_metadata IS NOT NULL OR tags <> '{}');
DROP INDEX CONCURRENTLY IF EXISTS scene_generations_kept_names;
-- Few scenes of many have tags: an account's are counted among them.
CREATE INDEX CONCURRENTLY scene_generations_tagged ON scene_generations (user_id)
    WHERE tags <> '{}' AND deleted_at IS NULL;
