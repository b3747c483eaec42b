package interop

import (
	"encoding/json"
	"fmt"
)

// Event is an event that a peer reported.
type Event struct {
	Ev     string `json:"ev"`
	Worker int    `json:"worker"`
	NSP    string `json:"nsp"`
	Client string `json:"client"`

	// Event and Args were received by a client, or by the server from another server. WithAck: the sender wants an
	// answer.
	Event   string  `json:"event"`
	Args    []Value `json:"args"`
	WithAck bool    `json:"withAck"`

	Reason  string `json:"reason"` // why a client was disconnected
	Where   string `json:"where"`  // where an error occurred
	Message string `json:"message"`
	Code    string `json:"code"`

	Kind string `json:"kind"` // join-room or leave-room
	Room string `json:"room"`
	ID   string `json:"id"`
}

func (p *Peer) event(line []byte) error {
	var e Event
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	switch e.Ev {
	case "error":
		p.Errors.Put(e)
	case "workerExit":
		p.Exits.Put(e.Worker)
	case "serverSide":
		p.serverSide(e.Worker, e.NSP).Put(e)
	case "client":
		if c := p.client(e.Client); c != nil {
			c.events.Put(e)
		}
	case "clientDisconnect":
		if c := p.client(e.Client); c != nil {
			c.disconnects.Put(e)
		}
	case "room":
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.clients {
			if c.id == e.ID {
				c.rooms.Put(e)
			}
		}
	}
	return nil
}

func (p *Peer) client(name string) *Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clients[name]
}

// serverSide returns the inbox of a worker's server-side events in a namespace.
func (p *Peer) serverSide(worker int, nsp string) *Inbox[Event] {
	key := fmt.Sprint(worker, nsp)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.emitted[key] == nil {
		p.emitted[key] = new(Inbox[Event])
	}
	return p.emitted[key]
}
