package backplane

import (
	"context"
	"iter"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/storage"
)

// LogConfig configures Config.Log. The zero value keeps the messages of all namespaces for 2 minutes. Its fields:
//
//	Namespaces []string      // whose messages are kept, the same in all nodes; nil: all
//	Order      Order         // in which order a node's own clients get its messages; default: OrderCluster
//	MaxAge     time.Duration // how long messages are kept; default: 2 min
//	MaxBytes   int64         // the space for the messages of all namespaces together; default: 1 GiB
type LogConfig = core.LogConfig

// Order is the order in which clients get the messages of a namespace that is logged.
type Order = core.Order

const (
	// OrderCluster is the order of the log, for all clients on all nodes. A node's own clients get its messages when
	// they come back from the bus, after a round trip. If a message is known not to be kept, they get it at once, and
	// the caller gets the error. If that is unknown (ErrUnconfirmed), all clients get it or none. Recovery of clients
	// on other nodes needs this order.
	OrderCluster = core.OrderCluster
	// OrderLocalFirst gives a node's own clients its messages at once, as without a log. Clients of different nodes may
	// get messages in different orders.
	OrderLocalFirst = core.OrderLocalFirst
)

// Position is a place in the log of a namespace. Positions can be compared with ==, stored, and passed on as text
// (String and ParsePosition, or encoding/json). The zero value is no position. Its fields:
//
//	Epoch     string           // of the log; offsets of different epochs cannot be compared
//	Namespace uint32           // a hash of the namespace's name
//	Offset    transport.Offset // grows with each message
type Position = core.Position

// ParsePosition reads the text form of a Position. Its error wraps ErrMalformedPosition.
func ParsePosition(s string) (Position, error) { return core.ParsePosition(s) }

// Event is an event that a log has kept. Its fields:
//
//	Position Position
//	Args     Args
//	Rooms    []string // the rooms it was sent to; none: all sockets
//	Except   []string // the rooms whose sockets it was not sent to
type Event = core.Event

// LogEntry is a message that a log has kept. Its fields:
//
//	Position Position
//	Type     codec.Type // Broadcast, SocketsJoin, SocketsLeave, DisconnectSockets or ServerSideEmit
//	Packet   *Packet    // the event of a Broadcast or a ServerSideEmit
//	To       Selector   // the sockets that it is for
//	Rooms    []string   // to join or to leave
//	Close    bool       // of a DisconnectSockets: it closes the connections too
type LogEntry = core.LogEntry

// LogGap is received by Config.ErrorHandler, and is in GapError.Unfilled, when this node's clients have missed messages
// that the log does not have any more. Its fields:
//
//	Namespace string
//	From      Position // of the last message before the gap
//	To        Position // messages after it arrive
//	Err       error    // ErrPositionTrimmed, ErrPositionEpoch, ErrPositionFuture, or why the log could not be read
type LogGap = core.LogGap

// LogMismatchError is received by Config.ErrorHandler, once for each peer, when only one of two nodes has a log for a
// namespace. It is also received once for all emitters that send without a log. Its fields:
//
//	Namespace string
//	UID       string // of the peer; codec.EmitterUID for emitters
//	Logged    bool   // the peer has a log, and this node has none
type LogMismatchError = core.LogMismatchError

// PositionError is returned when the log cannot be read from a position. Its fields:
//
//	Namespace string
//	Position  Position
//	Reason    error // ErrPositionTrimmed, ErrPositionEpoch, ErrPositionFuture or ErrPositionNamespace
type PositionError = core.PositionError

// ReplayInfo describes how a node got what it had missed. Its fields:
//
//	Namespace string
//	Messages  int           // how many were read from the log
//	Missing   bool          // some are not in the log any more
//	Took      time.Duration
type ReplayInfo = core.ReplayInfo

