-- Indexes that stay quick when the log is long. An index over random ids is written at a random place for each
-- row: with ten million rows nearly every insert dirties a page of its own. Subjects are UUIDv7 and grow with
-- time, so what is new lies together.

-- An event's id is made of its subject, so the pair is as unique as the id alone.
CREATE UNIQUE INDEX event_log_event ON event_log (subject, event_id);
ALTER TABLE event_log DROP CONSTRAINT event_log_event_id_key;
DROP INDEX event_log_subject;

-- A usage row is written with its event, by the transaction that put the event into the log, and its own id is
-- made of the event's id and time; `usage_once_an_event` (ledger/invariants.py) looks for what that excludes.
ALTER TABLE usage_logs DROP CONSTRAINT usage_logs_event_id_key;

-- Nothing asks for scenes by their metadata over all accounts; each ending paid for twenty keys of it.
DROP INDEX scene_generations_metadata_gin;
-- Nor by their API key; no foreign key, see 0001.
DROP INDEX scene_generations_api_key_id;
