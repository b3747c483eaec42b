package engine

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

var _ transport.Log = (*Bus)(nil)

// eventLog is the log of a bus: its names and its statements.
type eventLog struct {
	pool         Pool
	setup        setup
	names        postgres.LogNames
	owner        string // a role that may also own the tables and functions
	noAutoCreate bool
	err          error  // of the table's name
	settings     string // the statement that applies the settings of the connection that publishes

	append, bounds, checkEpoch, replay, latest, trim, inspect string

	mu       sync.Mutex
	received receivedAt // before the latest session ended
}

func newEventLog(pool Pool, config postgres.Config) *eventLog {
	table := logTableOf(config)
	l := &eventLog{pool: pool, owner: config.TableOwner, noAutoCreate: config.NoAutoCreate, settings: PublishSettings}
	l.setup = setup{pool: pool, table: table, grants: postgres.LogGrants}
	if config.AsyncLog {
		l.settings = asyncPublishSettings
	}
	if l.names, l.err = postgres.LogNamesOf(table); l.err != nil {
		return l
	}
	l.append = "SELECT " + l.names.Table("_append") +
		"($1::text[], $2::integer[], $3::text[], $4::bytea[], $5::text[], $6::text[])"
	l.bounds = "SELECT epoch, trimmed, newest FROM " + l.names.Table("_bounds") + "($1)"
	l.checkEpoch = "SELECT " + l.names.Table("_check")
	l.replay = "SELECT first, n, payloads FROM " + l.names.Table("_replay") + "($1, $2, $3, $4)"
	l.latest = "SELECT first, n, payloads FROM " + l.names.Table("_latest") + "($1, $2, $3, $4)"
	l.trim = "SELECT " + l.names.Table("_trim") +
		"(make_interval(secs => nullif($1::float8, 0)), nullif($2::bigint, 0))"
	l.inspect = "SELECT a, b, c FROM " + l.names.Table("_inspect") + "($1)"
	return l
}

// Append implements transport.Appender.
func (b *Bus) Append(ctx context.Context, records []transport.Record) error {
	if len(records) == 0 {
		return nil
	}
	if b.log.err != nil {
		return notSent(b.log.err)
	}
	return b.publish(ctx, func(sent int) (int, Outcome, error) { return b.sendRecords(records[sent:]) })
}

// sendRecords passes records to the connection in rounds, and sets the positions of those that were kept.
func (b *Bus) sendRecords(records []transport.Record) (accepted int, outcome Outcome, err error) {
	for accepted < len(records) {
		batches := b.batcher.recordRound(records[accepted:], b.log.append)
		committed, outcome, err := b.conn.Notify(batches)
		for i, batch := range batches[:committed] {
			if batch.Append != nil {
				setPositions(records[accepted:accepted+batch.Items], batches[i].Append.Answer)
			}
			accepted += batch.Items
		}
		if err != nil {
			return accepted, outcome, err
		}
	}
	return accepted, StatementRefused, nil
}

// setPositions sets the positions of the kept ones of records, which one statement has appended. answer has the epoch
// and the first offset of each channel, in the order in which the channels appear. Without a valid answer, the
// positions stay unknown.
func setPositions(records []transport.Record, answer string) {
	epoch, rest, _ := strings.Cut(answer, " ")
	next := make(map[string]uint64, 1)
	last, offset := "", uint64(0)
	for i := range records {
		r := &records[i]
		if !r.Keep {
			continue
		}
		if r.Channel != last || offset == 0 {
			if offset != 0 {
				next[last] = offset
			}
			var known bool
			if offset, known = next[r.Channel]; !known {
				var text string
				text, rest, _ = strings.Cut(rest, " ")
				var err error
				if offset, err = strconv.ParseUint(text, 10, 63); err != nil || offset == 0 {
					return
				}
			}
			last = r.Channel
		}
		r.Epoch, r.Offset, r.Previous = epoch, transport.Offset{Major: offset}, transport.Offset{Major: offset - 1}
		offset++
	}
}
