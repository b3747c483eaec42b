-- The log of backplane, version @version@. This can be run again, and over an older version. @table@ has one row.
-- Messages are rows of one of the eight tables of the ring, in the order in which they were committed.
DO @quote@
BEGIN
  IF (@installed@) > @version@ THEN
    RAISE EXCEPTION 'version % of the log is installed, this is version @version@', (@installed@)
      USING HINT = 'Use a newer backplane, or drop the tables of the log first.';
  END IF;
END @quote@;

CREATE TABLE IF NOT EXISTS @table@ (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  epoch text NOT NULL,              -- changes when messages were lost for another reason than trimming
  slot integer NOT NULL,            -- the table of the ring that is written
  slot_since timestamptz NOT NULL,  -- since when
  floor bigint NOT NULL,            -- the log of a channel that is not in @heads@ begins after this offset
  incarnation text NOT NULL,        -- see the function of that name
  asynchronous boolean NOT NULL     -- messages have been written without waiting for the disk
);

-- The next offset of each channel, written when the next slot of the ring becomes the current one.
CREATE TABLE IF NOT EXISTS @heads@ (channel text COLLATE "C" PRIMARY KEY, next bigint NOT NULL);

-- Has the epoch as its only row, until the server crashes or is replaced by a replica: that empties unlogged tables.
CREATE UNLOGGED TABLE IF NOT EXISTS @marker@ (epoch text NOT NULL);
