DROP FUNCTION IF EXISTS @schema@.backplane_emit(text, text[], text, jsonb, text[], boolean, boolean, text);
DROP FUNCTION IF EXISTS @schema@.backplane_msgpack(jsonb);
DROP FUNCTION IF EXISTS @schema@.backplane_functions_version();
