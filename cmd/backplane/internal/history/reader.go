// Package history implements the history command. It reads the log of a cluster without being a node.
package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/listen"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
)

// pageSize is how many messages are read from the log at once.
const pageSize = 1000

// reader reads the events that are kept in a namespace.
type reader struct {
	log     transport.Log
	decoder *listen.Decoder
	timeout time.Duration // bounds each query
	nsp     string
	channel string
	rooms   []string // only events for one of these; empty: all
}

// entry is a kept event.
type entry struct {
	position backplane.Position
	line     listen.Line
}

// last returns the last events, at most limit, in order.
func (r *reader) last(ctx context.Context, limit int) ([]entry, error) {
	var found []entry // in reverse order
	for before := (transport.Offset{}); len(found) < limit; {
		records, err := r.page(ctx, func(ctx context.Context) ([]transport.Record, error) {
			return r.log.Latest(ctx, r.channel, before, r.limit(limit))
		})
		if err != nil || len(records) == 0 {
			return inOrder(found), err
		}
		before = records[0].Offset
		entries, err := r.events(ctx, records)
		if err != nil {
			return nil, err
		}
		slices.Reverse(entries)
		found = append(found, entries[:min(len(entries), limit-len(found))]...)
	}
	return inOrder(found), nil
}

func inOrder(found []entry) []entry {
	slices.Reverse(found)
	return found
}

// since returns the first events after a position, at most limit, in order.
func (r *reader) since(ctx context.Context, after transport.Position, limit int) ([]entry, error) {
	var found []entry
	for len(found) < limit {
		records, err := r.page(ctx, func(ctx context.Context) ([]transport.Record, error) {
			return r.log.Replay(ctx, r.channel, after, r.limit(limit))
		})
		if err != nil || len(records) == 0 {
			return found, err
		}
		after = records[len(records)-1].Position()
		entries, err := r.events(ctx, records)
		if err != nil {
			return found, err
		}
		found = append(found, entries[:min(len(entries), limit-len(found))]...)
	}
	return found, nil
}

// limit returns how much to read at once if limit events are wanted.
func (r *reader) limit(limit int) transport.ReadLimit {
	if len(r.rooms) > 0 {
		limit = pageSize // most of what is read may be for other rooms
	}
	return transport.ReadLimit{Records: min(limit, pageSize)}
}

// page calls read with a context that ends after the timeout.
func (r *reader) page(
	ctx context.Context, read func(context.Context) ([]transport.Record, error),
) ([]transport.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	records, err := read(ctx)
	var position *transport.PositionError
	if errors.As(err, &position) {
		return nil, r.explain(position)
	}
	return records, err
}

// explain returns an error for a position from which the log cannot be read.
func (r *reader) explain(e *transport.PositionError) error {
	first := core.NewPosition(r.nsp, transport.Position{Epoch: e.Bounds.Epoch, Offset: e.Bounds.Trimmed})
	newest := core.NewPosition(r.nsp, transport.Position{Epoch: e.Bounds.Epoch, Offset: e.Bounds.Newest})
	return fmt.Errorf("--since %s: %w: the log of %s has what follows %s, up to %s",
		core.NewPosition(r.nsp, e.Position), e.Err, r.nsp, first, newest)
}

// events returns the events among records that are for the wanted rooms.
func (r *reader) events(ctx context.Context, records []transport.Record) ([]entry, error) {
	found := make([]entry, 0, len(records))
	for _, record := range records {
		parsed, complete := r.decoder.Parse(record.Message)
		if !complete {
			continue
		}
		line := r.decoder.Line(ctx, parsed, time.Time{})
		if line.Error == "" && (line.Type != codec.Broadcast || !r.wanted(line)) {
			continue
		}
		found = append(found, entry{core.NewPosition(r.nsp, record.Position()), line})
	}
	return found, ctx.Err()
}

// wanted reports whether an event is for one of the rooms.
func (r *reader) wanted(line listen.Line) bool {
	return len(r.rooms) == 0 || line.To != nil && slices.ContainsFunc(*line.To, func(room string) bool {
		return slices.Contains(r.rooms, room)
	})
}

// parsePosition parses the value of --since, which must be a position of the namespace.
func parsePosition(text, nsp string) (transport.Position, error) {
	p, err := backplane.ParsePosition(text)
	if err != nil {
		reason := strings.TrimPrefix(err.Error(), "backplane: ")
		return transport.Position{}, &cli.UsageError{Reason: "--since: " + reason}
	}
	bare := transport.Position{Epoch: p.Epoch, Offset: p.Offset}
	if p != core.NewPosition(nsp, bare) {
		return transport.Position{}, &cli.UsageError{
			Reason: fmt.Sprintf("--since: %s is not a position of the namespace %s", p, nsp),
		}
	}
	return bare, nil
}
