-- Returns the owners of sessions whose clients are not away.
return redis.call('SMEMBERS', owners)
