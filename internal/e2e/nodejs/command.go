package nodejs

import (
	"context"
	"encoding/json"
	"fmt"
)

// Command is one line to a process.
type Command struct {
	Name string
	// Worker is the process behind the process that is meant. 0: itself, or the first.
	Worker int
	// In holds the parameters.
	In any
}

// reply is what a command returned.
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

// abandon tells everybody who still waits for a reply that none will come.
func (p *Process) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, waiter := range p.replies {
		delete(p.replies, id)
		waiter <- reply{Error: ErrExited.Error()}
	}
}

// Call runs a command and waits for its reply, which it decodes into out unless that is nil.
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
	case r := <-waiter: // it came with the process's last words
		return r.result(c.Name, out)
	default:
		return fmt.Errorf("%s in Node.js: %w", c.Name, ErrExited)
	}
}

// Tell sends a command whose reply nobody waits for.
func (p *Process) Tell(c Command) error { return p.send(0, c) }

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
