package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Log is implemented by a Bus that can keep messages. Each channel has a log of its own: the messages that were
// published on it with Record.Keep, in one order for all readers. With a log, the cluster fills the gaps of sessions
// that were broken, and clients can be recovered on any node.
//
// # Promises
//
// A message is kept and delivered, or neither. Append returns once every kept message can be replayed.
//
// The order of the log is the order in which sessions receive the kept messages of a channel, whoever published them.
// Offsets grow in that order. Whoever has received or replayed a message can replay every message before it that is
// not trimmed yet: no message appears later at an earlier offset.
//
// A replayed message has the bytes that were published. Messages without Keep have no offset, take no place in the
// log, and are delivered as by Publish.
//
// # Epochs
//
// Offsets can be compared only within an epoch. A log that has lost messages for another reason than trimming, or was
// created again, begins a new epoch. An epoch is a random text of 4 to 32 letters and digits.
type Log interface {
	Bus
	Appender

	// OpenLog does what Open does. The session returns kept messages with their positions.
	OpenLog(ctx context.Context) (LogSession, error)

	// Bounds returns which part of a channel's log exists now. It does not fail for a channel that was never used.
	Bounds(ctx context.Context, channel string) (Bounds, error)

	// Replay returns the messages of a channel after a position, in order, without omission: at least one if there
	// are any, and no more than limit allows. It returns a *PositionError for a position from which it cannot
	// continue without omission.
	Replay(ctx context.Context, channel string, after Position, limit ReadLimit) ([]Record, error)

	// Latest returns the last messages of a channel before an offset, or the last ones of all if it is zero: in order,
	// at least one if there are any, and no more than limit allows.
	Latest(ctx context.Context, channel string, before Offset, limit ReadLimit) ([]Record, error)
}

// Appender publishes messages and keeps some of them. A transaction of the caller's may be one; then messages are
// published and kept some time after it was committed, in the order in which they were appended.
type Appender interface {
	// Append does what Bus.Publish does for records, in order, and keeps those with Keep set. It sets the Epoch and
	// Offset of the kept ones if it knows them when it returns, and the Previous of those of which it knows that, too.
	// Errors are those of Publish.
	Append(ctx context.Context, records []Record) error
	// Limits returns what Append accepts.
	Limits() Limits
}

// LogSession is a Session that returns positions.
type LogSession interface {
	Session
	// ReceiveRecord is Receive with the position of the message.
	ReceiveRecord(ctx context.Context) (Record, error)
}

// Record is a message and its place in the log.
type Record struct {
	Message
	// Keep asks Append to keep the message. Received and replayed records have it set if the message was kept.
	Keep bool
	// Epoch and Offset are the position of a kept message.
	Epoch  string
	Offset Offset
	// Previous is the offset of the kept message before this one on the same channel, or zero if there was none. A
	// reader that has another one as its latest has missed messages.
	Previous Offset
}

// Position returns the position of a kept message.
func (r *Record) Position() Position { return Position{r.Epoch, r.Offset} }

// Position is a place in the log of a channel. The zero value is none.
type Position struct {
	Epoch  string
	Offset Offset
}

// Offset is the place of a message in the log of its channel, within an epoch. Zero is before all messages. Logs that
// count use Major only. Logs whose servers name messages by a time and a number use both.
type Offset struct{ Major, Minor uint64 }

// Compare returns -1 if o is before p, 1 if it is after p, and 0 if they are equal.
func (o Offset) Compare(p Offset) int {
	return cmp.Or(cmp.Compare(o.Major, p.Major), cmp.Compare(o.Minor, p.Minor))
}

// IsZero reports whether o is before all messages.
func (o Offset) IsZero() bool { return o == Offset{} }

// String returns Major in decimal, and "-" and Minor unless it is 0.
func (o Offset) String() string {
	s := strconv.FormatUint(o.Major, 10)
	if o.Minor != 0 {
		s += "-" + strconv.FormatUint(o.Minor, 10)
	}
	return s
}

// ParseOffset reads the result of Offset.String.
func ParseOffset(s string) (Offset, error) {
	major, minor, two := strings.Cut(s, "-")
	var o Offset
	var err error
	if o.Major, err = strconv.ParseUint(major, 10, 64); err == nil && two {
		o.Minor, err = strconv.ParseUint(minor, 10, 64)
	}
	if err != nil || o.String() != s {
		return Offset{}, fmt.Errorf("transport: %q is not an offset", s)
	}
	return o, nil
}

