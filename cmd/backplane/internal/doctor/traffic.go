package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/cmd/backplane/internal/listen"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/transport"
)

// watchTime is how long the messages of the shared channel are examined.
const watchTime = time.Second

// watch calls f while it listens to the channel of the namespace. messages has what arrives, unless f reads too slowly.
func (s *subject) watch(
	ctx context.Context, driver transport.Bus,
	f func(ctx context.Context, messages <-chan transport.Message, lost <-chan error) finding,
) finding {
	messages, lost := make(chan transport.Message, 8192), make(chan error, 1)
	listener, err := listen.Open(ctx, listen.Config{
		Bus: driver, Channels: []string{s.channel}, Own: s.flags.OwnChannel(), Timeout: s.flags.Timeout,
		Deliver: func(m transport.Message, _ time.Time) {
			select {
			case messages <- m:
			default:
			}
		},
		Lost: func(err error) {
			select {
			case lost <- err:
			default:
			}
		},
		Recovered: func(time.Duration) {},
	})
	if err != nil {
		return finding{Status: fail, Detail: "LISTEN failed: " + s.server.Explain(err).Error(), Advice: repeat}
	}
	var result finding
	_ = listener.While(ctx, func(ctx context.Context) error {
		result = f(ctx, messages, lost)
		return nil
	})
	return result
}

func (s *subject) lost(err error) finding {
	return finding{Status: fail, Detail: "the connection was lost: " + s.server.Explain(err).Error(), Advice: repeat}
}

// sharedChannel checks that NOTIFY works on the channel that all clusters of the dialect share, and that nobody else
// uses it. It sends a message that belongs to no cluster.
func sharedChannel(ctx context.Context, s *subject) finding {
	return s.withDriver(ctx, func(driver connect.PostgresDriver) finding {
		wire, err := s.flags.Wire(driver)
		if err != nil {
			return s.notChecked(err)
		}
		return s.watch(ctx, driver, func(
			ctx context.Context, messages <-chan transport.Message, lost <-chan error,
		) finding {
			probe := `["backplane-doctor-` + listen.RandomText() + `",""]`
			sent := time.Now()
			err := driver.Publish(ctx, transport.Message{Channel: s.channel, Payload: []byte(probe)})
			if err != nil {
				return finding{Status: fail, Detail: "NOTIFY failed: " + s.server.Explain(err).Error(), Advice: repeat}
			}
			var took time.Duration
			var invalid error
			count, bad := 0, 0
			timer := time.NewTimer(watchTime)
			defer timer.Stop()
			for end := timer.C; ; {
				select {
				case m := <-messages:
					if string(m.Payload) == probe {
						took = time.Since(sent)
						continue
					}
					count++
					if _, err := wire.Decode(m.Channel, m.Payload); err != nil {
						bad, invalid = bad+1, err
					}
					continue
				case err := <-lost:
					return s.lost(err)
				case <-end:
					if took == 0 {
						end = nil // wait for the probe until ctx ends
						continue
					}
				case <-ctx.Done():
				}
				break
			}
			return judgeChannel(s.channel, took, count, bad, invalid)
		})
	})
}

func judgeChannel(channel string, took time.Duration, count, bad int, invalid error) finding {
	switch {
	case took == 0:
		return finding{Status: fail, Detail: "a notification on " + channel + " did not come back",
			Advice: connectDirectly}
	case bad > 0:
		return finding{Status: warn,
			Detail: fmt.Sprintf("%d of %d messages on %s in %v cannot be read: %v", bad, count, channel, watchTime,
				invalid),
			Advice: `find out who sends them; "backplane tail --dialect legacy" prints them`}
	}
	return pass("a notification on %s came back after %s; other messages in %v: %d, all of which can be read",
		channel, milliseconds(took), watchTime, count)
}

// answers asks all nodes for the clients of a room that does not exist.
func answers(ctx context.Context, s *subject) finding {
	if len(s.nodes) == 0 {
		return pass("there is no node to ask")
	}
	certain := 0
	for _, n := range s.nodes {
		if n.Certain {
			certain++
		}
	}
	return s.withDriver(ctx, func(driver connect.PostgresDriver) finding {
		wire, err := s.flags.Wire(driver)
		if err != nil {
			return s.notChecked(err)
		}
		return s.watch(ctx, driver, func(
			ctx context.Context, messages <-chan transport.Message, lost <-chan error,
		) finding {
			id, sent := listen.RandomText(), time.Now()
			if err := s.ask(ctx, driver, wire, id); err != nil {
				return finding{Status: fail, Detail: "NOTIFY failed: " + s.server.Explain(err).Error(), Advice: repeat}
			}
			var first, last time.Duration
			count := 0
			var end <-chan time.Time // when those that may answer have had time
			for count < len(s.nodes) {
				if count >= certain && end == nil {
					end = time.After(watchTime)
				}
				select {
				case m := <-messages:
					env, err := wire.Decode(m.Channel, m.Payload)
					if err != nil || env == nil || env.RequestID != id || env.Type != codec.ListSocketsResponse {
						continue
					}
					if last = time.Since(sent); count == 0 {
						first = last
					}
					count++
				case err := <-lost:
					return s.lost(err)
				case <-end:
					return judgeAnswers(count, certain, first, last)
				case <-ctx.Done():
					return judgeAnswers(count, certain, first, last)
				}
			}
			return judgeAnswers(count, certain, first, last)
		})
	})
}

// ask sends the request.
func (s *subject) ask(ctx context.Context, driver transport.Bus, w *wire.Wire, id string) error {
	o, err := w.Outgoing(s.channel, &codec.Envelope{
		Type: codec.ListSockets, UID: listen.RandomText(), NSP: s.nsp, RequestID: id,
		Opts: codec.Opts{Rooms: []string{"backplane-doctor-" + id}},
	})
	if err != nil {
		return err
	}
	defer o.Release()
	return (&wire.Sender{Wire: w, Bus: driver}).Send(ctx, []*wire.Outgoing{&o})
}

func judgeAnswers(count, certain int, first, last time.Duration) finding {
	switch {
	case count < certain:
		return finding{Status: fail,
			Detail: fmt.Sprintf("only %d of %d nodes have answered a request", count, certain),
			Advice: `find the node that hangs: "backplane nodes --dialect legacy" lists their connections`}
	case count == 0:
		return pass("no server has opened the namespace")
	}
	return pass("nodes that have answered a request: %d, the first after %s, the last after %s", count,
		milliseconds(first), milliseconds(last))
}