// Errors of logs, for errors.Is.
var (
	// ErrNotLogged is returned by methods that read the log of a namespace that has none.
	ErrNotLogged = core.ErrNotLogged
	// ErrMalformedPosition is wrapped by the errors of ParsePosition.
	ErrMalformedPosition = core.ErrMalformedPosition
	// ErrPositionTrimmed is in the PositionError of a position after which messages are not kept any more.
	ErrPositionTrimmed = core.ErrPositionTrimmed
	// ErrPositionEpoch is in the PositionError of a position of a log that was replaced by another one.
	ErrPositionEpoch = core.ErrPositionEpoch
	// ErrPositionFuture is in the PositionError of a position that the log has not reached.
	ErrPositionFuture = core.ErrPositionFuture
	// ErrPositionNamespace is in the PositionError of a position of another namespace.
	ErrPositionNamespace = core.ErrPositionNamespace
)

// LogSockets is a LocalSockets that uses the log of its namespace.
type LogSockets interface {
	LocalSockets
	// LogContinues is called in the order of the messages: before the first one that the log keeps, and when the log
	// has lost some. Every message after a position is passed on from now on. If complete is false, messages before it
	// are missing: clients that are connected have missed them.
	LogContinues(after Position, complete bool)
	// Kept is called, in the order of the messages, for each message of the log whose place LocalSockets does not learn
	// otherwise: before Join, Leave and Disconnect are called for it, and for an event that was passed on before.
	Kept(e *LogEntry)
	// SessionTaken is called when another node has taken over the client of a socket: see Namespace.TakenSession.
	SessionTaken(id string)
}

// History returns events of the target's rooms that the log has kept, in order, whoever sent them. An event counts if
// it was sent to at least one of the rooms and to none of the target's excepted ones; for a Namespace, every event
// counts. Events that were sent to all sockets are not in the history of a room.
//
// If since is the zero Position, History returns the latest events, at most limit. Otherwise it returns the first ones
// after since, at most limit. A limit of 0 means 100. To read on, pass the Position of the last event.
//
// Its errors are ErrNotLogged, a *PositionError for a position from which the log cannot be read without omission, and
// an *OpError.
func (t Target) History(ctx context.Context, since Position, limit int) ([]Event, error) {
	return t.core.History(ctx, since, limit)
}

// LogOrder reports whether the messages of the namespace are kept (Config.Log), and in which order clients get them.
func (ns *Namespace) LogOrder() (order Order, logged bool) { return ns.core.LogOrder() }

// Head returns the position of the latest message that the log of the namespace has kept, for a History that begins
// now. It returns ErrNotLogged if there is no log.
func (ns *Namespace) Head(ctx context.Context) (Position, error) { return ns.core.Head(ctx) }

// Keeps reports whether the log of the namespace still has the message at a position. Errors are those of Head.
func (ns *Namespace) Keeps(ctx context.Context, at Position) (bool, error) {
	return ns.core.Keeps(ctx, at)
}

// ReadLog returns everything that the log has kept after a position, in order: events, changes of rooms, and
// disconnections. It ends with the message that was the latest when it began, or with an error: those of
// Target.History.
func (ns *Namespace) ReadLog(ctx context.Context, after Position) iter.Seq2[*LogEntry, error] {
	return ns.core.ReadLog(ctx, after)
}

// PeerPositions returns the positions of the latest messages that other nodes with a log have passed on, by their uids,
// as far as they have told. They tell it when a node joins the namespace.
func (ns *Namespace) PeerPositions() map[string]Position { return ns.core.PeerPositions() }

// TakenSession tells the node with the uid owner that this node has taken over the client of its socket id. There,
// LogSockets.SessionTaken is called. It does not wait for that. Its errors are those of EmitAsync.
func (ns *Namespace) TakenSession(owner, id string) error { return ns.core.TakenSession(owner, id) }

// Sessions returns the store of clients' sessions that the bus or the store of the cluster is, or nil if neither is.
func (c *Cluster) Sessions() storage.Sessions { return c.core.Sessions() }

// AwaySessions returns the store of sessions that the bus shares with other programs, and their form, if the cluster
// has a log in a dialect of such programs. Otherwise both are nil. Servers that recover clients use it in place of
// Sessions.
func (c *Cluster) AwaySessions() (storage.AwaySessions, dialect.Shared) { return c.core.AwaySessions() }
