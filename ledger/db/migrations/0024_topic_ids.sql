-- The topic that was read, as Kafka made it: another one of the same name has another id.
ALTER TABLE projector_offsets ADD COLUMN topic_id uuid;
