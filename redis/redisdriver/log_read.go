package redisdriver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-go/backplane/internal/resp"
	"github.com/backplane-go/backplane/transport"
)

// What a call of Replay or Latest returns unless the caller sets a lower limit. The server does nothing else while it
// reads that.
const (
	defaultReadRecords = 4096
	maxReadBytes       = 1 << 20
)

// maxOffset is larger than all offsets, and exact in Lua.
const maxOffset = 1 << 53

// Bounds implements transport.Log.
func (d *Driver) Bounds(ctx context.Context, channel string) (transport.Bounds, error) {
	read, err := d.read(ctx, channel, transport.Position{}, "", transport.ReadLimit{})
	return read.bounds, err
}

// Replay implements transport.Log. It returns up to 4096 messages and 1 MiB, also if the limit is higher.
func (d *Driver) Replay(
	ctx context.Context, channel string, after transport.Position, limit transport.ReadLimit,
) ([]transport.Record, error) {
	read, err := d.read(ctx, channel, after, "after", limit)
	if err != nil {
		return nil, err
	}
	if err := read.bounds.CheckPosition(channel, after); err != nil {
		return nil, err
	}
	var records []transport.Record
	next := after.Offset.Major + 1
	for _, entry := range read.entries {
		if entry.first > next { // somebody has removed messages
			if len(records) > 0 {
				return records, nil
			}
			return nil, read.gone(channel, after, entry.first-1)
		}
		for i := next - entry.first; i < uint64(len(entry.payloads)); i++ {
			if !read.take(len(records), len(entry.payloads[i])) {
				return records, nil
			}
			records = append(records, read.record(channel, entry.payloads[i], next))
			next++
		}
	}
	if len(records) == 0 && read.bounds.Newest.Major >= next {
		return nil, read.gone(channel, after, read.bounds.Newest.Major)
	}
	return records, nil
}

// Latest implements transport.Log. It returns up to 4096 messages and 1 MiB, also if the limit is higher.
func (d *Driver) Latest(
	ctx context.Context, channel string, before transport.Offset, limit transport.ReadLimit,
) ([]transport.Record, error) {
	end := min(before.Major, maxOffset)
	if before.Minor > 0 { // a place between two messages
		end++
	}
	read, err := d.read(ctx, channel, transport.Position{Offset: transport.Offset{Major: end}}, "before", limit)
	if err != nil {
		return nil, err
	}
	if end == 0 {
		end = maxOffset
	}
	var records []transport.Record
	for _, entry := range read.entries {
		after := entry.first + uint64(len(entry.payloads))
		if len(records) > 0 && after < end {
			break // somebody has removed messages
		}
		for end = min(end, after); end > entry.first; end-- {
			payload := entry.payloads[end-1-entry.first]
			if !read.take(len(records), len(payload)) {
				slices.Reverse(records)
				return records, nil
			}
			records = append(records, read.record(channel, payload, end-1))
		}
	}
	slices.Reverse(records)
	return records, nil
}

// logRead is what a call of the script has read.
type logRead struct {
	bounds         transport.Bounds
	entries        []logEntry
	records, bytes int // that may still be returned
}

// logEntry is an entry of a stream: messages that follow each other.
type logEntry struct {
	first    uint64
	payloads [][]byte
}

// take reports whether one more record may be returned, given the number of those before it.
func (r *logRead) take(before, size int) bool {
	r.records--
	r.bytes -= size
	return before == 0 || r.records >= 0 && r.bytes >= 0
}

func (r *logRead) record(channel string, payload []byte, offset uint64) transport.Record {
	record := transport.Record{Message: transport.Message{Channel: channel, Payload: payload}}
	setPosition(&record, r.bounds.Epoch, offset)
	return record
}

// gone is the error of a log from which messages up to trimmed are missing, although its bounds do not say so.
func (r *logRead) gone(channel string, after transport.Position, trimmed uint64) error {
	bounds := r.bounds
	bounds.Trimmed = transport.Offset{Major: trimmed}
	return &transport.PositionError{Channel: channel, Position: after, Bounds: bounds, Err: transport.ErrTrimmed}
}

// read calls the script that reads.
func (d *Driver) read(
	ctx context.Context, channel string, from transport.Position, direction string, limit transport.ReadLimit,
) (*logRead, error) {
	r := &logRead{records: limit.Records, bytes: min(limit.Bytes, maxReadBytes)}
	if r.records <= 0 || r.records > defaultReadRecords {
		r.records = defaultReadRecords
	}
	if r.bytes <= 0 {
		r.bytes = maxReadBytes
	}
	reply, err := d.query(ctx, d.readCall(channel, from, direction, r.records, r.bytes))
	if err != nil {
		return r, err
	}
	r.bounds, err = parseBounds(reply.Item(0), reply.Item(1), reply.Item(2))
	for _, item := range reply.Item(3).Items {
		entry, malformed := parseEntry(item)
		err = errors.Join(err, malformed)
		r.entries = append(r.entries, entry)
	}
	return r, err
}