// Bounds says which part of a channel's log exists.
type Bounds struct {
	Epoch string
	// Trimmed is the offset up to which messages may be gone. Every message after it can be replayed.
	Trimmed Offset
	// Newest is the offset of the latest message. It is Trimmed if no message is left.
	Newest Offset
}

// ReadLimit bounds what a call of Replay or Latest returns. Zero fields are the log's defaults.
type ReadLimit struct {
	Records int
	// Bytes bounds the total size of the payloads. A first message may be larger.
	Bytes int
}

// Reasons why a log cannot be read from a position, for errors.Is.
var (
	// ErrTrimmed means that messages after the position are not kept any more.
	ErrTrimmed = errors.New("messages after this position are not kept any more")
	// ErrEpoch means that the position is of another epoch: the log was created again, or has lost messages.
	ErrEpoch = errors.New("the position is of another epoch of the log")
	// ErrFuture means that the log has no message with this offset yet.
	ErrFuture = errors.New("the log has not reached this position")
)

// PositionError says why a log cannot be read from a position.
type PositionError struct {
	Channel  string
	Position Position
	Bounds   Bounds // of the log when it was read
	Err      error  // ErrTrimmed, ErrEpoch or ErrFuture
}

func (e *PositionError) Error() string {
	return fmt.Sprintf("transport: log of %q after %s of epoch %q: %v: it has what follows %s up to %s in epoch %q",
		e.Channel, e.Position.Offset, e.Position.Epoch, e.Err, e.Bounds.Trimmed, e.Bounds.Newest, e.Bounds.Epoch)
}

// Unwrap returns ErrTrimmed, ErrEpoch or ErrFuture.
func (e *PositionError) Unwrap() error { return e.Err }

// CheckPosition returns a *PositionError if a log with these bounds cannot be read from a position without omission.
func (b Bounds) CheckPosition(channel string, after Position) error {
	e := &PositionError{Channel: channel, Position: after, Bounds: b}
	switch {
	case after.Epoch != b.Epoch:
		e.Err = ErrEpoch
	case after.Offset.Compare(b.Trimmed) < 0:
		e.Err = ErrTrimmed
	case after.Offset.Compare(b.Newest) > 0:
		e.Err = ErrFuture
	default:
		return nil
	}
	return e
}

// Retention says how long messages are kept. The first limit that is exceeded applies. A log may keep more than that,
// because it trims in large steps, but no message for longer than twice MaxAge while the cluster runs.
type Retention struct {
	MaxAge time.Duration
	// MaxBytes is the size of all logs of the bus together.
	MaxBytes int64
}

// LogPreparer is implemented by a Log that has to be set up. The cluster calls it when it starts.
type LogPreparer interface {
	// PrepareLog checks whether the log can be used, and creates what is missing if it may. Its errors say what to do.
	PrepareLog(ctx context.Context) error
}

// LogTrimmer is implemented by a Log that does not trim itself. The nodes of a cluster call it about once a second,
// each at its own time.
type LogTrimmer interface {
	// TrimLog removes messages that need not be kept any more. If another node is doing so, it does nothing. It may
	// fail while somebody uses what it would remove; the next call removes it then.
	TrimLog(ctx context.Context, keep Retention) error
}

// Outbox is implemented by a Log that transactions of the application can append to without taking a lock that others
// wait for. What they append waits in the outbox until a node moves it into the log.
type Outbox interface {
	// MoveOutbox publishes and keeps committed messages of the outbox, in their order, and removes them. It returns how
	// many it has moved, and whether more are waiting. If another node is doing so, it moves none.
	MoveOutbox(ctx context.Context) (moved int, more bool, err error)
}

// LogInfo describes the logs of a bus, for operators.
type LogInfo struct {
	Epoch    string
	Bytes    int64         // the space that all logs take
	Oldest   time.Time     // when the oldest message was kept; zero if there is none
	Waiting  int64         // messages in the outbox
	Channels []ChannelInfo // in the order of their names
}

// ChannelInfo describes the log of a channel.
type ChannelInfo struct {
	Channel string
	Bounds  Bounds
	Records int64
}

// LogInspector is implemented by a Log that can describe itself.
type LogInspector interface {
	// InspectLog describes the logs of the channels whose names begin with prefix.
	InspectLog(ctx context.Context, prefix string) (LogInfo, error)
}
