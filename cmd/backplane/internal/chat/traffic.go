package chat

import (
	"sync"

	"github.com/backplane-go/backplane"
)

// traffic counts the messages that this node delivers to its clients.
type traffic struct {
	mu    sync.Mutex // guards the fields below
	count int
	from  map[string]int // messages by the uid of the node where they were sent
}

// maxSenders limits how many nodes are counted separately until the next report.
const maxSenders = 64

// sent is called for each event that goes to a client. It does not count the events of the diagram.
func (t *traffic) sent(event string, args backplane.Args) {
	if event == "cluster" || event == "flow" {
		return
	}
	var from struct{ Node string }
	if event != "typing" && event != "answer" {
		if args.Decode(&from) != nil { // an event that is not part of this chat
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

// takeSenders returns the counts by node and resets them.
func (t *traffic) takeSenders() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	from := t.from
	t.from = nil
	return from
}

// takeTotal returns the number of events and resets it.
func (t *traffic) takeTotal() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.count
	t.count = 0
	return n
}
