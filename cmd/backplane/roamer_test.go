package main_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/nodejs"
)

// roamer is an official Socket.IO client that is moved from one server to another.
type roamer struct {
	t       *testing.T
	ctx     context.Context
	process *nodejs.Process

	connects, disconnects, events nodejs.Inbox[roamerEvent]
}

// roamerEvent is what a roamer reports.
type roamerEvent struct {
	Ev        string
	SID       string
	Recovered bool
	URL       string
	Event     string
	Args      nodejs.Value
	Reason    string
}

// roam connects an official client to a server.
func roam(t *testing.T, url string, auth map[string]any) *roamer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	r := &roamer{t: t, ctx: ctx}
	r.process = nodejs.Start(t, nodejs.Config{Name: "roamer", Script: "testdata/roamer.js", Event: r.happened})
	r.do("connect", map[string]any{"url": url, "auth": nodejs.Value{V: auth}})
	return r
}

// happened handles an event of the client.
func (r *roamer) happened(line []byte) error {
	var e roamerEvent
	err := json.Unmarshal(line, &e)
	switch e.Ev {
	case "connect":
		r.connects.Put(e)
	case "disconnect":
		r.disconnects.Put(e)
	case "event":
		r.events.Put(e)
	}
	return err
}

// do runs a command of the client.
func (r *roamer) do(command string, in map[string]any) {
	r.t.Helper()
	require.NoError(r.t, r.process.Call(r.ctx, nodejs.Command{Name: command, In: in}, nil))
}

// connected waits until the client is connected.
func (r *roamer) connected() roamerEvent {
	r.t.Helper()
	e, err := r.connects.Next(r.ctx)
	require.NoError(r.t, err)
	return e
}

// next returns the next event with this name, its first argument decoded into a map.
func (r *roamer) next(event string) map[string]any {
	r.t.Helper()
	e, err := r.events.Await(r.ctx, func(e roamerEvent) bool { return e.Event == event })
	require.NoError(r.t, err)
	args, _ := e.Args.V.([]any)
	require.NotEmpty(r.t, args)
	first, _ := args[0].(map[string]any)
	return first
}

// ask sends an event and returns its acknowledgement.
func (r *roamer) ask(event string, args ...any) any {
	r.t.Helper()
	var answer nodejs.Value
	in := map[string]any{"event": event, "args": nodejs.Value{V: args}}
	require.NoError(r.t, r.process.Call(r.ctx, nodejs.Command{Name: "ask", In: in}, &answer))
	return answer.V
}
