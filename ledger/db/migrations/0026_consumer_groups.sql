-- A partner with too many consumer groups is suspended, too.
ALTER TABLE partners
    DROP CONSTRAINT partners_suspended_because,
    ADD CONSTRAINT partners_suspended_because
        CHECK (suspended_because IN ('admin', 'unreadable_records', 'consumer_groups'));
