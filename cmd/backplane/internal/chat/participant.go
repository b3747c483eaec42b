package chat

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
)

// participant is one client of this node. Its methods handle the events that the client sends.
type participant struct {
	chat   *Chat
	socket *socketio.Socket
	asking atomic.Bool // a question of this client waits for answers

	mu   sync.Mutex // guards name
	name string
}

// person is the data of a socket, which fetchSockets returns on all nodes. The Node.js servers of examples/mixed attach
// the same.
type person struct {
	Name string `json:"name"`
}

// DecodeData restores the data of a client that comes from another node.
func DecodeData(data backplane.Value) (any, error) {
	var p person
	err := data.Decode(&p)
	return p, err
}

// envelope is added to everything that a client sends to others.
type envelope struct {
	From string  `json:"from"`
	Node string  `json:"node"` // uid
	Room *string `json:"room"` // null: everyone
	At   int64   `json:"at"`   // milliseconds since 1970
}

// accepted acknowledges an event that is not refused.
type accepted struct {
	OK bool `json:"ok"`
}

// chooseName gives the client the name it asks for, or a default.
func (p *participant) chooseName() {
	var auth person
	if recovered, ok := p.socket.Data().(person); ok && p.socket.Recovered() {
		auth = recovered
	} else if p.socket.Auth().Decode(&auth) != nil {
		auth.Name = ""
	}
	name := cleanName(auth.Name)
	if name == "" {
		name = "guest " + p.socket.ID()[:4]
	}
	p.setName(name)
}

func (p *participant) setName(name string) {
	p.mu.Lock()
	p.name = name
	p.mu.Unlock()
	p.socket.SetData(person{Name: name})
}

func (p *participant) envelope(room string) envelope {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := envelope{From: p.name, Node: p.chat.io.UID(), At: time.Now().UnixMilli()}
	if room != "" {
		e.Room = &room
	}
	return e
}

// sendText handles "chat message".
func (p *participant) sendText(ctx context.Context, in struct{ Room, Text string }, ack func(accepted)) error {
	type message struct {
		envelope
		Text string `json:"text"`
	}
	room, err := checkRoom(in.Room)
	if err != nil {
		return err
	}
	text, err := checkText(in.Text, maxText)
	if err != nil {
		return err
	}
	return p.emit(ctx, room, ack, "chat message", message{p.envelope(room), text})
}

// sendPicture handles "image".
func (p *participant) sendPicture(ctx context.Context, in struct {
	Room string
	Data []byte
}, ack func(accepted)) error {
	type message struct {
		envelope
		Type string `json:"type"`
		Data []byte `json:"data"`
	}
	room, err := checkRoom(in.Room)
	if err != nil {
		return err
	}
	kind, err := checkPicture(in.Data)
	if err != nil {
		return err
	}
	return p.emit(ctx, room, ack, "image", message{p.envelope(room), kind, in.Data})
}

// emit sends a message and acknowledges it. A message is sent even if its client disconnects in the meantime.
func (p *participant) emit(ctx context.Context, room string, ack func(accepted), event string, message any) error {
	if err := p.chat.to(room).Emit(context.WithoutCancel(ctx), event, message); err != nil {
		return explain(err)
	}
	ack(accepted{true})
	return nil
}

// explain returns the error for a client whose message could not be published.
func explain(err error) error {
	if errors.Is(err, backplane.ErrClosed) {
		return refuse("this node shuts down")
	}
	return refuse("only the clients of this node got it, because the other nodes cannot be reached")
}

// sendTyping handles "typing". It is not acknowledged, and dropped when there is a queue.
func (p *participant) sendTyping(in struct{ Room string }) error {
	room, err := checkRoom(in.Room)
	if err != nil {
		return err
	}
	to := p.socket.Volatile().Broadcast()
	if room != "" {
		to = p.socket.Volatile().To(room)
	}
	err = to.EmitAsync("typing", p.envelope(room))
	if errors.Is(err, backplane.ErrQueueFull) || errors.Is(err, backplane.ErrClosed) {
		return nil
	}
	return err
}

func (p *participant) join(name string, ack func(accepted)) error {
	room, err := checkRoom(name)
	if err != nil {
		return err
	}
	if room == "" {
		return refuse("a room needs a name")
	}
	if looksLikeID(room) { // in another client's own room it would receive the messages to that client
		return refuse("this name is reserved for a client's own room")
	}
	if len(p.socket.Rooms()) > maxRooms {
		return refuse("you are in too many rooms")
	}
	p.socket.Join(room)
	ack(accepted{true})
	p.chat.overview.clientsChanged()
	return nil
}

func (p *participant) leave(room string, ack func(accepted)) error {
	if room == p.socket.ID() {
		return refuse("a client cannot leave its own room")
	}
	p.socket.Leave(room)
	ack(accepted{true})
	p.chat.overview.clientsChanged()
	return nil
}

func (p *participant) rename(name string, ack func(accepted)) error {
	name = cleanName(name)
	if name == "" {
		return refuse("a name needs a visible character")
	}
	p.setName(name)
	ack(accepted{true})
	p.chat.overview.clientsChanged()
	return nil
}
