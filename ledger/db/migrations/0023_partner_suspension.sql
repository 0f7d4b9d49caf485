-- Why a partner is suspended, and how many of its records of late could not be decoded: too many suspend it.
ALTER TABLE partners
    ADD COLUMN suspended_because text,
    ADD COLUMN unreadable_records integer NOT NULL DEFAULT 0,
    ADD COLUMN unreadable_since timestamptz, -- when the first of them came
    ADD CONSTRAINT partners_suspended_because CHECK (suspended_because IN ('admin', 'unreadable_records'));
