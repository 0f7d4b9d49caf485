-- outside a transaction
-- What is not erased yet, of one account, in the order in which it is due. A scene enters each once, when it ends.
CREATE INDEX CONCURRENTLY scene_generations_delete_at ON scene_generations (delete_at)
    WHERE delete_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX CONCURRENTLY scene_generations_kept ON scene_generations (user_id, updated_at)
    WHERE deleted_at IS NULL AND status IN ('completed', 'failed', 'cancelled');
CREATE INDEX CONCURRENTLY scene_generations_kept_originals ON scene_generations (user_id, updated_at)
    WHERE deleted_at IS NULL AND status IN ('completed', 'failed', 'cancelled') AND original_erased_at IS NULL;
CREATE INDEX CONCURRENTLY scene_generations_kept_results ON scene_generations (user_id, updated_at)
    WHERE deleted_at IS NULL AND status = 'completed' AND result_erased_at IS NULL;
CREATE INDEX CONCURRENTLY scene_generations_kept_names ON scene_generations (user_id, updated_at)
    WHERE deleted_at IS NULL AND status IN ('completed', 'failed', 'cancelled') AND name_erased_at IS NULL
    AND (metadata ? 'name' OR metadata #> '{client,name}' IS NOT NULL OR client_metadata IS NOT NULL);
CREATE INDEX CONCURRENTLY scene_generations_kept_client_metadata ON scene_generations (user_id, updated_at)
    WHERE deleted_at IS NULL AND status IN ('completed', 'failed', 'cancelled')
    AND client_metadata_erased_at IS NULL
    AND (client_metadata IS NOT NULL OR metadata -> 'client' <> '{}');
CREATE INDEX CONCURRENTLY export_jobs_kept ON export_jobs (scene_generation_id) WHERE status = 'completed' AND erased_at IS NULL;
