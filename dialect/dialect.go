// Package dialect defines what the nodes of a cluster say to each other: the wire format. A Dialect decides on which
// channels of a bus a node listens, where each message goes, and how it is written and read. The core of the library
// knows messages only as codec.Envelope.
//
// Package dialect/standard is the default: the messages of Node.js's @socket.io/postgres-adapter. Package
// dialect/legacy joins clusters of Socket.IO 2 with socket.io-adapter-postgres, and package dialect/redisclassic those
// with @socket.io/redis-adapter. To write another one, implement
// Dialect, Wire and Route; package conformance tests whether they keep the rules (conformance.Dialect).
//
// # Messages
//
// A dialect need not have a message for everything: Wire.Carries says what it has. It must carry codec.Broadcast in
// every namespace. Operations for which it has no message return a *fault.UnsupportedError and do nothing.
//
// # Nodes
//
// A cluster needs to know how many nodes answer a request. Without further methods, a Wire carries
// codec.InitialHeartbeat, codec.Heartbeat and codec.AdapterClose in every namespace, and the core does the rest. A
// Wire that implements Census or Counted counts nodes in another way, and sends none of these.
//
// # The process's own namespace
//
// Every node sends itself a codec.Heartbeat from time to time, to find out whether its connection still works. It
// belongs to the namespace with the empty name, so every dialect needs a channel for that namespace. No other program
// may listen to this channel or take what it carries for something else.
package dialect

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/transport"
)

// ErrForeign is returned by Wire.Parse, with the envelope, for a message that names another namespace than that of
// its channel. The core reports it and does not deliver it.
var ErrForeign = errors.New("dialect: the message names another namespace than that of its channel")

// Dialect is a wire format. It is safe for concurrent use and can be used by several clusters.
type Dialect interface {
	// Name names the dialect in errors, such as "standard".
	Name() string
	// Open returns the Wire of one cluster or one emitter. It does no I/O. It returns a *fault.ConfigError or a
	// *fault.NameError for options that the dialect cannot work with.
	Open(o Options) (Wire, error)
}

// Options are what a dialect needs to know about its cluster.
type Options struct {
	// Prefix is Config.ChannelPrefix, "socket.io" by default. It separates clusters on one bus.
	Prefix string
	// Codec is Config.Codec, nil if the application has not chosen one.
	Codec codec.Codec
	// Limits are those of the bus.
	Limits transport.Limits
	// MaxMessageBytes is Config.MaxMessageBytes. The core checks the size of what the bus carries; a dialect that joins
	// pieces has to check that of the whole. 0 means any size.
	MaxMessageBytes int
	// Bus is the bus: a transport.Bus, or the part that publishes if it belongs to an emitter. Type assertions show
	// what else it can do. Open must not use it.
	Bus any
	// Signed reports that all messages are signed (Config.Secret). A dialect of other programs has to refuse that.
	Signed bool
}

// Wire writes and reads messages. It is safe for concurrent use, except that one goroutine at a time calls Parse.
//
// A Wire may implement Attacher or Splitter, for messages that are too large for the bus, and Peeker, which makes a
// node's own messages cheap.
type Wire interface {
	// Namespace returns the route of the node that has this uid in a namespace. It returns a *fault.NameError if the
	// dialect or the bus cannot carry the name. The empty name is the process's own namespace.
	Namespace(name, uid string) (Route, error)

	// Carries reports whether the dialect has messages of type t.
	Carries(t codec.Type) bool

	// Append appends the message for the bus to dst and returns the extended slice. The envelope has its NSP and UID.
	// It returns an error that wraps codec.ErrBinary if the message holds bytes that the bus, or messages of this type,
	// cannot carry; broadcasts hold bytes on every bus that carries bytes. It returns codec.ErrNobody if Opts.Nobody is
	// set, a *fault.UnsupportedError if the dialect has no such message, and a *fault.NameError for a name that it
	// cannot carry, though never for a room of a broadcast. It leaves nothing out, and user data keeps its value as in
	// a codec.Codec. The message may have any size. If AttachmentID is set, it is a reference. After an error, the
	// content of dst up to its length is unchanged. Append keeps neither dst nor env.
	//
	// A Nonce that is not 0 makes the bytes of equal messages differ.
	Append(dst []byte, env *codec.Envelope) ([]byte, error)

	// Parse reads a message of a channel. The envelope has its NSP, and may share memory with p, which nobody changes
	// afterwards. UID is empty if the message does not name its sender. Without an error, a nil envelope means that
	// there is nothing to deliver (yet), for example because p is a piece of a larger message.
	//
	// Whatever bytes it gets, Parse never panics, changes nothing in p, and takes time and memory in proportion to p
	// and to what it has kept of earlier pieces, which is bounded. Its errors wrap codec.ErrMalformed, without an
	// envelope, or ErrForeign. It counts what it skips in Envelope.Skipped.
	Parse(channel string, p []byte) (*codec.Envelope, error)
}

// Route says where the messages of one node in one namespace go.
type Route interface {
	// Listen returns the channels that the node listens to, at least one. Several namespaces may share a channel; a
	// message is then delivered to the one that Parse finds. A name made by transport.PrefixName stands for all
	// channels with a prefix, on a bus that can listen to it: Parse then gets this name and not that of the channel.
	Listen() []string
	// Channel returns the channel that a message goes to. A node also receives what it sends itself.
	Channel(env *codec.Envelope) string
}

