-- Where the log begins, for an operator who shortens it: rows of the partition below next_offset are gone.
-- A reader whose cursor lies before it is told so, instead of skipping in silence what was removed.
CREATE TABLE event_log_floors (
    epoch       integer NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (epoch, partition)
);

-- The one right way to shorten it: SELECT forget_events(epoch, partition, first offset that stays).
-- Returns how many rows went. `ledger invariants` and `rebuild --compare` will name what they then miss.
CREATE FUNCTION forget_events(of_epoch integer, of_partition integer, below bigint) RETURNS bigint
LANGUAGE sql AS $$
    INSERT INTO event_log_floors (epoch, partition, next_offset) VALUES (of_epoch, of_partition, below)
    ON CONFLICT (epoch, partition) DO UPDATE
    SET next_offset = greatest(event_log_floors.next_offset, excluded.next_offset), updated_at = now();
    WITH gone AS (
        DELETE FROM event_log WHERE epoch = of_epoch AND partition = of_partition AND "offset" < below
        RETURNING 1
    ) SELECT count(*) FROM gone;
$$;
