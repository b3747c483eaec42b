package clients_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/backplane-go/backplane/internal/e2e/nodejs"
)

// host is a Node.js process with clients and servers.
type host struct {
	process *nodejs.Process

	mu      sync.Mutex // guards the fields below
	last    int
	clients map[string]*inboxes
	servers map[string]*nodeServer
}

// newHost starts a process, which ends with the test.
func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{clients: make(map[string]*inboxes), servers: make(map[string]*nodeServer)}
	h.process = nodejs.Start(t, nodejs.Config{Name: "the Node.js process", Script: "node/host.js", Event: h.event})
	return h
}

// event dispatches the events that the process reports.
func (h *host) event(line []byte) error {
	var e struct {
		Ev, Client, Server, Message string
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	h.mu.Lock()
	c, s := h.clients[e.Client], h.servers[e.Server]
	h.mu.Unlock()
	switch {
	case e.Ev == "client" && c != nil:
		var happened clientEvent
		if err := json.Unmarshal(line, &happened); err != nil {
			return err
		}
		c.happened(happened)
	case e.Ev == "server" && s != nil:
		var happened serverEvent
		if err := json.Unmarshal(line, &happened); err != nil {
			return err
		}
		s.inbox.Put(happened)
	case e.Ev == "error":
		return fmt.Errorf("uncaught exception: %s", e.Message)
	}
	return nil
}

func (h *host) call(ctx context.Context, cmd string, in, out any) error {
	return h.process.Call(ctx, nodejs.Command{Name: cmd, In: in}, out)
}

// name returns a new name in this process.
func (h *host) name(kind string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	return fmt.Sprintf("%s%d", kind, h.last)
}
