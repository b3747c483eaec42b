package core_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/transport"
)

// puppet is a peer that sends what the test tells it to, and keeps everything that it receives.
type puppet struct {
	t     testing.TB
	bus   transport.Bus
	uid   string
	nsp   string
	heard log[*codec.Envelope]

	mu    sync.Mutex // guards alive
	alive []string   // the uids in whose name it answers announcements, as every live node does
}

// live makes the puppet answer announcements in the name of these uids only.
func (p *puppet) live(uids ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alive = uids
}

// answerAnnouncement answers an announcement.
func (p *puppet) answerAnnouncement(env *codec.Envelope) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, uid := range p.alive {
		if env.Type == codec.InitialHeartbeat && env.UID != uid {
			_ = p.publish(codec.Envelope{Type: codec.Heartbeat, UID: uid}) // fails only if the bus is closed
		}
	}
}

func newPuppet(t testing.TB, bus transport.Bus, nsp, uid string) *puppet {
	t.Helper()
	p := &puppet{t: t, bus: bus, uid: uid, nsp: nsp}
	session, err := bus.Open(t.Context())
	require.NoError(t, err, "a puppet's Open")
	require.NoError(t, session.Listen(t.Context(), "socket.io#"+nsp), "a puppet's Listen")
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var group sync.WaitGroup
	group.Go(func() {
		for {
			m, err := session.Receive(ctx)
			if err != nil {
				return
			}
			env, err := jsonmsgpack.Codec{}.Parse(m.Payload, codec.Text)
			if err != nil {
				env = &codec.Envelope{UID: string(m.Payload)}
			}
			p.heard.add(env)
			p.answerAnnouncement(env)
		}
	})
	t.Cleanup(func() {
		cancel()
		group.Wait()
		_ = session.Close(context.Background())
	})
	return p
}

// say publishes an envelope as the puppet, unless it names another sender.
func (p *puppet) say(env codec.Envelope) {
	p.t.Helper()
	require.NoError(p.t, p.publish(env), "a puppet's %v", env.Type)
}

// publish is say for a goroutine that is not the test's.
func (p *puppet) publish(env codec.Envelope) error {
	if env.UID == "" {
		env.UID = p.uid
	}
	if env.NSP == "" {
		env.NSP = p.nsp
	}
	payload, err := jsonmsgpack.Codec{}.Append(nil, &env, codec.Text)
	if err != nil {
		return err
	}
	return p.send(payload)
}

// shout publishes any bytes.
func (p *puppet) shout(payload string) {
	p.t.Helper()
	require.NoError(p.t, p.send([]byte(payload)), "a puppet's Publish")
}

func (p *puppet) send(payload []byte) error {
	return p.bus.Publish(context.Background(), transport.Message{Channel: "socket.io#" + p.nsp, Payload: payload})
}

// of returns the messages of a type that were received from a node.
func (p *puppet) of(uid string, typ codec.Type) (all []*codec.Envelope, at []time.Time) {
	heard := p.heard.all()
	times := p.heard.when() // of these messages, and perhaps of more
	for i, env := range heard {
		if env.UID == uid && env.Type == typ {
			all, at = append(all, env), append(at, times[i])
		}
	}
	return all, at
}

// next waits for the first message of a type from a node, and returns it.
func (p *puppet) next(uid string, typ codec.Type) *codec.Envelope {
	p.t.Helper()
	for n := 1; ; n++ {
		p.heard.wait(p.t, n)
		if all, _ := p.of(uid, typ); len(all) > 0 {
			return all[0]
		}
	}
}
