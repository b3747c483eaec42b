package streamsdriver

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/internal/resp"
	"github.com/backplane-go/backplane/internal/streamentry"
	"github.com/backplane-go/backplane/redis/internal/server"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

var _ transport.Log = (*Driver)(nil)

//go:embed scripts/read.lua
var readText string

// What a call of Replay or Latest returns unless the caller sets a lower limit. The server does nothing else while it
// reads that.
const (
	defaultReadRecords = 4096
	maxReadBytes       = 1 << 20
)

// ErrNotEntry means that a message that is no entry of a stream was to be kept.
var ErrNotEntry = errors.New("streamsdriver: only the entries of streams are kept: use the dialect redisstreams")

// Append implements transport.Appender. Entries of streams are kept in any case.
func (d *Driver) Append(ctx context.Context, records []transport.Record) error {
	for i := range records {
		if records[i].Keep && !isEntry(records[i].Channel) {
			return fmt.Errorf("%w: %w", transport.ErrNotSent, ErrNotEntry)
		}
	}
	return d.publish(ctx, records)
}

// OpenLog implements transport.Log.
func (d *Driver) OpenLog(ctx context.Context) (transport.LogSession, error) {
	s, err := d.open(ctx, true)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Bounds implements transport.Log.
func (d *Driver) Bounds(ctx context.Context, channel string) (transport.Bounds, error) {
	return d.boundsOver(ctx, d.reads, channel)
}

func (d *Driver) boundsOver(ctx context.Context, over *broker.Publisher, channel string) (transport.Bounds, error) {
	read, err := d.readLog(ctx, over, channel, "", "", transport.ReadLimit{})
	return read.bounds, err
}

// Replay implements transport.Log. It returns up to 4096 messages and 1 MiB, also if the limit is higher.
func (d *Driver) Replay(
	ctx context.Context, channel string, after transport.Position, limit transport.ReadLimit,
) ([]transport.Record, error) {
	read, err := d.readLog(ctx, d.reads, channel, "after", "("+idOf(after.Offset), limit)
	if err == nil {
		err = read.bounds.CheckPosition(channel, after)
	}
	if err != nil {
		return nil, err
	}
	return read.records(channel, after.Offset), nil
}

// Latest implements transport.Log. It returns up to 4096 messages and 1 MiB, also if the limit is higher.
func (d *Driver) Latest(
	ctx context.Context, channel string, before transport.Offset, limit transport.ReadLimit,
) ([]transport.Record, error) {
	edge := "+"
	if !before.IsZero() {
		edge = "(" + idOf(before)
	}
	read, err := d.readLog(ctx, d.reads, channel, "before", edge, limit)
	if err != nil {
		return nil, err
	}
	slices.Reverse(read.entries)
	for len(read.entries) > 0 { // those of an earlier epoch
		if at, err := parseID(read.entries[0].Item(0).Text()); err == nil && at.Compare(read.bounds.Trimmed) > 0 {
			break
		}
		read.entries = read.entries[1:]
	}
	return read.records(channel, read.bounds.Trimmed), nil
}

// logRead is what a call of the script has read.
type logRead struct {
	bounds  transport.Bounds
	entries []resp.Value
}

// records returns the entries. previous is the offset of what is before them.
func (r *logRead) records(channel string, previous transport.Offset) (records []transport.Record) {
	for _, entry := range r.entries {
		at, err := parseID(entry.Item(0).Text())
		if err != nil {
			continue
		}
		payload, _ := entryOf(entry)
		records = append(records, transport.Record{Message: transport.Message{Channel: channel, Payload: payload},
			Keep: true, Epoch: r.bounds.Epoch, Offset: at, Previous: previous})
		previous = at
	}
	return records
}

// readLog calls the script over a publisher.
func (d *Driver) readLog(
	ctx context.Context, over *broker.Publisher, channel, direction, edge string, limit transport.ReadLimit,
) (read logRead, err error) {
	if err := d.checkClient(); err != nil {
		return read, err
	}
	stream, nsp, ok := streamentry.Parse(channel)
	if !ok {
		return read, fmt.Errorf("%w: %.80q", ErrNotEntry, channel)
	}
	call := readCall(stream, nsp, direction, edge, limit)
	var reply resp.Value
	for again := false; ; again = true {
		err = over.Do(ctx, func(c *broker.Conn) (err error) {
			if d.primary.Stale(c) {
				return server.ErrMoved
			}
			reply, err = ask(c, call)
			d.primary.Lost(err)
			return err
		})
		if again || ctx.Err() != nil || !errors.Is(err, server.ErrDisconnected) && !errors.Is(err, server.ErrMoved) {
			break
		}
	}
	if err != nil {
		return read, err
	}
	read.entries = reply.Item(6).Items
	read.bounds, err = d.boundsOf(channel, reply)
	return read, err
}

func readCall(stream, nsp, direction, edge string, limit transport.ReadLimit) []byte {
	most, room := limit.Records, limit.Bytes
	if most <= 0 || most > defaultReadRecords {
		most = defaultReadRecords
	}
	if room <= 0 || room > maxReadBytes {
		room = maxReadBytes
	}
	return resp.AppendCommand(nil, "EVAL", readText, "2", stream, stream+":log", rand.Text(), nsp, direction, edge,
		strconv.Itoa(most), strconv.Itoa(room))
}

// mark is a position up to which a session has received everything.
type mark struct {
	epoch string
	at    transport.Offset
}

// boundsOf returns the bounds in the reply of the script. Entries of other namespaces push the old ones of a channel
// out of its stream. What a session has received proves that no others are gone.
func (d *Driver) boundsOf(channel string, reply resp.Value) (b transport.Bounds, err error) {
	var ids [4]transport.Offset // since, first, last, newest
	for i, item := range []int{1, 2, 3, 5} {
		if text := reply.Item(item).Text(); text != "" {
			if ids[i], err = parseID(text); err != nil {
				return b, err
			}
		}
	}
	since, first, last, newest := ids[0], ids[1], ids[2], ids[3]
	b = transport.Bounds{Epoch: reply.Item(0).Text(), Trimmed: since}
	gone := since
	switch {
	case first.IsZero():
		gone = last
	case reply.Item(4).Text() != "0":
		gone = before(first)
	}
	if gone.Compare(since) > 0 {
		b.Trimmed = gone
	}
	d.mu.Lock()
	stream, _, _ := streamentry.Parse(channel)
	seen, got := d.seen[stream], d.marks[channel]
	d.mu.Unlock()
	if seen.epoch == b.Epoch && got.epoch == b.Epoch && b.Trimmed.Compare(seen.at) <= 0 &&
		got.at.Compare(b.Trimmed) < 0 {
		b.Trimmed = got.at
	}
	if b.Newest = newest; newest.Compare(b.Trimmed) < 0 {
		b.Newest = b.Trimmed
	}
	return b, nil
}

// before returns the largest id below one that is not zero.
func before(id transport.Offset) transport.Offset {
	if id.Minor > 0 {
		return transport.Offset{Major: id.Major, Minor: id.Minor - 1}
	}
	return transport.Offset{Major: id.Major - 1, Minor: math.MaxUint64}
}

// idOf returns the id of an entry.
func idOf(o transport.Offset) string {
	return strconv.FormatUint(o.Major, 10) + "-" + strconv.FormatUint(o.Minor, 10)
}

func parseID(id string) (o transport.Offset, err error) {
	ms, seq, _ := strings.Cut(id, "-")
	if o.Major, err = strconv.ParseUint(ms, 10, 64); err == nil {
		o.Minor, err = strconv.ParseUint(seq, 10, 64)
	}
	if err != nil {
		return o, fmt.Errorf("streamsdriver: %.40q is no id of an entry", id)
	}
	return o, nil
}

// sees notes that a session has received everything of a stream up to an entry, which is one of a channel.
func (d *Driver) sees(stream, channel string, at mark) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen[stream] = at
	if _, marked := d.marks[channel]; marked {
		d.marks[channel] = at
	}
}

// lastID returns the id of the last entry of a stream, or zero.
func (d *Driver) lastID(ctx context.Context, over *broker.Publisher, stream string) (at transport.Offset, err error) {
	last, err := d.query(ctx, over, resp.AppendCommand(nil, "XREVRANGE", stream, "+", "-", "COUNT", "1"), 1)
	if err == nil && len(last.Items) > 0 {
		at, err = parseID(last.Item(0).Item(0).Text())
	}
	return at, err
}

// epochOf returns the epoch of a stream, as far as a session knows it.
func (d *Driver) epochOf(stream string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen[stream].epoch
}
