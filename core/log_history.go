package core

import (
	"context"
	"iter"
	"slices"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/transport"
)

// Event is an event that the log of a namespace has kept.
type Event struct {
	Position Position
	Args     codec.Args
	// Rooms and Except are the rooms that it was sent to. Without Rooms it was sent to all sockets.
	Rooms, Except []string
}

// LogEntry is a message that the log of a namespace has kept: an event to clients, or a change of their rooms.
type LogEntry struct {
	Position Position
	// Type is codec.Broadcast, SocketsJoin, SocketsLeave, DisconnectSockets or ServerSideEmit.
	Type   codec.Type
	Packet *Packet  // the event of a Broadcast, with its Position
	To     Selector // the sockets that it is for
	Rooms  []string // to join or to leave
	Close  bool     // of a DisconnectSockets: it closes their connections too
}

const defaultHistory = 100

// Head returns the position of the latest message in the log of the namespace. It returns ErrNotLogged if the
// namespace has no log.
func (ns *Namespace) Head(ctx context.Context) (Position, error) {
	if ns.log == nil {
		return Position{}, ErrNotLogged
	}
	bounds, err := ns.log.bounds(ctx)
	if err != nil {
		return Position{}, &OpError{Op: "read the log", Channel: ns.channel, Err: err}
	}
	return ns.position(transport.Position{Epoch: bounds.Epoch, Offset: bounds.Newest}), nil
}

// Keeps reports whether the log of the namespace has the message at a position, which is not trimmed yet. It returns
// ErrNotLogged if the namespace has no log.
func (ns *Namespace) Keeps(ctx context.Context, at Position) (bool, error) {
	if ns.log == nil {
		return false, ErrNotLogged
	}
	bounds, err := ns.log.bounds(ctx)
	if err != nil || at.Namespace != ns.hash || at.Epoch != bounds.Epoch || at.Offset.Compare(bounds.Trimmed) <= 0 {
		return false, ns.readError(at, err)
	}
	next := transport.Offset{Major: at.Offset.Major, Minor: at.Offset.Minor + 1}
	var records []transport.Record
	err = callRarely(func() (err error) {
		records, err = ns.log.bus.Latest(ctx, ns.channel, next, transport.ReadLimit{Records: 1})
		return err
	})
	if err != nil {
		return false, ns.readError(at, err)
	}
	return len(records) == 1 && ns.position(records[0].Position()) == at, nil
}

// History returns events that the log of the namespace has kept, in order, whoever sent them: those that were sent to
// at least one of the target's rooms and to none of its excepted ones. Without rooms they are those of the whole
// namespace. Events that were sent to all sockets are not in the history of a room.
//
// If since is the zero Position, these are the latest ones, at most limit. Otherwise they are the first ones after
// since, at most limit. A limit of 0 means 100. To read on, pass the Position of the last one.
//
// Errors are ErrNotLogged, and a *PositionError for a position of another namespace, of another epoch or in the
// future, and for one after which events are not kept any more.
func (t Target) History(ctx context.Context, since Position, limit int) ([]Event, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	switch {
	case limit < 0:
		return nil, &ConfigError{Reason: "the limit of History is negative"}
	case limit == 0:
		limit = defaultHistory
	}
	if t.nobody {
		return nil, nil
	}
	if since.IsZero() {
		return t.latest(ctx, limit)
	}
	var events []Event
	for e, err := range t.ns.ReadLog(ctx, since) {
		if err != nil {
			return events, err
		}
		if t.hasEvent(e) {
			if events = append(events, e.event()); len(events) == limit {
				break
			}
		}
	}
	return events, nil
}

// latest returns the latest events of the target.
func (t Target) latest(ctx context.Context, limit int) ([]Event, error) {
	if t.ns.log == nil {
		return nil, ErrNotLogged
	}
	var events []Event // the latest first
	for before := (transport.Offset{}); ; {
		var records []transport.Record
		err := callRarely(func() (err error) {
			records, err = t.ns.log.bus.Latest(ctx, t.ns.channel, before, readLimit)
			return err
		})
		if err != nil {
			return nil, &OpError{Op: "read the log", Channel: t.ns.channel, Err: err}
		}
		if len(records) == 0 {
			break
		}
		entries := t.ns.entries(ctx, records)
		for _, e := range slices.Backward(entries) {
			if t.hasEvent(e) {
				if events = append(events, e.event()); len(events) == limit {
					break
				}
			}
		}
		before = records[0].Offset
		if len(events) == limit {
			break
		}
	}
	slices.Reverse(events)
	return events, nil
}

