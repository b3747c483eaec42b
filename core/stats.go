package core

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/internal/histogram"
)

// Histogram is a histogram of Stats. The root package, backplane, documents it.
type Histogram = histogram.Snapshot

// QueueStats describes a queue of a cluster. The root package, backplane, documents it.
type QueueStats struct {
	Messages int
	Bytes    int
	Age      time.Duration
}

// RequestStats counts the requests of one kind with one outcome. The root package, backplane, documents it.
type RequestStats struct {
	Kind, Outcome string
	Count         uint64
}

// dropReasons are all reasons of DropErrors.
var dropReasons = []DropReason{
	DropMalformed, DropUnknown, DropSlow, DropAttachment, DropTooLarge, DropForeign, DropPeers, DropUnsigned, DropRate,
	DropAnswer,
}

// The operations of reported errors that are not an *OpError.
const (
	opApplication = "application" // a *CallError: the application's code has failed
	opOther       = "other"
)

// reportedOps are the operations of the errors that a cluster reports, and of those that it returns.
var reportedOps = []string{
	"answer a custom request", "be counted", "be counted no more", "close the bus", "count the nodes",
	"expire attachments", "fetch sockets", "listen", "move the outbox", "open session", "prepare the log",
	"prepare the store", "publish", "read the log", "receive", "store attachment", "trim the log", "unlisten",
	opApplication, opOther,
}

// tallies are counters with names that are known beforehand.
type tallies[K comparable] map[K]*atomic.Uint64

func newTallies[K comparable](keys []K) tallies[K] {
	t := make(tallies[K], len(keys))
	for _, k := range keys {
		t[k] = new(atomic.Uint64)
	}
	return t
}

func (t tallies[K]) snapshot() map[K]uint64 {
	all := make(map[K]uint64, len(t))
	for k, n := range t {
		all[k] = n.Load()
	}
	return all
}

// details are the counters that have names or buckets.
type details struct {
	dropped   tallies[DropReason]
	errors    tallies[string]
	requests  tallies[tally]
	batchSize *histogram.Histogram
	publish   *histogram.Histogram
	roundTrip *histogram.Histogram

	attachmentErrors, peersJoined, peersLeft, peersExpired atomic.Uint64
}

func newDetails() details {
	return details{dropped: newTallies(dropReasons), errors: newTallies(reportedOps),
		requests: newTallies(allTallies()), batchSize: histogram.Sizes(), publish: histogram.Durations(),
		roundTrip: histogram.Durations()}
}

// fill adds the counters to s.
func (d *details) fill(s *Stats) {
	s.Dropped, s.Errors, s.Requests = d.dropped.snapshot(), d.errors.snapshot(), requestStats(d.requests)
	s.AttachmentErrors = d.attachmentErrors.Load()
	s.PeersJoined, s.PeersLeft, s.PeersExpired = d.peersJoined.Load(), d.peersLeft.Load(), d.peersExpired.Load()
	s.BatchSize, s.PublishTime, s.RoundTrip = d.batchSize.Snapshot(), d.publish.Snapshot(), d.roundTrip.Snapshot()
}

// countReport counts a reported error. Drops and gaps have counters of their own.
func (d *details) countReport(err error) {
	var drop *DropError
	var gap *GapError
	var missing *LogGap
	var op *OpError
	var call *CallError
	name := opOther
	switch {
	case errors.As(err, &drop), errors.As(err, &gap), errors.As(err, &missing):
		return
	case errors.As(err, &call):
		name = opApplication
	case errors.As(err, &op):
		if _, known := d.errors[op.Op]; known {
			name = op.Op
		}
	}
	d.errors[name].Add(1)
}

// Stats returns the counts since New, and the state of this moment.
func (c *Cluster) Stats() Stats {
	s := c.counts.snapshot()
	c.counts.fill(&s)
	now := time.Now()
	s.PublishQueue = c.publisher.queueStats(now)
	all := c.all()
	s.Namespaces = len(all)
	for _, ns := range all {
		s.Peers = max(s.Peers, ns.presence.number())
		s.OpenRequests += ns.requests.number()
		s.PublishQueue.Age = max(s.PublishQueue.Age, c.publisher.offload.age(&ns.held, now))
		s.ReceiveQueue.add(ns.queues.messages.stats(now.Sub(c.began)))
		s.ReceiveQueue.add(ns.queues.answers.stats(now.Sub(c.began)))
		if ns.log != nil {
			s.LogLag = max(s.LogLag, ns.log.lag(now))
		}
	}
	s.Deaf, s.Listening = c.listener.health.deafFor(now, c.ctx.Err() != nil)
	return s
}

func (s *QueueStats) add(other QueueStats) {
	s.Messages += other.Messages
	s.Bytes += other.Bytes
	s.Age = max(s.Age, other.Age)
}

// queueStats describes what waits for the store and for the bus.
func (p *publisher) queueStats(now time.Time) QueueStats {
	items, bytes, since := p.group.Waiting()
	s := QueueStats{Messages: items, Bytes: bytes}
	if !since.IsZero() {
		s.Age = now.Sub(since)
	}
	f := p.offload
	f.mu.Lock()
	defer f.mu.Unlock()
	s.Messages += f.room.Items()
	s.Bytes += f.room.Bytes()
	return s
}

// age returns for how long the oldest message of a namespace has been held back.
func (f *offload) age(h *heldBack, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(h.inOrder) == 0 {
		return 0
	}
	return now.Sub(h.inOrder[0].since)
}

// stats describes the queue. now is measured from Cluster.began.
func (q *receiveQueue) stats(now time.Duration) QueueStats {
	s := QueueStats{Messages: int(q.waiting.Load()), Bytes: int(q.bytes.Load())}
	if oldest := q.oldest.Load(); oldest > 0 {
		s.Age = max(0, now-time.Duration(oldest))
	}
	return s
}

// lag returns for how long the reader has been behind, 0 if it is not, or has not started.
func (l *logReader) lag(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.started || !l.behind {
		return 0
	}
	return now.Sub(l.run.began)
}
