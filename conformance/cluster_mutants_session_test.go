package conformance_test

import (
	"context"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/transport"
)

// hears makes a session receive what change returns for each message. Messages that are none are passed on.
func (s *session) hears(c codec.Codec, change func(m transport.Message, env *codec.Envelope) []transport.Message) {
	var waiting []transport.Message
	s.receive = func(ctx context.Context) (transport.Message, error) {
		for {
			if len(waiting) > 0 {
				m := waiting[0]
				waiting = waiting[1:]
				return m, nil
			}
			m, err := s.Session.Receive(ctx)
			if err != nil {
				return m, err
			}
			env, err := c.Parse(m.Payload, codec.Text)
			if err != nil {
				return m, nil
			}
			waiting = change(m, env)
		}
	}
}
