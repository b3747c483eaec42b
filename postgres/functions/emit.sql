-- backplane_emit sends an event when the transaction commits@when@. The event goes to all
-- clients that are in at least one of rooms (NULL: all clients; '{}': no client) and in none of except_rooms. The
-- function runs with the privileges of the caller.
CREATE OR REPLACE FUNCTION @schema@.backplane_emit(
  nsp text,
  rooms text[],
  event text,
  args jsonb DEFAULT '[]',
  except_rooms text[] DEFAULT '{}',
  is_volatile boolean DEFAULT false,
  compress boolean DEFAULT NULL,
  prefix text DEFAULT @prefix@
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY INVOKER SET search_path = pg_catalog, pg_temp
AS @quote@
DECLARE
  channel text;
  flags jsonb := '{}';
  content jsonb;
  payload text;
  attachment bigint;
  key text;
BEGIN
  IF nsp IS NULL OR event IS NULL OR args IS NULL OR except_rooms IS NULL OR is_volatile IS NULL OR prefix IS NULL
    OR EXISTS (SELECT FROM unnest(rooms) AS r (room) WHERE room IS NULL)
    OR EXISTS (SELECT FROM unnest(except_rooms) AS r (room) WHERE room IS NULL)
  THEN
    RAISE EXCEPTION 'backplane: an argument of backplane_emit, or a room, is NULL'
      USING ERRCODE = 'null_value_not_allowed',
        HINT = 'Only rooms (NULL: all clients) and compress may be NULL. For no arguments pass ''[]''. '
          'Aggregates such as array_agg are NULL when there are no rows.';
  ELSIF event IN ('connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener') THEN
    RAISE EXCEPTION '"%" is a reserved event name', event
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Socket.IO reserves this name: choose another one.';
  ELSIF jsonb_typeof(args) <> 'array' THEN
    RAISE EXCEPTION 'backplane: args is a JSON %, not an array', jsonb_typeof(args)
      USING ERRCODE = 'invalid_parameter_value',
        HINT = 'Put a single argument into an array: jsonb_build_array(argument).';
  ELSIF jsonb_path_exists(args, 'strict $.**{97} ? (@.type() == "array" || @.type() == "object")') THEN
    RAISE EXCEPTION 'backplane: an argument has more than 96 levels of arrays and objects'
      USING ERRCODE = 'program_limit_exceeded',
        HINT = 'Nodes read up to 100 levels, and the message around the arguments takes 4.';
  END IF;

  IF left(nsp, 1) <> '/' OR nsp = '' THEN
    nsp := '/' || nsp;
  END IF;
  channel := prefix || '#' || nsp;
  IF octet_length(channel) > 63 THEN
    RAISE EXCEPTION 'backplane: the channel "%" has % bytes', channel, octet_length(channel)
      USING ERRCODE = 'name_too_long', HINT = 'PostgreSQL allows 63 bytes: shorten the namespace.';
  END IF;

  IF cardinality(rooms) = 0 THEN
    RETURN; -- there are no recipients; in a message, an empty list of rooms would mean all clients
  END IF;
  IF is_volatile THEN
    flags := flags || '{"volatile": true}';
  END IF;
  IF compress IS NOT NULL THEN
    flags := flags || jsonb_build_object('compress', compress);
  END IF;
  content := jsonb_build_object(
    'packet', jsonb_build_object('type', 2, 'data', jsonb_build_array(event) || args),
    'opts', jsonb_build_object(
      'rooms', to_jsonb(ARRAY(SELECT unnest(rooms))),
      'except', to_jsonb(ARRAY(SELECT unnest(except_rooms))),
      'flags', flags));
  -- PostgreSQL delivers equal notifications of one transaction only once. The nonce makes them differ.
  payload := '{"uid":"emitter","type":3,"nsp":' || to_json(nsp)::text || ',"source":"_sio_adapter","nonce":"' ||
    gen_random_uuid()::text || '","data":' || content::text || '}';

  IF octet_length(payload) >= 8000 THEN
    -- The key is part of the row and of the reference. So another row with the same id is not mistaken for this one.
    key := gen_random_uuid()::text;
    INSERT INTO @table@ AS stored (@stored_columns@payload)
      VALUES (@stored_values@@schema@.backplane_msgpack(
        jsonb_build_object('uid', 'emitter', 'type', 3, 'nsp', nsp, 'source', '_sio_adapter',
          'attachmentKey', key, 'data', content)))
      RETURNING stored.id INTO attachment;
    payload := '{"uid":"emitter","type":3,"nsp":' || to_json(nsp)::text || ',"source":"_sio_adapter",' ||
      '"attachmentKey":"' || key || '","attachmentId":"' || attachment::text || '"}';
  END IF;
  @send@
END
@quote@;

REVOKE ALL ON FUNCTION @schema@.backplane_emit(text, text[], text, jsonb, text[], boolean, boolean, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION @schema@.backplane_msgpack(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION @schema@.backplane_emit(text, text[], text, jsonb, text[], boolean, boolean, text) IS
  'Sends an event to Socket.IO clients when the transaction commits. Arguments: namespace, rooms (NULL: all clients, '
  'an empty array: none), event, arguments of the event as a JSON array.';
