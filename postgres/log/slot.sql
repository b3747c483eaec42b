
CREATE TABLE IF NOT EXISTS @slot@ (
  channel text COLLATE "C" NOT NULL,
  first bigint NOT NULL,     -- the offset of the first message in payloads
  n integer NOT NULL,        -- the number of messages
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  payloads bytea NOT NULL,   -- the messages, in the binary format of text[]
  PRIMARY KEY (channel, first)
) WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false, toast_tuple_target = 8160);
