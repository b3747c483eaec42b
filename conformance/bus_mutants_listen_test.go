package conformance_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

var listenMutants = slices.Concat(nthListenMutants(), nthUnlistenMutants(), listenErrorMutants(),
	[]mutant[conformance.Harness]{
		breaksSession("ListenIsActiveOnReturn", "listens only with the next Receive", func(_ *testing.T, s *session) {
			var waiting []string
			s.listen = func(_ context.Context, channel string) error {
				waiting = append(waiting, channel)
				return nil
			}
			s.receive = func(ctx context.Context) (transport.Message, error) {
				for _, channel := range waiting {
					s.Session.Listen(ctx, channel)
				}
				waiting = nil
				return s.Session.Receive(ctx)
			}
		}),
		{"ListenIsActiveOnReturn", "listens only with the next Receive while messages wait",
			func(*testing.T) conformance.Harness {
				var waiting atomic.Int64
				return newBusMedium(transport.Limits{}).harness(func(b *bus) {
					b.publish = func(ctx context.Context, msgs ...transport.Message) error {
						waiting.Add(int64(len(msgs)))
						return b.Hub.Publish(ctx, msgs...)
					}
					b.session = func(s *session) {
						var late []string
						s.listen = func(ctx context.Context, channel string) error {
							if waiting.Load() > 0 {
								late = append(late, channel)
								return nil
							}
							return s.Session.Listen(ctx, channel)
						}
						s.receive = func(ctx context.Context) (transport.Message, error) {
							m, err := s.Session.Receive(ctx)
							if err == nil {
								waiting.Add(-1)
							}
							for _, channel := range late {
								s.Session.Listen(ctx, channel)
							}
							late = nil
							return m, err
						}
					}
				})
			}},
		breaksSession("ListenLosesNothing", "misses messages for a moment when it listens again",
			func(_ *testing.T, s *session) {
				s.listen = func(ctx context.Context, channel string) error {
					s.Session.Unlisten(ctx, channel)
					time.Sleep(100 * time.Microsecond)
					return s.Session.Listen(ctx, channel)
				}
			}),
		breaks("ListenTwiceDeliversOnce", "delivers a message once per Listen", func(t *testing.T, b *bus) {
			b.useOneChannel(func(channel string, listening map[string]int) int { return listening[channel] })
		}),
		breaks("ListenTwiceDeliversOnce", "needs as many calls of Unlisten as of Listen", func(t *testing.T, b *bus) {
			b.useOneChannel(func(channel string, listening map[string]int) int { return min(listening[channel], 1) })
		}),
		breaksSession("ListenLosesNothing", "drops waiting messages in Listen", func(_ *testing.T, s *session) {
			s.listen = func(ctx context.Context, channel string) error {
				s.discardWaiting(ctx)
				return s.Session.Listen(ctx, channel)
			}
		}),
		breaksSession("ListenLosesNothing", "drops waiting messages in Unlisten", func(_ *testing.T, s *session) {
			s.unlisten = func(ctx context.Context, channel string) error {
				s.discardWaiting(ctx)
				return s.Session.Unlisten(ctx, channel)
			}
		}),
		breaksSession("UnlistenStopsDelivery", "does nothing in Unlisten", func(_ *testing.T, s *session) {
			s.unlisten = func(context.Context, string) error { return nil }
		}),
		breaksSession("UnlistenStopsDelivery", "ends a channel one message later", func(_ *testing.T, s *session) {
			var waiting []string
			s.unlisten = func(_ context.Context, channel string) error {
				waiting = append(waiting, channel)
				return nil
			}
			s.receive = func(ctx context.Context) (transport.Message, error) {
				m, err := s.Session.Receive(ctx)
				for _, channel := range waiting {
					s.Session.Unlisten(ctx, channel)
				}
				waiting = nil
				return m, err
			}
		}),
		breaksSession("UnlistenKeepsOtherChannels", "ends all channels", func(_ *testing.T, s *session) {
			var all []string
			s.listen = func(ctx context.Context, channel string) error {
				all = append(all, channel)
				return s.Session.Listen(ctx, channel)
			}
			s.unlisten = func(ctx context.Context, _ string) error {
				for _, channel := range all {
					s.Session.Unlisten(ctx, channel)
				}
				return nil
			}
		}),
		breaks("UnlistenKeepsOtherChannels", "ends the channel in all sessions", func(_ *testing.T, b *bus) {
			var sessions []*session
			b.session = func(s *session) {
				sessions = append(sessions, s)
				s.unlisten = func(ctx context.Context, channel string) error {
					for _, s := range sessions {
						s.Session.Unlisten(ctx, channel)
					}
					return nil
				}
			}
		}),
		breaksSession("UnlistenOfUnknownIsNoError", "fails in Unlisten without a Listen before",
			func(_ *testing.T, s *session) {
				known := make(map[string]bool)
				s.listen = func(ctx context.Context, channel string) error {
					known[channel] = true
					return s.Session.Listen(ctx, channel)
				}
				s.unlisten = func(ctx context.Context, channel string) error {
					if !known[channel] {
						return errors.New("not listening")
					}
					known[channel] = false
					return s.Session.Unlisten(ctx, channel)
				}
			}),
		breaksSession("UnlistenStopsDelivery", "ignores a Listen after Unlisten", func(_ *testing.T, s *session) {
			known := make(map[string]bool)
			s.listen = func(ctx context.Context, channel string) error {
				if known[channel] {
					return nil
				}
				known[channel] = true
				return s.Session.Listen(ctx, channel)
			}
		}),
		breaksListenAll("ListenAllListensToEach", "forgets the last channel",
			func(ctx context.Context, s *session, channels []string) error {
				return s.Session.(transport.MultiListener).ListenAll(ctx, channels[:max(0, len(channels)-1)]...)
			}),
		breaksListenAll("ListenAllListensToEach", "listens to at most 999 channels",
			func(ctx context.Context, s *session, channels []string) error {
				return s.Session.(transport.MultiListener).ListenAll(ctx, channels[:min(len(channels), 999)]...)
			}),
		breaksListenAll("ListenAllListensToEach", "returns before it listens",
			func(ctx context.Context, s *session, channels []string) error {
				receive := s.receive
				s.receive = func(ctx context.Context) (transport.Message, error) {
					if s.receive = receive; len(channels) > 0 {
						s.Session.(transport.MultiListener).ListenAll(ctx, channels...)
					}
					return s.Receive(ctx)
				}
				return nil
			}),
		breaksListenAll("ListenAllListensToEach", "fails without channels",
			func(ctx context.Context, s *session, channels []string) error {
				if len(channels) == 0 {
					return errors.New("no channels")
				}
				return s.Session.(transport.MultiListener).ListenAll(ctx, channels...)
			}),
		breaksUnlistenAll("forgets the last channel", func(channels []string) []string {
			return channels[:max(0, len(channels)-1)]
		}),
		breaksUnlistenAll("leaves the first channel only", func(channels []string) []string {
			return channels[:min(len(channels), 3)]
		}),
		breaksUnlistenAll("leaves another channel, too", func(channels []string) []string {
			if len(channels) == 0 {
				return nil
			}
			return append(slices.Clone(channels), strings.Replace(channels[1], "2", "3", 1))
		}),
		breaks("ListenAllListensToEach", "delivers a message once per listed channel", func(t *testing.T, b *bus) {
			b.session = func(s *session) {
				listed := make(map[string]int)
				s.listenAll = func(ctx context.Context, channels []string) error {
					for _, channel := range channels {
						listed[channel]++
					}
					return s.Session.(transport.MultiListener).ListenAll(ctx, channels...)
				}
				s.mapReceived(func(m transport.Message) []transport.Message {
					return slices.Repeat([]transport.Message{m}, max(1, listed[m.Channel]))
				})
			}
		}),
		breaksListenAll("ListenLosesNothing", "drops waiting messages in ListenAll",
			func(ctx context.Context, s *session, channels []string) error {
				s.discardWaiting(ctx)
				return s.Session.(transport.MultiListener).ListenAll(ctx, channels...)
			}),
		breaksSession("ListenAllListensToEach", "listens to the last of many channels only with the next Receive",
			func(_ *testing.T, s *session) {
				last := ""
				s.listenAll = func(ctx context.Context, channels []string) error {
					if len(channels) > 200 {
						channels, last = channels[:len(channels)-1], channels[len(channels)-1]
					}
					return s.Session.(transport.MultiListener).ListenAll(ctx, channels...)
				}
				s.receive = func(ctx context.Context) (transport.Message, error) {
					if last != "" {
						s.Session.Listen(ctx, last)
						last = ""
					}
					return s.Session.Receive(ctx)
				}
			}),
		breaksListenAll("ListenAllListensToEach", "listens to at most 1,024 channels",
			func(ctx context.Context, s *session, channels []string) error {
				return s.Session.(transport.MultiListener).ListenAll(ctx, channels[:min(len(channels), 1024)]...)
			}),
		breaksSession("ListenAllListensToEach", "ends all channels in ListenAll without channels",
			func(_ *testing.T, s *session) {
				var all []string
				s.listenAll = func(ctx context.Context, channels []string) error {
					if len(channels) == 0 {
						for _, channel := range all {
							s.Session.Unlisten(ctx, channel)
						}
					}
					all = append(all, channels...)
					return s.Session.(transport.MultiListener).ListenAll(ctx, channels...)
				}
			}),
		breaksSession("ListenLosesNothing", "replaces the channels in ListenAll", func(_ *testing.T, s *session) {
			var all []string
			s.listen = func(ctx context.Context, channel string) error {
				all = append(all, channel)
				return s.Session.Listen(ctx, channel)
			}
			s.listenAll = func(ctx context.Context, channels []string) error {
				for _, channel := range all {
					s.Session.Unlisten(ctx, channel)
				}
				all = channels
				return s.Session.(transport.MultiListener).ListenAll(ctx, channels...)
			}
		}),
	})

// breaksUnlistenAll returns a mutant whose UnlistenAll leaves other channels.
func breaksUnlistenAll(bug string, others func(channels []string) []string) mutant[conformance.Harness] {
	return breaksSession("UnlistenAllStopsEach", bug, func(_ *testing.T, s *session) {
		s.unlistenAll = func(ctx context.Context, channels []string) error {
			for _, channel := range others(channels) {
				if err := s.Session.Unlisten(ctx, channel); err != nil {
					return err
				}
			}
			return nil
		}
	})
}

// breaksListenAll returns a mutant with another ListenAll.
func breaksListenAll(check, bug string, listenAll func(ctx context.Context, s *session,
	channels []string) error) mutant[conformance.Harness] {
	return breaksSession(check, bug, func(_ *testing.T, s *session) {
		s.listenAll = func(ctx context.Context, channels []string) error { return listenAll(ctx, s, channels) }
	})
}
