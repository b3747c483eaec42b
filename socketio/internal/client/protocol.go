package client

import (
	"net/url"
	"strings"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// Protocol is a version of Socket.IO's protocol, as far as packets are concerned that let a client join a
// namespace. Clients of Engine.IO 4 use version 5, those of Engine.IO 3 use version 4.
type Protocol interface {
	// Split splits the namespace of a packet from the client into its name and a query, which is only of
	// interest if the client wants to join.
	Split(namespace string) (name, query string)
	// Auth returns the auth payload of a client that wants to join, given the payload of its packet and the query.
	Auth(payload codec.Value, query string) codec.Value
	// SocketID returns the id of the client's socket in a namespace, "" if the server has to choose one.
	SocketID(conn *engineio.Conn, namespace string) string
	// Greeting returns the payload of the packet that says that the client has joined, nil if there is none.
	Greeting(Greeting) any
	// Refusal returns the payload of the packet that says why the client may not join.
	Refusal(Refusal) any
}

// Greeting tells a client that it has joined a namespace.
type Greeting struct {
	SID string `json:"sid"`
	PID string `json:"pid,omitempty"` // for recovery
}

// Refusal is why a client may not join a namespace.
type Refusal struct {
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
	Unknown bool   `json:"-"` // there is no such namespace
}

// protocolOf returns the protocol of a connection.
func protocolOf(conn *engineio.Conn) Protocol {
	if conn.Protocol() == 3 {
		return protocol4{}
	}
	return protocol5{}
}

// noAuth is the auth payload of a client that has sent none: an empty object, as in Node.js.
var noAuth = codec.FromTree(codec.Object{})

// protocol5 is the protocol of socket.io-client 3 and 4.
type protocol5 struct{}

func (protocol5) Split(namespace string) (name, query string)    { return namespace, "" }
func (protocol5) SocketID(*engineio.Conn, string) string         { return "" }
func (protocol5) Greeting(g Greeting) any                        { return g }
func (protocol5) Refusal(r Refusal) any                          { return r }
func (protocol5) Auth(payload codec.Value, _ string) codec.Value { return orNoAuth(payload) }

func orNoAuth(v codec.Value) codec.Value {
	if v.IsNull() {
		return noAuth
	}
	return v
}

// protocol4 is the protocol of socket.io-client 2. The server lets each client join "/" without being asked.
type protocol4 struct{}

// Split splits at the first "?" or "#". Clients append the query of a namespace to its name.
func (protocol4) Split(namespace string) (name, query string) {
	namespace, _, _ = strings.Cut(namespace, "#")
	name, query, _ = strings.Cut(namespace, "?")
	return name, query
}

// Auth returns the query as an object of strings, as Node.js does. If a name occurs several times, its last value
// counts.
func (protocol4) Auth(_ codec.Value, query string) codec.Value {
	if query == "" {
		return noAuth
	}
	var object codec.Object
	places := make(map[string]int)
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		key, value = unescape(key), unescape(value)
		if i, again := places[key]; again {
			object[i].Value = value
			continue
		}
		places[key] = len(object)
		object = append(object, codec.Member{Key: key, Value: value})
	}
	return codec.FromTree(object)
}

// unescape decodes a part of a query. A part that is malformed is left as it is.
func unescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		text = plain
	}
	return strings.ToValidUTF8(text, "\ufffd")
}

// SocketID returns the id that the client computes too: it is not told.
func (protocol4) SocketID(conn *engineio.Conn, namespace string) string {
	if namespace == "/" {
		return conn.ID()
	}
	return namespace + "#" + conn.ID()
}

func (protocol4) Greeting(Greeting) any { return nil }

// Refusal returns what clients pass to the functions of their "error" event: the data or else the message. For an
// unknown namespace it is an object, as in Node.js.
func (protocol4) Refusal(r Refusal) any {
	switch {
	case r.Unknown:
		return r
	case r.Data != nil:
		return r.Data
	}
	return r.Message
}
