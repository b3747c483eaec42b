package clients_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/nodejs"
)

// The transports of a client. "fetch" is polling with fetch().
var (
	websocketOnly = []string{"websocket"}
	pollingOnly   = []string{"polling"}
	fetchOnly     = []string{"fetch"}
	upgrading     = []string{"polling", "websocket"}
)

// clientSpec describes how a client connects.
type clientSpec struct {
	// Version is the version of the package: "4.5", "4.0", "3" or "2". Empty: 4.8.
	Version string
	// On is the client whose connection this client shares.
	On *client
	// URL replaces the URL of the server.
	URL string
	NSP string
	// Auth is the auth payload of the connect packet. The application uses the keys rooms, data, refuse, details,
	// hold and key.
	Auth map[string]any
	// Options are the options of the Manager, SocketOptions those of the Socket.
	Options       options
	SocketOptions map[string]any
	// Pings makes the client report each ping of the server.
	Pings bool
}

type options = map[string]any

// over returns the options for these transports.
func over(transports []string) options { return options{"transports": transports} }

// client is a real Socket.IO client.
type client struct {
	*testing.T
	host *host
	ctx  context.Context
	name string
	id   string // of its socket, set when it is connected
	*inboxes
}

// inboxes are the events of a client by kind.
type inboxes struct{ connects, errors, disconnects, upgrades, pings, events nodejs.Inbox[clientEvent] }

// clientEvent is an event that a client reported.
type clientEvent struct {
	What string
	// ID, Recovered and Transport describe a new connection.
	ID        string
	Recovered bool
	Transport string
	// Message and Data are those of a connect_error. Kind and Status say why no connection could be opened.
	Message string
	Data    nodejs.Value
	Kind    string
	Status  int
	Reason  string // of a disconnect
	// Event and Args are a received event.
	Event   string
	Args    nodejs.Value
	WithAck bool
}

func (e clientEvent) args() []any {
	args, _ := e.Args.V.([]any)
	return args
}

func (b *inboxes) happened(e clientEvent) {
	map[string]*nodejs.Inbox[clientEvent]{
		"connect": &b.connects, "connect_error": &b.errors, "disconnect": &b.disconnects, "upgrade": &b.upgrades,
		"ping": &b.pings, "event": &b.events,
	}[e.What].Put(e)
}

// open creates a client, which starts to connect. It ends with the test.
func (h *host) open(t *testing.T, ctx context.Context, url string, spec clientSpec) *client {
	t.Helper()
	c := &client{T: t, host: h, ctx: ctx, name: h.name("client"), inboxes: new(inboxes)}
	h.mu.Lock()
	h.clients[c.name] = c.inboxes
	h.mu.Unlock()
	if spec.URL != "" {
		url = spec.URL
	}
	manager := c.name
	if spec.On != nil {
		manager = spec.On.name
	}
	c.do("connect", map[string]any{
		"manager": manager, "url": url, "nsp": spec.NSP, "auth": nodejs.Value{V: spec.Auth}, "version": spec.Version,
		"options": spec.Options, "socketOptions": spec.SocketOptions, "pings": spec.Pings,
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = h.call(ctx, "remove", map[string]any{"client": c.name}, nil) // fails if the process has ended
	})
	return c
}

// in returns the same client for another test.
func (c *client) in(t *testing.T, ctx context.Context) *client {
	return &client{T: t, ctx: ctx, host: c.host, name: c.name, id: c.id, inboxes: c.inboxes}
}

// do runs a command of the client.
func (c *client) do(cmd string, in map[string]any) {
	c.Helper()
	in["client"] = c.name
	require.NoError(c, c.host.call(c.ctx, cmd, in, nil))
}

func await(t *testing.T, ctx context.Context, name, what string, inbox *nodejs.Inbox[clientEvent]) clientEvent {
	t.Helper()
	e, err := inbox.Next(ctx)
	require.NoError(t, err, "waiting for %s of %s", what, name)
	return e
}

// connected waits until the client is connected.
func (c *client) connected() clientEvent {
	c.Helper()
	e, err := c.connects.Next(c.ctx)
	if err != nil {
		require.NoError(c, err, "waiting for the connection of %s; its errors: %+v", c.name, c.errors.Take())
	}
	c.id = e.ID
	return e
}

// refused waits for a connect_error.
func (c *client) refused() clientEvent {
	c.Helper()
	return await(c.T, c.ctx, c.name, "a connect_error", &c.errors)
}

// disconnected waits for the disconnection and returns its reason.
func (c *client) disconnected() string {
	c.Helper()
	return await(c.T, c.ctx, c.name, "the disconnection", &c.disconnects).Reason
}

// upgraded waits until the client has changed its transport.
func (c *client) upgraded() {
	c.Helper()
	e := await(c.T, c.ctx, c.name, "the upgrade", &c.upgrades)
	require.Equal(c, "websocket", e.Transport)
}

// pinged waits for the next ping.
func (c *client) pinged() {
	c.Helper()
	await(c.T, c.ctx, c.name, "a ping", &c.pings)
}

// next waits for the next event and returns it.
func (c *client) next() clientEvent {
	c.Helper()
	return await(c.T, c.ctx, c.name, "an event", &c.events)
}

// expect requires that the next event is this one.
func (c *client) expect(event string, args ...any) {
	c.Helper()
	e := c.next()
	require.Equal(c, event, e.Event, "event received by %s, with %.200v", c.name, e.Args.V)
	same(c.T, append([]any{}, args...), e.args())
}

// emit sends an event to the server.
func (c *client) emit(event string, args ...any) {
	c.Helper()
	c.do("emit", map[string]any{"event": event, "args": nodejs.Value{V: append([]any{}, args...)}})
}

// answer is the result of an emit with acknowledgement.
type answer struct {
	Error  string
	Values nodejs.Value
}

func (a answer) values() []any {
	values, _ := a.Values.V.([]any)
	return values
}

// ask sends an event with acknowledgement and returns the acknowledged values.
func (c *client) ask(event string, args ...any) []any {
	c.Helper()
	a := c.askWith(map[string]any{}, event, args...)
	require.Empty(c, a.Error)
	return a.values()
}

// askWith is ask with flags: timeout (milliseconds), volatile, compress, promise.
func (c *client) askWith(flags map[string]any, event string, args ...any) answer {
	c.Helper()
	flags["client"], flags["event"], flags["args"] = c.name, event, nodejs.Value{V: append([]any{}, args...)}
	var a answer
	require.NoError(c, c.host.call(c.ctx, "ask", flags, &a))
	return a
}

// state is the client's own view of its state.
type state struct {
	ID                    string
	Connected, Active     bool
	Transport, Extensions string
	MaxPayload            int
	Offset                string   // the offset for recovery
	Transcript            []string // its connections and events in order
}

func (c *client) state() state {
	c.Helper()
	var s state
	require.NoError(c, c.host.call(c.ctx, "state", map[string]any{"client": c.name}, &s))
	return s
}

// same compares values regardless of their number types. Failures show only the beginning of large values.
func same(t *testing.T, want, got any) {
	t.Helper()
	w, g := nodejs.Canon(want), nodejs.Canon(got)
	if !reflect.DeepEqual(w, g) {
		t.Fatalf("got  %.300s\nwant %.300s", fmt.Sprintf("%#v", g), fmt.Sprintf("%#v", w))
	}
}
