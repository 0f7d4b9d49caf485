-- A bulk command of an account that has its share of them in the queue waits here, not in Kafka: there it would
-- stand before everybody's that comes later. It is released when one of the account's ends.
ALTER TABLE outbox ADD COLUMN held_for uuid;
CREATE INDEX outbox_ready ON outbox (id) WHERE publish_seq IS NULL AND held_for IS NULL;
CREATE INDEX outbox_held ON outbox (held_for, id) WHERE held_for IS NOT NULL;
DROP INDEX outbox_unnumbered;

-- Taken where an account's bulk jobs are counted and where one ends, always as the last lock.
CREATE FUNCTION lock_bulk(account uuid) RETURNS void LANGUAGE sql VOLATILE AS
$$ SELECT pg_advisory_xact_lock(hashtextextended('bulk ' || account, 0)) $$;

-- 'held' is bulk whose command must wait. `in_flight_lane` decides the rest.
CREATE FUNCTION accepted_priority(account uuid, asked text, most integer, interactive integer, bulk integer)
RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    lane text := in_flight_lane(account, most, interactive);
    queued integer;
BEGIN
    IF lane IS NULL OR (lane = 'interactive' AND asked = 'interactive') THEN
        RETURN lane;
    END IF;
    PERFORM lock_bulk(account);
    SELECT (SELECT count(*) FROM scene_generations
            WHERE user_id = account AND status IN ('pending', 'processing') AND priority = 'bulk')
         - (SELECT count(*) FROM outbox WHERE held_for = account) INTO queued;
    RETURN CASE WHEN queued >= bulk THEN 'held' ELSE 'bulk' END;
END $$;

-- Whoever ends the job needs no right to the outbox.
CREATE FUNCTION release_held() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM lock_bulk(NEW.user_id);
    -- Its age counts from here: it was not late before.
    UPDATE outbox SET held_for = NULL, created_at = now()
    WHERE id = (SELECT id FROM outbox WHERE held_for = NEW.user_id ORDER BY id LIMIT 1);
    IF FOUND THEN
        PERFORM pg_notify('outbox', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER release_held AFTER UPDATE OF status ON scene_generations FOR EACH ROW
WHEN (OLD.status IN ('pending', 'processing') AND NEW.status NOT IN ('pending', 'processing')
      AND NEW.priority = 'bulk') EXECUTE FUNCTION release_held();
