package nodejs

import (
	"context"
	"encoding/json"
	"fmt"
)

// Command is a command for a process.
type Command struct {
	Name string
	// Worker is the number of the cluster worker that executes the command. 0: the process itself, or the first worker.
	Worker int
	// In holds the parameters.
	In any
}

// reply is the result of a command.
type reply struct {
	OK    json.RawMessage
	Error string
}

func (p *Process) reply(line []byte) {
	var r struct {
		ID    int             `json:"id"`
		OK    json.RawMessage `json:"ok"`
		Error string          `json:"error"`
	}
	if err := json.Unmarshal(line, &r); err != nil {
		p.complain("unreadable reply: %v: %s", err, line)
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

// abandon ends all waits for replies with ErrExited.
func (p *Process) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, waiter := range p.replies {
		delete(p.replies, id)
		waiter <- reply{Error: ErrExited.Error()}
	}
}

// Call sends a command, waits for its reply and decodes it into out, unless out is nil.
func (p *Process) Call(ctx context.Context, c Command, out any) error {
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
	if err := p.send(id, c); err != nil {
		return err
	}
	select {
	case r := <-waiter:
		return r.result(c.Name, out)
	case <-p.exited:
	case <-ctx.Done():
		return fmt.Errorf("%s in Node.js: %w", c.Name, context.Cause(ctx))
	}
	select {
	case r := <-waiter: // the reply came just before the process ended
		return r.result(c.Name, out)
	default:
		return fmt.Errorf("%s in Node.js: %w", c.Name, ErrExited)
	}
}

// Tell sends a command and does not wait for a reply.
func (p *Process) Tell(c Command) error { return p.send(0, c) }

func (r reply) result(cmd string, out any) error {
	if r.Error != "" {
		return fmt.Errorf("%s in Node.js: %s", cmd, r.Error)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(r.OK, out); err != nil {
		return fmt.Errorf("%s in Node.js: decode reply: %w", cmd, err)
	}
	return nil
}

func (p *Process) send(id int, c Command) error {
	line, err := json.Marshal(struct {
		ID     int    `json:"id"`
		Cmd    string `json:"cmd"`
		Worker int    `json:"worker,omitempty"`
		In     any    `json:"in,omitempty"`
	}{id, c.Name, c.Worker, c.In})
	if err != nil {
		return fmt.Errorf("%s in Node.js: %w", c.Name, err)
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	if _, err := p.stdin.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("%s in Node.js: %w", c.Name, err)
	}
	return nil
}
