package socketio_test

import (
	"context"
	"errors"
	"log"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

// message is an event of a room, as a page shows it.
type message struct{ Event, Text string }

// mayRead says whether a client may see what was sent to a room.
func mayRead(s *socketio.Socket, room string) bool { return true }

// A page that was opened asks for the latest events of its room. With the position that it gets it asks later for those
// that it has missed.
func ExampleServer_history() {
	ctx := context.Background()
	cluster, err := backplane.Open(ctx, backplane.Config{Bus: memory.NewHub(), Log: &backplane.LogConfig{}})
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close(ctx)
	io, err := socketio.NewServer(socketio.Config{Cluster: cluster})
	if err != nil {
		log.Fatal(err)
	}
	defer io.Close(ctx)
	io.OnConnection(func(s *socketio.Socket) {
		s.On("history", func(ctx context.Context, room, since string, ack func([]message, string)) error {
			if !mayRead(s, room) {
				return errors.New("this room is not yours")
			}
			var after backplane.Position // none: the latest events
			if err := after.UnmarshalText([]byte(since)); err != nil {
				return err
			}
			events, err := io.To(room).History(ctx, after, 50)
			var gone *backplane.PositionError
			if errors.As(err, &gone) { // too old, for example: the client needs a fresh start
				events, err = io.To(room).History(ctx, backplane.Position{}, 50)
			}
			if err != nil {
				return err
			}
			page := make([]message, 0, len(events))
			for _, e := range events {
				m := message{Event: e.Args.Event()}
				if err := e.Args.Decode(&m.Text); err != nil {
					continue // another event
				}
				page, since = append(page, m), e.Position.String()
			}
			ack(page, since)
			return nil
		})
	})
}
