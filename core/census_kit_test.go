package core_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/dialect/legacy"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// rosterBus is a hub whose roster has faults: each function, unless nil, is called before the method of its name.
type rosterBus struct {
	*memory.Hub

	mu      sync.Mutex // guards all below
	enter   func(ctx context.Context) error
	entries func(ctx context.Context) error
	held    []transport.Entry
}

// fault replaces all faults of the roster.
func (b *rosterBus) fault(enter, entries func(ctx context.Context) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.enter, b.entries = enter, entries
}

func (b *rosterBus) Enter(ctx context.Context, name string) (transport.Entry, error) {
	b.mu.Lock()
	enter := b.enter
	b.mu.Unlock()
	if enter != nil {
		if err := enter(ctx); err != nil {
			return nil, err
		}
	}
	e, err := b.Hub.Enter(ctx, name)
	if err == nil {
		b.mu.Lock()
		b.held = append(b.held, e)
		b.mu.Unlock()
	}
	return e, err
}

func (b *rosterBus) Entries(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
	b.mu.Lock()
	entries := b.entries
	b.mu.Unlock()
	if entries != nil {
		if err := entries(ctx); err != nil {
			return nil, err
		}
	}
	return b.Hub.Entries(ctx, prefix)
}

// terminate ends the connections of the entries that were opened through this bus.
func (b *rosterBus) terminate(t *testing.T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	require.NotEmpty(t, b.held)
	for _, e := range b.held {
		require.NoError(t, e.Close(context.Background()))
	}
	b.held = nil
}

// counted opens a cluster that counts its nodes.
func counted(t *testing.T, bus transport.Bus, change ...func(*core.Config)) *core.Cluster {
	t.Helper()
	speak := func(c *core.Config) { c.Dialect = legacy.Dialect{} }
	return open(t, bus, append([]func(*core.Config){speak}, change...)...)
}

// oldServer speaks like a server of Node.js with socket.io-adapter-postgres: its connection shows one namespace,
// whatever it has, and it answers requests for its sockets without its name.
type oldServer struct {
	hub *memory.Hub

	mu      sync.Mutex // guards all below
	sockets map[string][]string
	asked   []string // the rooms that requests named, one or none each
}

func newOldServer(t *testing.T, hub *memory.Hub, shows string) *oldServer {
	t.Helper()
	s := &oldServer{hub: hub, sockets: make(map[string][]string)}
	session, err := hub.Open(t.Context())
	require.NoError(t, err)
	require.NoError(t, session.Listen(t.Context(), "socketio"))
	e, err := hub.EnterForeign(t.Context(), "socket.io-socket.io-request#"+shows+"#")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var group sync.WaitGroup
	group.Go(func() {
		for {
			m, err := session.Receive(ctx)
			if err != nil {
				return
			}
			s.receive(ctx, m.Payload)
		}
	})
	t.Cleanup(func() {
		cancel()
		group.Wait()
		_ = session.Close(context.Background())
		_ = e.Close(context.Background())
	})
	return s
}

// has gives the server a namespace with these sockets.
func (s *oldServer) has(nsp string, ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets[nsp] = append([]string{}, ids...)
}

// learning returns how often somebody has asked who answers: for the sockets in a room with a random name.
func (s *oldServer) learning() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, room := range s.asked {
		if len(room) == 16 {
			n++
		}
	}
	return n
}

func (s *oldServer) receive(ctx context.Context, payload []byte) {
	var pair [2]string
	var request struct {
		RequestID string   `json:"requestid"`
		Type      *int     `json:"type"`
		Rooms     []string `json:"rooms"`
	}
	if json.Unmarshal(payload, &pair) != nil || json.Unmarshal([]byte(pair[1]), &request) != nil {
		return
	}
	nsp, ok := strings.CutPrefix(strings.TrimSuffix(pair[0], "#"), "socket.io-request#")
	if !ok || *request.Type != 0 {
		return
	}
	s.mu.Lock()
	s.asked = append(s.asked, strings.Join(request.Rooms, " "))
	all, has := s.sockets[nsp]
	s.mu.Unlock()
	if has {
		found := []string{}
		for _, id := range all {
			if len(request.Rooms) == 0 || slices.Contains(request.Rooms, id) {
				found = append(found, id)
			}
		}
		s.answer(ctx, nsp, map[string]any{"requestid": request.RequestID, "clients": found})
	}
}

func (s *oldServer) answer(ctx context.Context, nsp string, answer any) {
	text, _ := json.Marshal(answer)
	pair, _ := json.Marshal([2]string{"socket.io-response#" + nsp + "#", string(text)})
	_ = s.hub.Publish(ctx, transport.Message{Channel: "socketio", Payload: pair})
}