func (d *Driver) readCall(channel string, from transport.Position, direction string, records, bytes int) *call {
	return &call{script: readScript, keys: []string{d.metaKey(), d.liveKey(), d.streamKey(channel)},
		args: []string{rand.Text(), channel, from.Epoch, strconv.FormatUint(min(from.Offset.Major, maxOffset), 10),
			direction, strconv.Itoa(records), strconv.Itoa(bytes)}}
}

var errMalformed = errors.New("redisdriver: the keys of the log are not those of this driver")

func parseBounds(epoch, newest, trimmed resp.Value) (transport.Bounds, error) {
	last, err := strconv.ParseUint(newest.Text(), 10, 63)
	gone, err2 := strconv.ParseUint(trimmed.Text(), 10, 63)
	if err != nil || err2 != nil || gone > last {
		return transport.Bounds{}, errMalformed
	}
	return transport.Bounds{Epoch: epoch.Text(), Newest: transport.Offset{Major: last},
		Trimmed: transport.Offset{Major: gone}}, nil
}

// parseEntry reads an entry: its id, the offset of its last message and their number, and its fields and values in
// turn, the payloads from the third on.
func parseEntry(item resp.Value) (logEntry, error) {
	last, count, _ := strings.Cut(item.Item(0).Text(), "-")
	offset, err := strconv.ParseUint(last, 10, 63)
	n, err2 := strconv.ParseUint(count, 10, 31)
	fields := item.Item(1).Items
	if err != nil || err2 != nil || n == 0 || n > offset || uint64(len(fields)) != 2*n+4 {
		return logEntry{}, fmt.Errorf("%w: the entry %q", errMalformed, item.Item(0).Text())
	}
	entry := logEntry{first: offset - n + 1, payloads: make([][]byte, 0, n)}
	for i := 5; i < len(fields); i += 2 {
		entry.payloads = append(entry.payloads, fields[i].Bytes)
	}
	return entry, nil
}

// TrimLog implements transport.LogTrimmer, for the oldest messages of up to 100 channels a call. The size is that of
// the payloads and an eighth more, 16 bytes for each message and 96 bytes for those of a channel in a script, which is
// about what they take. It writes nothing if there is nothing to remove.
func (d *Driver) TrimLog(ctx context.Context, keep transport.Retention) error {
	age := keep.MaxAge.Milliseconds()
	if keep.MaxAge > 0 {
		age = max(age, 1)
	}
	_, err := d.query(ctx, &call{script: trimScript, keys: []string{d.metaKey(), d.liveKey()},
		args: []string{rand.Text(), strconv.FormatInt(age, 10), strconv.FormatInt(keep.MaxBytes, 10)}})
	return err
}

// InspectLog implements transport.LogInspector. LogInfo.Bytes is what MEMORY USAGE says of the streams. It needs the
// commands HGETALL and MEMORY besides those of a node.
func (d *Driver) InspectLog(ctx context.Context, prefix string) (info transport.LogInfo, err error) {
	reply, err := d.query(ctx, &call{script: inspectScript, keys: []string{d.metaKey(), d.liveKey()},
		args: []string{rand.Text(), prefix}})
	if err != nil {
		return info, err
	}
	info.Epoch = reply.Item(0).Text()
	memory, err := strconv.ParseInt(reply.Item(1).Text(), 10, 64)
	oldest, err2 := strconv.ParseInt(reply.Item(2).Text(), 10, 64)
	if err = errors.Join(err, err2); err != nil {
		return info, err
	}
	if info.Bytes = memory; oldest > 0 {
		info.Oldest = time.UnixMilli(oldest)
	}
	for _, item := range reply.Items[3:] {
		bounds, err := parseBounds(reply.Item(0), item.Item(1), item.Item(2))
		if err != nil {
			return info, err
		}
		info.Channels = append(info.Channels, transport.ChannelInfo{Channel: item.Item(0).Text(), Bounds: bounds,
			Records: int64(bounds.Newest.Major - bounds.Trimmed.Major)})
	}
	slices.SortFunc(info.Channels, func(a, b transport.ChannelInfo) int {
		return strings.Compare(a.Channel, b.Channel)
	})
	return info, nil
}
