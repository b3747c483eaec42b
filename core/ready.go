package core

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/backplane-go/backplane/internal/excerpt"
)

// Unready returns why this node should get no clients at the moment, one sentence per reason. It returns nothing if the
// node is ready: it is started, its listening session works and has proved it, no receive queue is more than half full,
// and it does not read from the log what it has missed. It does no I/O.
func (c *Cluster) Unready() []string {
	c.mu.RLock()
	state, running := c.state, c.running
	c.mu.RUnlock()
	switch {
	case state == isClosing:
		return []string{"the cluster is closed"}
	case !running:
		return []string{"the cluster is not started"}
	}
	var reasons []string
	switch up, proved := c.listener.health.works(); {
	case !up:
		reasons = append(reasons, "the node is deaf: its listening session is down")
	case !proved:
		reasons = append(reasons, "nothing has arrived yet on the new listening session")
	}
	var lagging, behind []string
	for _, ns := range c.all() {
		if ns.queues.messages.halfFull() {
			lagging = append(lagging, ns.name)
		}
		if ns.log != nil && ns.log.catchesUp() {
			behind = append(behind, ns.name)
		}
	}
	if len(lagging) > 0 {
		reasons = append(reasons, "more than half of the receive queue is in use: "+quoted(lagging))
	}
	if len(behind) > 0 {
		reasons = append(reasons, "the log is being read for messages that the node has missed: "+quoted(behind))
	}
	return reasons
}

// quoted returns names of namespaces, which clients may have chosen, on one line.
func quoted(names []string) string {
	slices.Sort(names)
	const most = 3
	var list []string
	for _, name := range names[:min(len(names), most)] {
		list = append(list, strconv.Quote(excerpt.Of(name)))
	}
	text := strings.Join(list, ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// halfFull reports whether more than half of the room is used.
func (q *receiveQueue) halfFull() bool {
	return q.waiting.Load() > int64(q.maxItems)/2 || q.bytes.Load() > int64(q.maxBytes)/2
}

// catchesUp reports whether what arrives has to wait until the log was read.
func (l *logReader) catchesUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.behind
}

// works reports whether there is a session, and whether something has arrived on it.
func (h *health) works() (up, proved bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.up, h.up && h.heard.After(h.began)
}
