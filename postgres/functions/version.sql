-- SQL functions of backplane, version @version@. This can be run again, and over an older version.

DO @quote@
BEGIN
  IF (@installed@) > @version@ THEN
    RAISE EXCEPTION 'version % of the functions is installed, this is version @version@', (@installed@)
      USING HINT = 'To install the older version, drop the functions first.';
  END IF;
END @quote@;

CREATE OR REPLACE FUNCTION @schema@.backplane_functions_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS 'SELECT @version@';
