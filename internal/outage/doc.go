// Package outage holds no code. Its tests run whole clusters, over each of the drivers, through what happens to a
// PostgreSQL in operation: killed connections, restarts, networks that swallow bytes, proxies, replicas, roles that may
// do nothing, and names that look like SQL.
//
// The tests wait for events and compare counts, never the time of day: what has to happen within two heartbeats is
// shown by counting heartbeats.
package outage
