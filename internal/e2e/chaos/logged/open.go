package logged

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/chaos/worker"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport"
)

// open opens the cluster and the server. It retries until PostgreSQL can be reached.
func (n *node) open(orders <-chan Order) error {
	for {
		address, err := n.tryOpen()
		if err == nil {
			n.record.note(Event{Kind: Opened, Address: address})
			return nil
		}
		n.record.note(Event{Kind: Remarked, Text: "open: " + err.Error()})
		if n.cluster != nil {
			ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
			_ = n.cluster.Close(ctx) // the cluster is abandoned
			cancel()
			n.cluster = nil
		}
		for _, closing := range n.closers {
			closing()
		}
		n.closers = nil
		select {
		case o := <-orders:
			if o.Do == DoClose {
				return errors.New("got the command to close before it could open")
			}
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Settings of all nodes.
const (
	heartbeatInterval = 1500 * time.Millisecond
	heartbeatTimeout  = 6 * time.Second
	publishTimeout    = 2 * time.Second
	pingInterval      = 1500 * time.Millisecond
	pingTimeout       = 2 * time.Second
)

func (n *node) tryOpen() (address string, err error) {
	config := backplane.Config{
		UID:               fmt.Sprintf("node-%d-%08x", n.config.Number, rand.Uint32()),
		Log:               &backplane.LogConfig{},
		HeartbeatInterval: heartbeatInterval, HeartbeatTimeout: heartbeatTimeout, PublishTimeout: publishTimeout,
		MaxBackoff: time.Second, ReceiveQueue: 1000, CleanupInterval: 10 * time.Second,
		ErrorHandler: n.report,
	}
	if config.Bus, err = n.bus(); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if n.cluster, err = backplane.Open(ctx, config); err != nil {
		return "", err
	}
	n.io, err = socketio.NewServer(socketio.Config{Cluster: n.cluster, ErrorHandler: n.report,
		PingInterval: pingInterval, PingTimeout: pingTimeout,
		Recovery: &socketio.Recovery{MaxDisconnection: n.config.Away}})
	if err != nil {
		return "", err
	}
	n.io.OnConnection(n.connected)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	n.serving.Go(func() {
		if err := n.io.Serve(listener); !errors.Is(err, socketio.ErrServerClosed) {
			n.record.note(Event{Kind: Remarked, Text: "serve: " + err.Error()})
		}
	})
	return listener.Addr().String(), nil
}

// connected welcomes a client. A recovered one must have its rooms and data.
func (n *node) connected(s *socketio.Socket) {
	var auth struct {
		Client int `json:"client"`
	}
	if err := s.Auth().Decode(&auth); err != nil {
		n.record.note(Event{Kind: Wrong, Text: "the auth of a client: " + err.Error()})
		return
	}
	n.record.note(Event{Kind: Accepted, At: now(), Client: auth.Client, Recovered: s.Recovered()})
	rooms := make([]string, 0, n.config.Rooms)
	for _, number := range roomsOf(auth.Client, n.config.Rooms) {
		rooms = append(rooms, roomName(number))
	}
	data := fmt.Sprintf("client %d", auth.Client)
	if s.Recovered() {
		n.check(s, auth.Client, rooms, data)
	} else if err := s.Join(rooms...); err != nil {
		n.record.note(Event{Kind: Remarked, Client: auth.Client, Text: "join: " + err.Error()})
	} else {
		s.SetData(data)
	}
	s.On("say", func(stream string, seq, target int, answer socketio.Ack) {
		// The outcome is known within publishTimeout and some more.
		ctx, cancel := context.WithTimeout(context.Background(), 2*publishTimeout)
		defer cancel()
		outcome, text := outcomeOf(n.target(target).Emit(ctx, eventName, stream, seq))
		answer(outcome, text)
	})
	if err := s.Emit("welcome", n.config.Number); err != nil {
		n.record.note(Event{Kind: Remarked, Client: auth.Client, Text: "welcome: " + err.Error()})
	}
}

func (n *node) check(s *socketio.Socket, client int, rooms []string, data string) {
	want, got := append(rooms, s.ID()), s.Rooms()
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		n.record.note(Event{Kind: Wrong, Client: client, ID: s.ID(),
			Text: fmt.Sprintf("has rooms %q, not %q", got, want)})
	}
	a, _ := json.Marshal(s.Data()) // it came from JSON
	if b, _ := json.Marshal(data); string(a) != string(b) {
		n.record.note(Event{Kind: Wrong, Client: client, ID: s.ID(),
			Text: fmt.Sprintf("has data %s, not %s", a, b)})
	}
}

// bus returns a bus on a new pool.
func (n *node) bus() (transport.Bus, error) {
	bus, closePool, err := worker.OpenBus(n.config.Driver, n.config.URL)
	if err != nil {
		return nil, err
	}
	n.closers = append(n.closers, closePool)
	return bus, nil
}

// report records an error that ErrorHandler received.
func (n *node) report(err error) {
	e := Event{Kind: Remarked, At: now(), Text: err.Error()}
	var gap *backplane.GapError
	var drop *backplane.DropError
	switch {
	case errors.As(err, &gap):
		e.Kind, e.Begin, e.Filled = Gap, gap.Since.UnixMicro(), gap.Filled
	case errors.As(err, &drop):
		e.Kind = Drop
	}
	n.record.note(e)
}
