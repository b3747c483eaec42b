GRANT USAGE ON SCHEMA @schema@ TO @role@;
GRANT EXECUTE ON FUNCTION @schema@.backplane_emit(text, text[], text, jsonb, text[], boolean, boolean, text) TO @role@;
GRANT EXECUTE ON FUNCTION @schema@.backplane_msgpack(jsonb) TO @role@;
GRANT SELECT (id), INSERT (payload) ON @table@ TO @role@;
GRANT USAGE ON SEQUENCE @sequence@ TO @role@;
