-- A signing key has a number that stays its own: DID documents name their keys by it.
ALTER TABLE signing_keys ADD COLUMN number bigint NOT NULL GENERATED ALWAYS AS IDENTITY;
COMMENT ON COLUMN signing_keys.number IS 'In the order of making, never used again: #key-N of DID documents.';