// RoomRoute is implemented by a Route in which rooms have channels of their own, so that nodes without a socket in a
// room do not get what is sent to it. The node listens to the channel of a room while it has a socket there, and to
// those of Listen all the time. Channel may return the channel of a room for what only the sockets in that room need:
// a broadcast without a RequestID to one room. Nobody hears it if no node has a socket there.
type RoomRoute interface {
	Route
	// RoomChannel returns the channel of a room, the same on all nodes. It is empty if the room has none: messages to
	// it go to a channel of Listen. Different rooms of a namespace have different channels; several namespaces may
	// share one, if messages name their namespace. Any text may be the name of a room.
	RoomChannel(room string) string
}

// Attacher is implemented by a Wire that can leave a message in a store and send a reference to it.
type Attacher interface {
	// AppendBody appends the whole message for the store to dst. It can hold bytes and has any size.
	AppendBody(dst []byte, env *codec.Envelope) ([]byte, error)
	// ParseBody reads what AppendBody has written. See Wire.Parse.
	ParseBody(p []byte) (*codec.Envelope, error)
}

// Splitter is implemented by a Wire that sends a message that is too large for the bus in pieces.
type Splitter interface {
	// Split appends the pieces of env to dst, one after the other, and returns the extended slice and where in it each
	// piece ends. No piece has more than limit bytes. Pieces are sent in order; between them may be other messages.
	Split(dst []byte, env *codec.Envelope, limit int) (p []byte, ends []int, err error)
}

// Keeper is implemented by a Wire whose messages a log can keep (transport.Log).
type Keeper interface {
	// Keeps reports whether the log keeps env: a message that other nodes act on and that wants no answer. The log
	// keeps no others.
	Keeps(env *codec.Envelope) bool
}

// Shared is implemented by a Keeper in whose clusters other programs, too, recover clients: they have the same offsets
// and sessions.
type Shared interface {
	Keeper
	// OffsetText returns what clients know as the offset of an event. No other event of the namespace has the same.
	OffsetText(o transport.Offset) string
	// ParseOffset reads the result of OffsetText. ok is false for any other text.
	ParseOffset(text string) (o transport.Offset, ok bool)
	// AppendSession appends the session of a client that is away. Errors are those of Wire.Append.
	AppendSession(dst []byte, s *Session) ([]byte, error)
	// ParseSession reads what AppendSession, or another program, has written. It never panics. Its errors wrap
	// codec.ErrMalformed.
	ParseSession(p []byte) (*Session, error)
}

// Session is the state of a client.
type Session struct {
	ID    string // of its socket
	PID   string // a secret of the client, by which it finds its session
	Rooms []string
	Data  codec.Value
	// Own is what only this library knows of the session. It is empty if another program has written it.
	Own []byte
}

// Peeker is implemented by a Wire that can tell the sender from the first bytes of a message. See codec.Peeker, whose
// rules apply.
type Peeker interface {
	SentBy(p []byte, uid string) bool
}

// AnswerPeeker is implemented by a Wire that can identify an answer from the first bytes of a message, so that nodes
// need not Parse the answers to each other's requests. See codec.AnswerPeeker, whose rules apply.
type AnswerPeeker interface {
	PeekAnswer(channel string, p []byte) *codec.Envelope
}

// Overlapper is implemented by a Wire in which a message of one namespace may concern others too.
type Overlapper interface {
	// Overlaps returns the other namespaces that get env as well, usually none.
	Overlaps(env *codec.Envelope) []string
}

// Census is implemented by a Wire that knows from somewhere else than messages which nodes there are.
type Census interface {
	// Enter makes this node count in a namespace until Leave. The node listens already. Entering again does nothing.
	Enter(ctx context.Context, nsp string) error
	// Leave ends Enter. It does nothing for a namespace that was not entered.
	Leave(ctx context.Context, nsp string) error
	// Others returns the other nodes of a namespace. It restores what was lost of Enter. It may be called often: before
	// each request, and while one waits.
	Others(ctx context.Context, nsp string) (Nodes, error)
}

// Nodes are the nodes that a census has found. A node has the same name in each census and no two nodes have the same.
// The names need not be the UIDs of messages.
type Nodes struct {
	// Certain are nodes that answer every request in the namespace.
	Certain []string
	// Possible are nodes of the cluster that may not have opened this namespace. The core finds out how many of them
	// answer with a codec.ListSockets request.
	Possible []string
	// Named are those of the nodes whose answers have their names in codec.Envelope.Node.
	Named []string
}

// Counted is implemented by a Wire, in place of Census, whose nodes are those that listen to a channel. The core asks
// the bus, a transport.Counter, how many there are. An answer that names its sender counts for one of them, however
// often it comes. Any other counts for one each time, except that acknowledgements and the numbers of clients that were
// asked for them are added up.
type Counted interface {
	// CountedChannel returns the channel that every node of a namespace listens to, and nobody else.
	CountedChannel(nsp string) string
}

// InvalidText returns why no channel can have s in its name, or an empty text.
func InvalidText(s string) (reason string) {
	switch {
	case !utf8.ValidString(s):
		return "it is not valid UTF-8"
	case strings.IndexByte(s, 0) >= 0:
		return "it holds a NUL character"
	}
	return ""
}
