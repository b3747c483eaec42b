// Package outage contains only tests. They run whole clusters, over each driver, through what happens to
// PostgreSQL in operation: terminated connections, restarts, networks that drop packets, poolers, replicas,
// roles without privileges, and names that look like SQL.
//
// The tests wait for events and compare counts, not times: what must happen within two heartbeats is shown by
// counting heartbeats.
package outage
