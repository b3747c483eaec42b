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

// member is one client of this node.
type member struct {
	chat   *Chat
	socket *socketio.Socket
	asking atomic.Bool // a question of its own waits for answers

	mu   sync.Mutex // guards name
	name string
}

// person is the data of a socket, which fetchSockets shows on all nodes. Node.js's servers attach the same.
type person struct {
	Name string `json:"name"`
}

// envelope is what is added to all that a client says.
type envelope struct {
	From string  `json:"from"`
	Node string  `json:"node"` // its uid
	Room *string `json:"room"` // null: everyone
	At   int64   `json:"at"`   // milliseconds since 1970
}

// done acknowledges an event that was taken.
type done struct {
	OK bool `json:"ok"`
}

// introduce gives the client the name that it has asked for, or any.
func (m *member) introduce() {
	var auth person
	if old, ok := m.socket.Data().(person); ok && m.socket.Recovered() {
		auth = old
	} else if m.socket.Auth().Decode(&auth) != nil {
		auth.Name = ""
	}
	name := tidy(auth.Name)
	if name == "" {
		name = "guest " + m.socket.ID()[:4]
	}
	m.call(name)
}

func (m *member) call(name string) {
	m.mu.Lock()
	m.name = name
	m.mu.Unlock()
	m.socket.SetData(person{Name: name})
}

func (m *member) envelope(room string) envelope {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := envelope{From: m.name, Node: m.chat.io.UID(), At: time.Now().UnixMilli()}
	if room != "" {
		e.Room = &room
	}
	return e
}

// say is "chat message".
func (m *member) say(ctx context.Context, in struct{ Room, Text string }, ack func(done)) error {
	type said struct {
		envelope
		Text string `json:"text"`
	}
	room, err := roomOf(in.Room)
	if err != nil {
		return err
	}
	text, err := textOf(in.Text, maxText)
	if err != nil {
		return err
	}
	return m.emit(ctx, room, ack, "chat message", said{m.envelope(room), text})
}

// show is "image".
func (m *member) show(ctx context.Context, in struct {
	Room string
	Data []byte
}, ack func(done)) error {
	type shown struct {
		envelope
		Type string `json:"type"`
		Data []byte `json:"data"`
	}
	room, err := roomOf(in.Room)
	if err != nil {
		return err
	}
	kind, err := pictureOf(in.Data)
	if err != nil {
		return err
	}
	return m.emit(ctx, room, ack, "image", shown{m.envelope(room), kind, in.Data})
}

// emit sends what the member says, which is out also when the member leaves meanwhile.
func (m *member) emit(ctx context.Context, room string, ack func(done), event string, what any) error {
	if err := m.chat.to(room).Emit(context.WithoutCancel(ctx), event, what); err != nil {
		return err2client(err)
	}
	ack(done{true})
	return nil
}

// err2client says what it means that an event could not be published.
func err2client(err error) error {
	if errors.Is(err, backplane.ErrClosed) {
		return refuse("this node is going away")
	}
	return refuse("only the clients of this node got it: the others are out of reach")
}

// typing tells the others in the room. It is not worth a queue.
func (m *member) typing(in struct{ Room string }) error {
	room, err := roomOf(in.Room)
	if err != nil {
		return err
	}
	to := m.socket.Volatile().Broadcast()
	if room != "" {
		to = m.socket.Volatile().To(room)
	}
	return ignoreFull(to.EmitAsync("typing", m.envelope(room)))
}

func ignoreFull(err error) error {
	if errors.Is(err, backplane.ErrQueueFull) || errors.Is(err, backplane.ErrClosed) {
		return nil
	}
	return err
}

func (m *member) join(name string, ack func(done)) error {
	room, err := roomOf(name)
	if err != nil {
		return err
	}
	if room == "" {
		return refuse("a room needs a name")
	}
	if looksLikeID(room) {
		return refuse("this is how clients' own rooms are called") // joining one would be listening in
	}
	if len(m.socket.Rooms()) > maxRooms {
		return refuse("you are in too many rooms")
	}
	m.socket.Join(room)
	ack(done{true})
	m.chat.strip.changed()
	return nil
}

func (m *member) leave(room string, ack func(done)) error {
	if room == m.socket.ID() {
		return refuse("nobody leaves the room of its own")
	}
	m.socket.Leave(room)
	ack(done{true})
	m.chat.strip.changed()
	return nil
}

func (m *member) rename(name string, ack func(done)) error {
	name = tidy(name)
	if name == "" {
		return refuse("a name needs a letter")
	}
	m.call(name)
	ack(done{true})
	m.chat.strip.changed()
	return nil
}
