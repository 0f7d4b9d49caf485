-- What the caller asked for, where the lane became another one; null for rows of earlier releases.
ALTER TABLE scene_generations ADD COLUMN asked_priority text
    CONSTRAINT scene_generations_asked_priority CHECK (asked_priority IN ('interactive', 'bulk'));

-- Who has its share under way is no person waiting, and all that follows goes as bulk until less is: counting the
-- places in the lane alone kept a flood in it for ever, and whoever came next behind one of its batches. What was
-- sent as bulk does not count.
CREATE OR REPLACE FUNCTION in_flight_lane(account uuid, most integer, interactive integer) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    under_way integer;
    people integer;
BEGIN
    PERFORM FROM users WHERE id = account FOR NO KEY UPDATE;
    SELECT count(*), count(*) FILTER (WHERE coalesce(asked_priority, priority) = 'interactive')
    INTO under_way, people
    FROM (SELECT priority, asked_priority FROM scene_generations
          WHERE user_id = account AND status IN ('pending', 'processing') LIMIT most) AS rows;
    RETURN CASE WHEN under_way >= most THEN NULL WHEN people >= interactive THEN 'bulk' ELSE 'interactive' END;
END $$;
