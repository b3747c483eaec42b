package main

import (
	"crypto/rand"
	"fmt"
	"net/http"

	"github.com/backplane-go/backplane"
)

// stream is one client: a request that stays open and is written events.
type stream struct {
	id     string
	outbox chan string
	cancel func() // ends the request
}

func (s *stream) ID() string { return s.id }

// Send queues an event. A client that does not keep up is disconnected.
func (s *stream) Send(p *backplane.Packet) {
	text, err := p.Args.AppendJSON(nil)
	if err != nil {
		return // binary data, which server-sent events cannot carry
	}
	select {
	case s.outbox <- string(text):
	default:
		s.cancel()
	}
}

func (s *stream) Disconnect(bool) { s.cancel() }

// events makes the request a client in the lobby until it is gone.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	done := make(chan struct{}, 1)
	client := &stream{id: rand.Text(), outbox: make(chan string, 64), cancel: func() {
		select {
		case done <- struct{}{}:
		default:
		}
	}}
	s.registry.Add(client, "lobby")
	defer s.registry.Remove(client)

	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, ": connected as %s\n\n", client.id)
	for {
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		select {
		case event := <-client.outbox:
			fmt.Fprintf(w, "data: %s\n\n", event)
		case <-done:
			return
		case <-r.Context().Done():
			return
		}
	}
}
