
DO @quote@
BEGIN
  -- Rows are only removed with TRUNCATE, so the tables need no vacuum. Messages resemble each other, and lz4, which
  -- PostgreSQL 14 and later may have, takes less time than writing them uncompressed would. The older method does not.
  FOR slot IN 0 .. 7 LOOP
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
      EXECUTE 'ALTER TABLE ' || @slot_function@(slot) || ' ALTER COLUMN payloads SET STORAGE EXTENDED, '
        'ALTER COLUMN payloads SET COMPRESSION lz4';
    ELSE
      EXECUTE 'ALTER TABLE ' || @slot_function@(slot) || ' ALTER COLUMN payloads SET STORAGE EXTERNAL';
    END IF;
  END LOOP;
  IF NOT EXISTS (SELECT FROM @table@) THEN
    PERFORM @renew@();
  END IF;
END @quote@;
