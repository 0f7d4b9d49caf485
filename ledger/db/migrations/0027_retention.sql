-- How long an account keeps what: hours after the job has ended (webhooks and idempotency: after the row was made).
-- Null is for ever. An account without a row has the installation's default (GATEWAY_RETENTION).
CREATE TABLE retention_policies (
    user_id         uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    scenes          integer,
    originals       integer,
    results         integer,
    exports         integer,
    views           integer,
    names           integer,
    client_metadata integer,
    webhooks        integer,
    idempotency     integer,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT retention_policies_hours CHECK (
        least(scenes, originals, results, exports, views, names, client_metadata, webhooks, idempotency) >= 1
        AND greatest(scenes, originals, results, exports, views, names, client_metadata, webhooks) <= 87600),
    CONSTRAINT retention_policies_idempotency CHECK (idempotency <= 24)
);

-- What retention erased, a row for each account, kind and day. No foreign key: it outlives its account, and names no one.
CREATE TABLE erasures (
    id         uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    kind       text NOT NULL,
    day        date NOT NULL,
    erased     bigint NOT NULL,
    first_at   timestamptz NOT NULL,
    last_at    timestamptz NOT NULL,
    CONSTRAINT erasures_once UNIQUE (account_id, kind, day)
);
CREATE INDEX erasures_list ON erasures (account_id, first_at, id);

-- delete_at: asked for with the request. The URLs of what was erased stay, because a rebuild makes them of the log.
ALTER TABLE scene_generations
    ADD COLUMN delete_at timestamptz,
    ADD COLUMN original_erased_at timestamptz,
    ADD COLUMN result_erased_at timestamptz,
    ADD COLUMN name_erased_at timestamptz,
    ADD COLUMN client_metadata_erased_at timestamptz;
ALTER TABLE export_jobs ADD COLUMN erased_at timestamptz;

-- The time of the newest event that was removed: rows up to it may have lost their event, and proofs know it.
-- Null in rows of an earlier release, for which updated_at stands.
ALTER TABLE event_log_floors ADD COLUMN forgotten_until timestamptz;
CREATE OR REPLACE FUNCTION forget_events(of_epoch integer, of_partition integer, below bigint) RETURNS bigint
LANGUAGE sql AS $$
    INSERT INTO event_log_floors (epoch, partition, next_offset, forgotten_until)
    SELECT of_epoch, of_partition, below, max(time) FROM event_log
    WHERE epoch = of_epoch AND partition = of_partition AND "offset" < below
    ON CONFLICT (epoch, partition) DO UPDATE
    SET next_offset = greatest(event_log_floors.next_offset, excluded.next_offset), updated_at = now(),
        forgotten_until = greatest(event_log_floors.forgotten_until, excluded.forgotten_until);
    WITH gone AS (
        DELETE FROM event_log WHERE epoch = of_epoch AND partition = of_partition AND "offset" < below
        RETURNING 1
    ) SELECT count(*) FROM gone;
$$;

-- The same for a role that has no right to remove events: only a beginning that was recorded long ago, at most so many
-- events a call. By the time of recording, which grows with the offset: what is removed has no gap.
CREATE FUNCTION forget_old_events(of_epoch integer, of_partition integer, days integer, most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    beginning bigint;
    below bigint;
BEGIN
    IF days < 30 THEN
        RAISE EXCEPTION 'events of the last 30 days are not removed';
    END IF;
    SELECT min(e."offset"), coalesce(min(e."offset") FILTER (WHERE NOT e.old), max(e."offset") + 1)
    INTO beginning, below FROM (
        SELECT "offset", recorded_at < now() - make_interval(days => forget_old_events.days) AS old FROM event_log
        WHERE epoch = of_epoch AND partition = of_partition ORDER BY "offset" LIMIT most) e;
    IF below IS NULL OR below = beginning THEN
        RETURN 0;
    END IF;
    RETURN forget_events(of_epoch, of_partition, below);
END $$;
REVOKE EXECUTE ON FUNCTION forget_old_events(integer, integer, integer, integer) FROM PUBLIC;
