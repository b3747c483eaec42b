-- backplane_msgpack encodes a document as Node.js's adapter reads it: MessagePack with the smallest format for each
-- value, and numbers as in JavaScript, so fractions and numbers from 2^53 on are float64. It processes all values of
-- the document at once, because a loop or a recursion would call a function for each.
CREATE OR REPLACE FUNCTION @schema@.backplane_msgpack(document jsonb) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS @quote@
DECLARE
  packed bytea;
  forbidden boolean;
BEGIN
  WITH RECURSIVE node (path, key, value, kind) AS (
    -- path contains the positions from the root to the node. Sorted by path, a container comes before its contents.
    SELECT ARRAY[]::integer[], NULL::text, document, jsonb_typeof(document)
    UNION ALL
    SELECT node.path || child.place::integer, child.key, child.value, jsonb_typeof(child.value)
    FROM node
    CROSS JOIN LATERAL (
      SELECT NULL::text AS key, e.value, e.place
      FROM jsonb_array_elements(CASE node.kind WHEN 'array' THEN node.value ELSE '[]' END)
        WITH ORDINALITY AS e (value, place)
      UNION ALL
      SELECT e.key, e.value, e.place
      FROM jsonb_each(CASE node.kind WHEN 'object' THEN node.value ELSE '{}' END)
        WITH ORDINALITY AS e (key, value, place)
    ) AS child
    WHERE node.kind IN ('array', 'object')
  ), leaf AS MATERIALIZED (
    SELECT path, kind, value,
      convert_to(key, 'UTF8') AS key,
      CASE kind WHEN 'string' THEN convert_to(value #>> '{}', 'UTF8') END AS text,
      CASE kind
        WHEN 'array' THEN jsonb_array_length(value)
        WHEN 'object' THEN (SELECT count(*)::integer FROM jsonb_object_keys(value))
      END AS size,
      CASE kind WHEN 'number' THEN
        CASE
          -- From half a step above the largest float64 on, it is infinite. Below half the smallest one, it is 0.
          WHEN abs(value::numeric) >= 1.7976931348623158079372897140530341507993e308
            THEN sign(value::numeric)::float8 * 'Infinity'::float8
          WHEN abs(value::numeric) < 2.4703282292062328e-324 THEN 0::float8
          ELSE value::numeric::float8
        END
      END AS number
    FROM node
  ), exact AS MATERIALIZED (
    SELECT *,
      CASE WHEN kind = 'number' AND abs(number) > 9007199254740991 AND value::text ~ '^-?[0-9]{16,20}$' THEN
        CASE WHEN value::numeric BETWEEN -9223372036854775808 AND 18446744073709551615 THEN
          CASE WHEN number < 9223372036854775808 THEN number::bigint::numeric ELSE (number / 4)::bigint::numeric * 4 END
        END
      END AS whole
    FROM leaf
  ), written AS MATERIALIZED (
    -- digits is the number with the fewest digits that identify the float64, as JavaScript writes it.
    SELECT *,
      CASE
        WHEN round(whole, 15 - length(abs(whole)::text))::float8 = number
          THEN round(whole, 15 - length(abs(whole)::text))
        WHEN round(whole, 16 - length(abs(whole)::text))::float8 = number
          THEN round(whole, 16 - length(abs(whole)::text))
        ELSE round(whole, 17 - length(abs(whole)::text))
      END AS digits
    FROM exact
  )
  SELECT bool_or(key = convert_to('__proto__', 'UTF8')),
    string_agg(
      CASE
        WHEN key IS NULL THEN ''::bytea
        WHEN length(key) < 32 THEN set_byte(decode('a0', 'hex'), 0, 160 + length(key))
        WHEN length(key) < 256 THEN set_byte(decode('d900', 'hex'), 1, length(key))
        WHEN length(key) < 65536 THEN decode('da', 'hex') || substring(int4send(length(key)) FROM 3)
        ELSE decode('db', 'hex') || int4send(length(key))
      END || coalesce(key, ''::bytea) ||
      CASE kind
        WHEN 'null' THEN decode('c0', 'hex')
        WHEN 'boolean' THEN CASE WHEN value::boolean THEN decode('c3', 'hex') ELSE decode('c2', 'hex') END
        WHEN 'string' THEN
          CASE
            WHEN length(text) < 32 THEN set_byte(decode('a0', 'hex'), 0, 160 + length(text))
            WHEN length(text) < 256 THEN set_byte(decode('d900', 'hex'), 1, length(text))
            WHEN length(text) < 65536 THEN decode('da', 'hex') || substring(int4send(length(text)) FROM 3)
            ELSE decode('db', 'hex') || int4send(length(text))
          END || text
        WHEN 'array' THEN
          CASE
            WHEN size < 16 THEN set_byte(decode('90', 'hex'), 0, 144 + size)
            WHEN size < 65536 THEN decode('dc', 'hex') || substring(int4send(size) FROM 3)
            ELSE decode('dd', 'hex') || int4send(size)
          END
        WHEN 'object' THEN
          CASE
            WHEN size < 16 THEN set_byte(decode('80', 'hex'), 0, 128 + size)
            WHEN size < 65536 THEN decode('de', 'hex') || substring(int4send(size) FROM 3)
            ELSE decode('df', 'hex') || int4send(size)
          END
        ELSE
          CASE
            WHEN number = 0 AND value::numeric < 0 THEN decode('cb8000000000000000', 'hex')
            WHEN digits <> value::numeric THEN -- an integer whose digits a float64 cannot represent
              CASE
                WHEN value::numeric <= 9223372036854775807 THEN decode('d3', 'hex') || int8send(value::numeric::bigint)
                ELSE decode('cf', 'hex') || int8send((value::numeric - 18446744073709551616)::bigint)
              END
            WHEN number <> trunc(number) OR abs(number) > 9007199254740991
              THEN decode('cb', 'hex') || float8send(number)
            WHEN number BETWEEN 0 AND 127 THEN set_byte(decode('00', 'hex'), 0, number::integer)
            WHEN number BETWEEN -32 AND -1 THEN set_byte(decode('00', 'hex'), 0, 256 + number::integer)
            WHEN number BETWEEN 0 AND 255 THEN set_byte(decode('cc00', 'hex'), 1, number::integer)
            WHEN number BETWEEN 0 AND 65535 THEN decode('cd', 'hex') || substring(int4send(number::integer) FROM 3)
            WHEN number BETWEEN 0 AND 4294967295 THEN decode('ce', 'hex') || substring(int8send(number::bigint) FROM 5)
            WHEN number >= 0 THEN decode('cf', 'hex') || int8send(number::bigint)
            WHEN number >= -128 THEN set_byte(decode('d000', 'hex'), 1, 256 + number::integer)
            WHEN number >= -32768 THEN decode('d1', 'hex') || substring(int4send(number::integer) FROM 3)
            WHEN number >= -2147483648 THEN decode('d2', 'hex') || int4send(number::integer)
            ELSE decode('d3', 'hex') || int8send(number::bigint)
          END
      END, ''::bytea ORDER BY path)
  INTO forbidden, packed
  FROM written;

  IF forbidden THEN
    RAISE EXCEPTION 'backplane: the message has the key "__proto__"'
      USING ERRCODE = 'invalid_parameter_value',
        HINT = 'Large messages use the MessagePack library of Node.js, which refuses this key.';
  END IF;
  RETURN packed;
END
@quote@;
