-- Which lane the account's next generation takes; null where it may have no more under way. An account that has
-- its share in the interactive lane goes on in the other, so that its flood holds nobody up. Two gateways that
-- ask at once ask in turn: the lock comes first, and a volatile function sees what was committed meanwhile.
CREATE FUNCTION in_flight_lane(account uuid, most integer, interactive integer) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    under_way integer;
    first_lane integer;
BEGIN
    PERFORM FROM users WHERE id = account FOR NO KEY UPDATE;
    SELECT count(*), count(*) FILTER (WHERE priority = 'interactive') INTO under_way, first_lane
    FROM (SELECT priority FROM scene_generations
          WHERE user_id = account AND status IN ('pending', 'processing') LIMIT most) AS rows;
    RETURN CASE WHEN under_way >= most THEN NULL WHEN first_lane >= interactive THEN 'bulk' ELSE 'interactive' END;
END $$;
