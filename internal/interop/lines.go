package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Event is something that happened in a peer.
type Event struct {
	Ev     string `json:"ev"`
	Worker int    `json:"worker"`
	NSP    string `json:"nsp"`
	Client string `json:"client"`

	// Event and Args came to a client, or to the server from another server. WithAck: an answer is wanted.
	Event   string  `json:"event"`
	Args    []Value `json:"args"`
	WithAck bool    `json:"withAck"`

	Reason  string `json:"reason"` // why a client was disconnected
	Where   string `json:"where"`  // where an error came up
	Message string `json:"message"`
	Code    string `json:"code"`

	Kind string `json:"kind"` // join-room or leave-room
	Room string `json:"room"`
	ID   string `json:"id"`
}

// reply is what a command returned.
type reply struct {
	OK    json.RawMessage
	Error string
}

// errExited is what commands to a process return that has ended.
var errExited = errors.New("the peer has ended")

// read handles the lines of the process until it ends.
func (p *Peer) read(stdout io.Reader) {
	defer close(p.exited)
	in := bufio.NewReaderSize(stdout, 1<<16)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			_ = p.cmd.Wait()
			p.abandon()
			return
		}
		var kind struct {
			Ev string          `json:"ev"`
			ID json.RawMessage `json:"id"` // a number in replies, a socket's id in room events
		}
		if json.Unmarshal(line, &kind) != nil {
			_, _ = p.stderr.Write(line)
			continue
		}
		if kind.Ev == "" {
			p.reply(line)
			continue
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			_, _ = fmt.Fprintf(&p.stderr, "unreadable event: %v: %s", err, line)
			continue
		}
		p.event(e)
	}
}

func (p *Peer) reply(line []byte) {
	var r struct {
		ID    int             `json:"id"`
		OK    json.RawMessage `json:"ok"`
		Error string          `json:"error"`
	}
	if err := json.Unmarshal(line, &r); err != nil {
		_, _ = fmt.Fprintf(&p.stderr, "unreadable reply: %v: %s", err, line)
		return
	}
	p.mu.Lock()
	waiter := p.replies[r.ID]
	delete(p.replies, r.ID)
	p.mu.Unlock()
	if waiter != nil {
		waiter <- reply{r.OK, r.Error}
	}
}

// abandon tells everybody who still waits for a reply that none will come.
func (p *Peer) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, waiter := range p.replies {
		delete(p.replies, id)
		waiter <- reply{Error: errExited.Error()}
	}
}

func (p *Peer) event(e Event) {
	switch e.Ev {
	case "ready":
		close(p.ready)
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
}

func (p *Peer) client(name string) *Client {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clients[name]
}

// serverSide returns the inbox of the server-side events of a namespace in a worker.
func (p *Peer) serverSide(worker int, nsp string) *Inbox[Event] {
	key := fmt.Sprint(worker, nsp)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.emitted[key] == nil {
		p.emitted[key] = new(Inbox[Event])
	}
	return p.emitted[key]
}

// call runs a command in the primary or only process and waits for its reply.
func (p *Peer) call(ctx context.Context, cmd string, in, out any) error {
	return p.callWorker(ctx, 0, cmd, in, out)
}

func (p *Peer) callWorker(ctx context.Context, worker int, cmd string, in, out any) error {
	waiter := make(chan reply, 1)
	p.mu.Lock()
	p.lastID++
	id := p.lastID
	p.replies[id] = waiter
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.replies, id)
		p.mu.Unlock()
	}()
	if err := p.send(id, cmd, worker, in); err != nil {
		return err
	}
	select {
	case r := <-waiter:
		return r.result(cmd, out)
	case <-p.exited:
	case <-ctx.Done():
		return fmt.Errorf("%s in Node.js: %w", cmd, context.Cause(ctx))
	}
	select {
	case r := <-waiter: // it came with the process's last words
		return r.result(cmd, out)
	default:
		return fmt.Errorf("%s in Node.js: %w", cmd, errExited)
	}
}

func (r reply) result(cmd string, out any) error {
	if r.Error != "" {
		return fmt.Errorf("%s in Node.js: %s", cmd, r.Error)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(r.OK, out); err != nil {
		return fmt.Errorf("%s in Node.js: its reply: %w", cmd, err)
	}
	return nil
}

// send writes one command.
func (p *Peer) send(id int, cmd string, worker int, in any) error {
	line, err := json.Marshal(struct {
		ID     int    `json:"id"`
		Cmd    string `json:"cmd"`
		Worker int    `json:"worker,omitempty"`
		In     any    `json:"in,omitempty"`
	}{id, cmd, worker, in})
	if err != nil {
		return fmt.Errorf("%s in Node.js: %w", cmd, err)
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	if _, err := p.stdin.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("%s in Node.js: %w", cmd, err)
	}
	return nil
}
