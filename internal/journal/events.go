package journal

import "log/slog"

// The bursts of limited events.
const (
	rare = 1   // what may happen thousands of times in a second
	some = 100 // what a cluster of that size does when it starts
)

// The events of a cluster.
var (
	ClusterStarted = Event{slog.LevelInfo, "backplane: cluster started", []string{"dialect", "prefix", "log"}, 0}
	ClusterClosed  = Event{slog.LevelInfo, "backplane: cluster closed", nil, 0}

	NamespaceOpened = Event{slog.LevelDebug, "backplane: namespace opened", []string{"nsp", "uid"}, 0}
	NamespaceClosed = Event{slog.LevelDebug, "backplane: namespace closed", []string{"nsp", "uid"}, 0}

	PeerJoined  = Event{slog.LevelInfo, "backplane: peer joined", []string{"nsp", "uid"}, some}
	PeerLeft    = Event{slog.LevelInfo, "backplane: peer left", []string{"nsp", "uid"}, some}
	PeerExpired = Event{slog.LevelInfo, "backplane: peer expired", []string{"nsp", "uid"}, some}
	PeerSilent  = Event{slog.LevelInfo, "backplane: peer silent", []string{"nsp", "uid"}, some}
	PeerSuspect = Event{slog.LevelWarn, "backplane: peer suspect", []string{"nsp", "uid"}, some}

	SessionLost = Event{slog.LevelWarn, "backplane: session lost", []string{"error"}, 0}
	SessionGap  = Event{slog.LevelWarn, "backplane: session recovered, messages may be missing",
		[]string{"since", "deaf", "replayed", "error"}, 0}
	SessionFilled = Event{slog.LevelInfo, "backplane: session recovered, the log has filled the gap",
		[]string{"since", "deaf", "replayed", "error"}, 0}

	Replayed = Event{slog.LevelInfo, "backplane: messages replayed", []string{"nsp", "messages", "missing", "took"},
		some}
	LogGap = Event{slog.LevelWarn, "backplane: messages missing from the log", []string{"nsp", "from", "to", "error"},
		rare}
	LogMismatch = Event{slog.LevelError, "backplane: not all nodes have a log",
		[]string{"nsp", "uid", "here", "error"}, some}

	MessageDropped = Event{slog.LevelWarn, "backplane: message dropped",
		[]string{"reason", "nsp", "type", "uid", "error"}, rare}
	PartsSkipped = Event{slog.LevelDebug, "backplane: parts of a message skipped",
		[]string{"nsp", "type", "uid", "parts"}, rare}
	QueueFull = Event{slog.LevelWarn, "backplane: publishing queue full", []string{"nsp", "type"}, rare}

	OperationFailed = Event{slog.LevelWarn, "backplane: operation failed", []string{"op", "channel", "error"}, rare}
	CallFailed      = Event{slog.LevelError, "backplane: application code failed",
		[]string{"nsp", "call", "error"}, rare}
	OtherError = Event{slog.LevelWarn, "backplane: error", []string{"error"}, rare}
)

// The events of a Socket.IO server.
var (
	ClientConnected = Event{slog.LevelDebug, "socketio: client connected",
		[]string{"address", "nsp", "sid"}, 0}
	ClientRefused = Event{slog.LevelDebug, "socketio: client refused",
		[]string{"address", "nsp", "sid", "reason", "error"}, 0}
	ClientDisconnected = Event{slog.LevelDebug, "socketio: client disconnected",
		[]string{"address", "nsp", "sid", "reason"}, 0}
	ClientExpelled = Event{slog.LevelDebug, "socketio: client may not stay", []string{"address", "error"}, 0}

	ConnectionEnded   = Event{slog.LevelDebug, "socketio: connection ended", []string{"address", "reason", "error"}, 0}
	ProtocolViolation = Event{slog.LevelDebug, "socketio: protocol violation", []string{"kind", "error"}, 0}
	RequestRefused    = Event{slog.LevelDebug, "engineio: request refused",
		[]string{"remote", "status", "code", "error"}, 0}
	MalformedHeader = Event{slog.LevelWarn, "engineio: malformed header of a trusted proxy",
		[]string{"what", "value"}, rare}
	HTTPError       = Event{slog.LevelDebug, "engineio: error of the HTTP server", []string{"error"}, 0}
	AcceptFailed    = Event{slog.LevelWarn, "engineio: cannot accept a connection", []string{"error"}, rare}
	HandshakeFailed = Event{slog.LevelError, "engineio: panic in a handshake", []string{"remote", "error"}, rare}

	QuotaReached = Event{slog.LevelWarn, "socketio: quota reached", []string{"quota", "limit"}, rare}
	SlowHandler  = Event{slog.LevelWarn, "socketio: slow handler", []string{"nsp", "sid", "event", "took"}, rare}

	ArgumentMismatch = Event{slog.LevelWarn, "socketio: arguments do not fit the handler",
		[]string{"nsp", "sid", "event", "error"}, rare}
	HandlerFailed = Event{slog.LevelWarn, "socketio: handler failed", []string{"nsp", "sid", "event", "error"}, rare}
	HandlerPanic  = Event{slog.LevelError, "socketio: handler panicked", []string{"nsp", "sid", "event", "error"}, rare}
	ServerError   = Event{slog.LevelWarn, "socketio: error", []string{"error"}, rare}

	ServerDraining = Event{slog.LevelInfo, "socketio: server draining", []string{"clients", "over"}, 0}
	ServerClosed   = Event{slog.LevelInfo, "socketio: server closed", nil, 0}
)

// All returns all events, in the order of the table in docs/reference/logs.md.
func All() []*Event {
	return []*Event{
		&ClusterStarted, &ClusterClosed, &NamespaceOpened, &NamespaceClosed,
		&PeerJoined, &PeerLeft, &PeerExpired, &PeerSilent, &PeerSuspect,
		&SessionLost, &SessionGap, &SessionFilled, &Replayed, &LogGap, &LogMismatch,
		&MessageDropped, &PartsSkipped, &QueueFull, &OperationFailed, &CallFailed, &OtherError,

		&ClientConnected, &ClientRefused, &ClientDisconnected, &ClientExpelled,
		&ConnectionEnded, &ProtocolViolation, &RequestRefused, &MalformedHeader, &HTTPError, &AcceptFailed,
		&HandshakeFailed, &QuotaReached, &SlowHandler, &ArgumentMismatch, &HandlerFailed, &HandlerPanic, &ServerError,
		&ServerDraining, &ServerClosed,
	}
}