// hasEvent reports whether an entry is in the history of the target.
func (t Target) hasEvent(e *LogEntry) bool {
	if e.Type != codec.Broadcast {
		return false
	}
	in := func(rooms []string) bool {
		return slices.ContainsFunc(e.To.Rooms, func(room string) bool { return slices.Contains(rooms, room) })
	}
	return (len(t.rooms) == 0 || in(t.rooms)) && !in(t.except)
}

func (e *LogEntry) event() Event {
	return Event{Position: e.Position, Args: e.Packet.Args, Rooms: e.To.Rooms, Except: e.To.Except}
}

// ReadLog returns what the log of the namespace has kept after a position, in order, up to the message that is the
// latest when it begins. Its errors are those of History. After an error it ends. Messages that cannot be decoded are
// left out and reported.
func (ns *Namespace) ReadLog(ctx context.Context, after Position) iter.Seq2[*LogEntry, error] {
	return func(yield func(*LogEntry, error) bool) {
		if err := ns.readLog(ctx, after, func(e *LogEntry) bool { return yield(e, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

func (ns *Namespace) readLog(ctx context.Context, after Position, yield func(*LogEntry) bool) error {
	switch {
	case ns.log == nil:
		return ErrNotLogged
	case after.Namespace != ns.hash:
		return &PositionError{Namespace: ns.name, Position: after, Reason: ErrPositionNamespace}
	}
	at := transport.Position{Epoch: after.Epoch, Offset: after.Offset}
	bounds, err := ns.log.bounds(ctx)
	if err == nil {
		err = bounds.CheckPosition(ns.channel, at)
	}
	for err == nil && at.Offset.Compare(bounds.Newest) < 0 {
		var records []transport.Record
		err = callRarely(func() (err error) {
			records, err = ns.log.bus.Replay(ctx, ns.channel, at, readLimit)
			return err
		})
		if err != nil || len(records) == 0 {
			break
		}
		for _, e := range ns.entries(ctx, records) {
			if e.Position.Offset.Compare(bounds.Newest) > 0 || !yield(e) {
				return nil
			}
		}
		at = records[len(records)-1].Position()
	}
	return ns.readError(after, err)
}

// readError returns the error for a caller that reads the log after a position.
func (ns *Namespace) readError(after Position, err error) error {
	if err == nil {
		return nil
	}
	if reason := positionReason(err); reason != err {
		return &PositionError{Namespace: ns.name, Position: after, Reason: reason}
	}
	return &OpError{Op: "read the log", Channel: ns.channel, Err: err}
}

// entries decodes records, and reads their attachments.
func (ns *Namespace) entries(ctx context.Context, records []transport.Record) []*LogEntry {
	all := make([]*LogEntry, 0, len(records))
	var missing []*attachment
	var waiting []*LogEntry // for the attachment with the same index
	for i := range records {
		r := &records[i]
		env, ok := ns.decode(r.Message)
		if !ok {
			continue
		}
		e := &LogEntry{Position: ns.position(r.Position())}
		all = append(all, e)
		if env.AttachmentID != "" {
			missing, waiting = append(missing, &attachment{ref: env, err: ErrExited}), append(waiting, e)
			continue
		}
		e.fill(env)
	}
	reader := ns.queues.messages.reader
	for start := 0; start < len(missing); start += attachmentsPerTrip {
		part := missing[start:min(start+attachmentsPerTrip, len(missing))]
		reader.read(ctx, part, ns.cluster.config.MaxMessageBytes)
		for i, a := range part {
			if a.err != nil {
				ns.dropped(a.ref, attachmentReason(a.err), a.err)
				continue
			}
			waiting[start+i].fill(a.env)
		}
	}
	return slices.DeleteFunc(all, func(e *LogEntry) bool { return e.Type == 0 })
}

// fill sets what a message says.
func (e *LogEntry) fill(env *codec.Envelope) {
	if env.Opts.Nobody {
		return
	}
	e.Type, e.To, e.Rooms, e.Close = env.Type, selectorOf(env), env.Rooms, env.Close
	if env.Type == codec.Broadcast || env.Type == codec.ServerSideEmit {
		e.Packet = packetOf(env)
		e.Packet.Position = e.Position
	}
}
