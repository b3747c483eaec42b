package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/backplane-go/backplane"
)

// Limits of one client.
const (
	maxMessage = 16 << 10 // bytes of a message
	maxRooms   = 100      // rooms at once
)

// hub is this node's part of the cluster: a registry of its clients and their rooms. It replaces Broadcast of the
// registry to encode each event once for all clients.
type hub struct {
	*backplane.Registry
	chat    *backplane.Namespace // reaches the clients of all nodes
	config  config
	clients sync.WaitGroup // one for each open connection
}

var _ backplane.LocalSockets = (*hub)(nil)

func newHub(c config) *hub {
	return &hub{Registry: backplane.NewRegistry(backplane.RegistryConfig{}), config: c}
}

// Broadcast implements backplane.LocalSockets: it sends an event of any node to clients of this one. The first selected
// client encodes the frame, and the others get the same frame.
func (h *hub) Broadcast(p *backplane.Packet, to backplane.Selector) {
	frame := sync.OnceValue(func() []byte { return frameOf(p.Args) })
	h.Each(to, func(s backplane.Socket) { s.(*client).push(frame(), p.Flags.Volatile) })
}

// frameOf returns an event as a WebSocket frame, or nil if it contains binary data, which these clients do not
// understand.
func frameOf(event backplane.Args) []byte {
	text, err := event.AppendJSON(nil)
	if err != nil {
		slog.Warn("hub: an event was not sent", slog.String("event", event.Event()), slog.Any("error", err))
		return nil
	}
	return ws.MustCompileFrame(ws.NewTextFrame(text))
}

// missed tells the clients that they may have missed events, because this node did not receive the messages of
// the others. The clients then load their state again.
func (h *hub) missed(*backplane.GapError) {
	event, err := backplane.NewArgs("missed")
	if err == nil {
		h.Broadcast(&backplane.Packet{Args: event}, backplane.Selector{})
	}
}

// ServeHTTP upgrades a request to a WebSocket and serves the client until its connection ends.
func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.clients.Add(1)
	defer h.clients.Done()
	if !h.allows(r) {
		http.Error(w, "this page may not connect", http.StatusForbidden)
		return
	}
	conn, buffered, _, err := ws.HTTPUpgrader{Timeout: patience}.Upgrade(r, w)
	if err != nil { // Upgrade has answered the request
		if conn != nil {
			_ = conn.Close()
		}
		return
	}
	defer conn.Close()
	c := newClient(h, conn)
	h.Add(c)
	defer context.AfterFunc(r.Context(), func() { c.end(ws.StatusGoingAway, "the server shuts down") })()
	c.serve(r.Context(), buffered)
}

// allows reports whether the page that sent r may connect. A browser lets every page open a WebSocket to every host,
// with the host's cookies, so the server has to check the origin.
func (h *hub) allows(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(strings.Split(h.config.origins, ","), origin) {
		return true // no browser, or an allowed page
	}
	page, err := url.Parse(origin)
	return err == nil && strings.EqualFold(page.Host, r.Host)
}

// refuse returns an error that ends the connection with a status and a reason for the client.
func refuse(status ws.StatusCode, reason string) error {
	return wsutil.ClosedError{Code: status, Reason: reason}
}

// handle executes a message of a client. Check here whether the client may do that.
func (h *hub) handle(ctx context.Context, c *client, message []byte) error {
	var event backplane.Args
	if json.Unmarshal(message, &event) != nil {
		return refuse(ws.StatusInvalidFramePayloadData, "no event")
	}
	var room, text string
	if event.Decode(&room, &text) != nil {
		return refuse(ws.StatusInvalidFramePayloadData, "arguments are strings")
	}
	switch event.Event() {
	case "join":
		if len(h.SocketRooms(c.id)) > maxRooms { // the room of its own id counts too
			return refuse(ws.StatusPolicyViolation, "too many rooms")
		}
		h.JoinID(c.id, room)
		c.tell("joined", room)
	case "leave":
		h.LeaveID(c.id, room)
		c.tell("left", room)
	case "say":
		if err := h.chat.To(room).Emit(ctx, "said", room, text); err != nil {
			c.tell("failed", "say", room) // the clients of this node have received it anyway
		}
	case "who":
		if ids, err := h.chat.Clients(ctx, room); err != nil {
			c.tell("failed", "who", room) // ids has only those of the nodes that answered
		} else {
			c.tell("here", room, len(ids))
		}
	default:
		return refuse(ws.StatusPolicyViolation, "unknown event")
	}
	return nil
}
