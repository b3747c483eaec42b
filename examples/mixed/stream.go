package main

import (
	"crypto/rand"
	"fmt"
	"net/http"

	"github.com/backplane-go/backplane"
)

// name is the name of all clients of this server.
const name = "somebody on Go"

// stream is one client: a request that stays open and receives events.
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

// Describe returns what FetchSockets shows of the client on every server: data with a name, like the Node.js server.
func (s *stream) Describe() (backplane.Handshake, backplane.Value) {
	data, _ := backplane.NewValue(map[string]string{"name": name}) // never fails for strings
	return backplane.Handshake{}, data
}

// events makes the request a client until it ends, in ?room= if there is one.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	done := make(chan struct{}, 1)
	client := &stream{id: rand.Text(), outbox: make(chan string, 64), cancel: func() {
		select {
		case done <- struct{}{}:
		default:
		}
	}}
	var rooms []string
	if room := r.URL.Query().Get("room"); room != "" {
		rooms = append(rooms, room)
	}
	s.registry.Add(client, rooms...)
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
