package core

import (
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/guard"
)

// LogSockets is implemented by a LocalSockets that uses the log of its namespace.
type LogSockets interface {
	LocalSockets
	// LogContinues is called in the order of the messages, before the first one that the log keeps, and when the log
	// has lost messages. Every message after a position is passed on from now on. If complete is false, messages before
	// it are missing: clients that are connected have missed them.
	LogContinues(after Position, complete bool)
	// Kept is called, in the order of the messages, for each message of the log whose place LocalSockets does not learn
	// otherwise: before Join, Leave and Disconnect are called for it, and for an event that was passed on before.
	Kept(e *LogEntry)
	// SessionTaken is called when another node has taken over the client of a socket: see Namespace.TakenSession.
	SessionTaken(id string)
}

// Nodes of this library tell each other about logs on the channel of their processes, which Node.js nodes do not listen
// to: with messages for servers whose first argument is the namespace.
const (
	takenEvent = "session taken"
	logEvent   = "log"
)

// notify sends an event to the processes of the other nodes. It does not wait.
func (ns *Namespace) notify(event string, args ...any) error {
	data, err := codec.NewArgs(event, append([]any{ns.name}, args...)...)
	if err != nil {
		return err
	}
	o := ns.cluster.process.self.operation(&codec.Envelope{Type: codec.ServerSideEmit, Args: data})
	defer o.release()
	return o.publishAsync()
}

// notified handles an event of another node's process. The receiving goroutine calls it.
func (c *Cluster) notified(env *codec.Envelope) {
	var name string
	if env.Args.Decode(&name) != nil {
		return
	}
	ns := c.namespace(name)
	if ns == nil {
		return
	}
	args := env.Args
	handle := item{env: &codec.Envelope{}, do: func() {
		guard.Do(func() { ns.handleNotice(args) }, func(err error) {
			c.report(&CallError{Namespace: name, Call: "LocalSockets.SessionTaken", Err: err})
		})
	}}
	if err := ns.queues.messages.offer(handle); err != nil {
		ns.dropped(env, DropSlow, err)
	}
}

// TakenSession tells the node with the uid owner that this node has taken over the client of its socket id. There,
// LogSockets.SessionTaken is called. It does not wait. Errors are those of EmitAsync.
func (ns *Namespace) TakenSession(owner, id string) error { return ns.notify(takenEvent, owner, id) }

// handleNotice handles what another node has told.
func (ns *Namespace) handleNotice(args codec.Args) {
	switch args.Event() {
	case takenEvent:
		var owner, id string
		if args.Decode(nil, &owner, &id) != nil || owner != ns.uid {
			return
		}
		if local, ok := ns.local.(LogSockets); ok {
			local.SessionTaken(id)
		}
	case logEvent:
		ns.peerLogs(args)
	}
}

// logNotice is what nodes tell each other about the log of a namespace.
type logNotice struct {
	UID    string   `json:"uid"`
	Logged bool     `json:"logged"`
	At     Position `json:"at"`    // of the latest message that the node has passed on; none if it has no log
	Reply  bool     `json:"reply"` // others need not answer
}

// announceLog tells the other nodes whether this node has a log.
func (ns *Namespace) announceLog(reply bool) {
	notice := logNotice{UID: ns.uid, Reply: reply}
	if ns.log != nil {
		notice.Logged, notice.At = true, ns.log.position()
	}
	_ = ns.notify(logEvent, notice) // the next peer that joins causes another one
}

// peerLogs compares what a peer says about its log with this node's. A difference is reported once for each peer.
func (ns *Namespace) peerLogs(args codec.Args) {
	var notice logNotice
	if args.Decode(nil, &notice) != nil || notice.UID == ns.uid || len(notice.UID) > maxUID {
		return
	}
	if !ns.learnsPeerLog(notice.UID, notice.At) || notice.Logged == (ns.log != nil) {
		return
	}
	ns.cluster.report(&LogMismatchError{Namespace: ns.name, UID: notice.UID, Logged: notice.Logged})
	if !notice.Reply {
		ns.announceLog(true)
	}
}

// learnsPeerLog notes the position of a peer in its log, and reports whether nothing was known of the peer's log. Of
// very many peers, some are forgotten.
func (ns *Namespace) learnsPeerLog(uid string, at Position) bool {
	ns.limits.Lock()
	defer ns.limits.Unlock()
	_, known := ns.peerLogsAt[uid]
	if !known && len(ns.peerLogsAt) >= ns.cluster.config.MaxPeers {
		return false
	}
	if ns.peerLogsAt == nil {
		ns.peerLogsAt = make(map[string]Position)
	}
	ns.peerLogsAt[uid] = at
	return !known
}

// noteUnkept counts a message that was not kept, although this node would have kept it, and reports its sender once: a
// node of this library that has no log and may have been here only for a moment, or an emitter. Nodes of Node.js are
// left out, because they cannot keep anything.
func (ns *Namespace) noteUnkept(env *codec.Envelope) {
	emitter := env.UID == codec.EmitterUID
	switch {
	case ns.log == nil, !ns.cluster.wire.Keeps(env):
	case env.AttachmentID != "": // it may be volatile
	case emitter || ns.presence.ofLibrary(env.UID):
		ns.cluster.counts.unkept.Add(1)
		ns.limits.Lock()
		_, known := ns.peerLogsAt[env.UID]
		ns.limits.Unlock()
		if !known && ns.learnsPeerLog(env.UID, Position{}) {
			ns.cluster.report(&LogMismatchError{Namespace: ns.name, UID: env.UID})
		}
	}
}

// PeerPositions returns the positions of the latest messages that other nodes with a log have passed on, by their uids,
// as far as they have told. They tell it when a node joins the namespace.
func (ns *Namespace) PeerPositions() map[string]Position {
	peers := ns.Peers()
	ns.limits.Lock()
	defer ns.limits.Unlock()
	positions := make(map[string]Position)
	for _, uid := range peers {
		if at := ns.peerLogsAt[uid]; !at.IsZero() {
			positions[uid] = at
		}
	}
	return positions
}

// forgetPeerLog forgets what a peer that has left has told about its log.
func (ns *Namespace) forgetPeerLog(uid string) {
	ns.limits.Lock()
	delete(ns.peerLogsAt, uid)
	ns.limits.Unlock()
}
