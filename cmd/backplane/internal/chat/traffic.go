package chat

import (
	"sync"

	"github.com/backplane-go/backplane"
)

// traffic counts what this node gives its clients.
type traffic struct {
	mu    sync.Mutex // guards all below
	count int
	from  map[string]int // messages by the uid of the node where they were said
}

// maxSenders bounds how many nodes are told apart until the next report.
const maxSenders = 64

// sent is called for each event that goes to a client. What the strip sends itself does not count.
func (t *traffic) sent(event string, args backplane.Args) {
	if event == "cluster" || event == "flow" {
		return
	}
	var from struct{ Node string }
	if event != "typing" && event != "answer" {
		if args.Decode(&from) != nil { // somebody else's event
			from.Node = ""
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	if from.Node == "" || len(from.Node) > maxUID {
		return
	}
	if t.from == nil {
		t.from = make(map[string]int)
	}
	if _, known := t.from[from.Node]; known || len(t.from) < maxSenders {
		t.from[from.Node]++
	}
}

// senders returns the nodes that messages have come from since the last call.
func (t *traffic) senders() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	from := t.from
	t.from = nil
	return from
}

// total returns the number of events since the last call.
func (t *traffic) total() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.count
	t.count = 0
	return n
}
