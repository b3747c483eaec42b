package core

import (
	"errors"
	"log/slog"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/internal/journal"
)

// report logs an error that no caller receives, and gives it to Config.ErrorHandler.
func (c *Cluster) report(err error) {
	c.logError(err)
	c.handle(err)
}

// handle counts an error that was logged, and gives it to Config.ErrorHandler.
func (c *Cluster) handle(err error) {
	c.counts.countReport(err)
	guard.Report(c.config.ErrorHandler, err)
}

// logError logs an error. Its type decides how.
func (c *Cluster) logError(err error) {
	var (
		j        = c.journal
		call     *CallError
		gap      *LogGap
		mismatch *LogMismatchError
		op       *OpError
	)
	switch {
	case j.Off():
	case errors.As(err, &call):
		j.LogKind(&journal.CallFailed, call.Call, journal.Text(call.Namespace), slog.StringValue(call.Call),
			slog.AnyValue(err)) // bounds itself, and has the stack
	case errors.As(err, &gap):
		j.Log(&journal.LogGap, journal.Text(gap.Namespace), slog.StringValue(gap.From.String()),
			slog.StringValue(gap.To.String()), journal.Error(gap.Err))
	case errors.As(err, &mismatch):
		here := !mismatch.Logged
		j.Log(&journal.LogMismatch, journal.Text(mismatch.Namespace), journal.Text(mismatch.UID), slog.BoolValue(here),
			journal.Error(mismatch))
	case errors.As(err, &op):
		j.LogKind(&journal.OperationFailed, op.Op, slog.StringValue(op.Op), journal.Text(op.Channel),
			journal.Error(op.Err))
	default:
		j.Log(&journal.OtherError, journal.Error(err))
	}
}

// logDrop logs a received message that is not delivered. Drops are limited in rate, each reason apart.
func (c *Cluster) logDrop(e *DropError) {
	if c.journal.Off() {
		return
	}
	c.journal.LogKind(&journal.MessageDropped, string(e.Reason), slog.StringValue(string(e.Reason)),
		journal.Text(e.Namespace), typeValue(e.Type), journal.Text(e.UID), journal.Error(e.Err))
}

// logGap logs the end of an outage.
func (c *Cluster) logGap(e *GapError) {
	event := &journal.SessionGap
	if e.Filled {
		event = &journal.SessionFilled
	}
	c.journal.Log(event, slog.TimeValue(e.Since), slog.DurationValue(e.Deaf), slog.IntValue(e.Replayed),
		journal.Error(e.Err))
}

// peerJoined logs and traces that there is another peer.
func (ns *Namespace) peerJoined(uid string) {
	ns.logPeer(&journal.PeerJoined, uid)
	ns.cluster.counts.peersJoined.Add(1)
	ns.tellsLog.Store(ns.log != nil)
	if f := ns.cluster.hooks.Load().PeerJoined; f != nil {
		ns.cluster.trace("PeerJoined", func() { f(ns.name, uid) })
	}
}

// peerLeft counts, logs and traces that a peer has left or (expired) was silent for too long.
func (ns *Namespace) peerLeft(uid string, expired bool) {
	event, count := &journal.PeerLeft, &ns.cluster.counts.peersLeft
	if expired {
		event, count = &journal.PeerExpired, &ns.cluster.counts.peersExpired
	}
	count.Add(1)
	ns.logPeer(event, uid)
	ns.forgetPeerLog(uid)
	if f := ns.cluster.hooks.Load().PeerLeft; f != nil {
		ns.cluster.trace("PeerLeft", func() { f(ns.name, uid, expired) })
	}
}

// logPeer logs an event about a peer.
func (ns *Namespace) logPeer(e *journal.Event, uid string) {
	if j := ns.cluster.journal; !j.Off() {
		j.Log(e, journal.Text(ns.name), journal.Text(uid))
	}
}

// logNamespace logs that a namespace was opened or closed.
func (ns *Namespace) logNamespace(e *journal.Event) {
	if j := ns.cluster.journal; j.Writes(e) {
		j.Log(e, journal.Text(ns.name), slog.StringValue(ns.uid))
	}
}

// logQueueFull logs that a message was not published because the queue is full.
func (ns *Namespace) logQueueFull(t codec.Type) {
	if j := ns.cluster.journal; !j.Off() {
		j.Log(&journal.QueueFull, journal.Text(ns.name), typeValue(t))
	}
}

// typeValue is the value of a message's type, which is unknown if the message cannot be parsed.
func typeValue(t codec.Type) slog.Value {
	if t == 0 {
		return slog.StringValue("")
	}
	return slog.StringValue(t.String())
}
