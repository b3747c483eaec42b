package conformance_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// listenBug is a bug in one Listen, or in one channel of ListenAll. Its func gets the channels that were
// requested before.
type listenBug struct {
	check, name string
	nths        []int
	counted     countedChannels
	listen      func(ctx context.Context, s *session, channel string, channels []string) error
}

// countedChannels selects the channels that count for the n-th: new ones, repeated ones, or both.
type countedChannels struct{ fresh, known bool }

var (
	fresh  = countedChannels{fresh: true}
	known  = countedChannels{known: true}
	either = countedChannels{true, true}
)

// earlyCalls and manyCalls are the calls that go wrong: the first ones, those at the sizes of usual tables, the
// last one.
var (
	earlyCalls = []int{4, 17, 100}
	manyCalls  = []int{2, 17, 65, 100, 257, 1000}
)

func forgets(context.Context, *session, string, []string) error { return nil }

func replacesTheFirst(ctx context.Context, s *session, channel string, channels []string) error {
	s.Session.Unlisten(ctx, channels[0])
	return s.Session.Listen(ctx, channel)
}

func hearsItTwice(ctx context.Context, s *session, channel string, _ []string) error {
	s.mapReceived(func(m transport.Message) []transport.Message {
		if m.Channel == channel {
			return []transport.Message{m, m}
		}
		return []transport.Message{m}
	})
	return s.Session.Listen(ctx, channel)
}

func hearsAnotherInstead(ctx context.Context, s *session, channel string, _ []string) error {
	return s.Session.Listen(ctx, channel+"x")
}

func hearsAnotherToo(ctx context.Context, s *session, channel string, _ []string) error {
	s.Session.Listen(ctx, channel+"x")
	return s.Session.Listen(ctx, channel)
}

var listenBugs = []listenBug{
	{"ManyChannelsDeliver", "forgets channel %d", manyCalls, fresh, forgets},
	{"ManyChannelsDeliver", "forgets the first channel at channel %d", manyCalls, fresh, replacesTheFirst},
	{"ManyChannelsDeliver", "delivers channel %d twice", manyCalls, fresh, hearsItTwice},
	{"ManyChannelsDeliver", "listens to another channel instead of channel %d", manyCalls, fresh, hearsAnotherInstead},
	{"ManyChannelsDeliver", "listens to another channel as well as channel %d", manyCalls, fresh, hearsAnotherToo},
	{"ListenAllListensToEach", "forgets channel %d", manyCalls, fresh, forgets},
	{"ListenAllListensToEach", "forgets the first channel at channel %d", manyCalls, fresh, replacesTheFirst},
	{"ListenAllListensToEach", "delivers channel %d twice", manyCalls, fresh, hearsItTwice},
	{"ListenIsActiveOnReturn", "listens to channel %d only with the next Receive", manyCalls, fresh,
		func(ctx context.Context, s *session, channel string, _ []string) error {
			receive := s.receive
			s.receive = func(ctx context.Context) (transport.Message, error) {
				s.receive = receive
				s.Session.Listen(ctx, channel)
				return s.Receive(ctx)
			}
			return nil
		}},
	{"ListenLosesNothing", "drops a waiting message, in call %d", earlyCalls, either,
		func(ctx context.Context, s *session, channel string, _ []string) error {
			s.receiveWaiting(ctx)
			return s.Session.Listen(ctx, channel)
		}},
	{"ListenLosesNothing", "delivers a waiting message twice, in call %d", earlyCalls, either,
		func(ctx context.Context, s *session, channel string, _ []string) error {
			if m, err := s.receiveWaiting(ctx); err == nil {
				s.receiveFirst(m, m)
			}
			return s.Session.Listen(ctx, channel)
		}},
	{"ListenLosesNothing", "swaps two waiting messages, in call %d", earlyCalls, either,
		func(ctx context.Context, s *session, channel string, _ []string) error {
			if m, err := s.receiveWaiting(ctx); err == nil {
				if n, err := s.receiveWaiting(ctx); err == nil {
					s.receiveFirst(n, m)
				} else {
					s.receiveFirst(m)
				}
			}
			return s.Session.Listen(ctx, channel)
		}},
	{"ListenLosesNothing", "drops waiting messages of the repeated channel, in call %d", earlyCalls, known,
		func(ctx context.Context, s *session, channel string, _ []string) error {
			var others []transport.Message
			for {
				m, err := s.receiveWaiting(ctx)
				if err != nil {
					break
				}
				if m.Channel != channel {
					others = append(others, m)
				}
			}
			s.receiveFirst(others...)
			return s.Session.Listen(ctx, channel)
		}},
}

func nthListenMutants() (mutants []mutant[conformance.Harness]) {
	for _, bug := range listenBugs {
		for _, nth := range bug.nths {
			mutants = append(mutants, breaksSession(bug.check, fmt.Sprintf(bug.name, nth),
				func(_ *testing.T, s *session) {
					var channels []string
					n := 0
					s.listen = func(ctx context.Context, channel string) error {
						known := slices.Contains(channels, channel)
						if !known {
							channels = append(channels, channel)
						}
						if known && bug.counted.known || !known && bug.counted.fresh {
							if n++; n == nth {
								return bug.listen(ctx, s, channel, channels)
							}
						}
						return s.Session.Listen(ctx, channel)
					}
					s.listenAll = s.listenEach
				}))
		}
	}
	return mutants
}

// nthUnlistenMutants have a bug in one call of Unlisten.
func nthUnlistenMutants() (mutants []mutant[conformance.Harness]) {
	bugs := []struct {
		check, name string
		nths        []int
		unlisten    func(ctx context.Context, s *session, channel string, channels []string) error
	}{
		{"UnlistenStopsDelivery", "does nothing in call %d of Unlisten", []int{1, 2, 17, 100, 257}, forgets},
		{"UnlistenStopsDelivery", "returns before call %d of Unlisten is complete", []int{1, 2, 17, 100, 257},
			func(ctx context.Context, s *session, channel string, _ []string) error {
				receive := s.receive
				s.receive = func(ctx context.Context) (transport.Message, error) {
					s.receive = receive
					m, err := s.Receive(ctx)
					s.Session.Unlisten(ctx, channel)
					return m, err
				}
				return nil
			}},
		{"ManyChannelsDeliver", "does nothing in call %d of Unlisten", []int{1, 17, 257}, forgets},
		{"ManyChannelsDeliver", "ends the first channel with call %d of Unlisten", []int{1, 17, 257},
			func(ctx context.Context, s *session, channel string, channels []string) error {
				s.Session.Unlisten(ctx, channels[0])
				return s.Session.Unlisten(ctx, channel)
			}},
		{"ManyChannelsDeliver", "ends channels of the same length with call %d of Unlisten", []int{1, 17, 257},
			func(ctx context.Context, s *session, channel string, channels []string) error {
				for _, other := range channels {
					if len(other) == len(channel) {
						s.Session.Unlisten(ctx, other)
					}
				}
				return nil
			}},
		{"ListenLosesNothing", "drops a waiting message, in call %d of Unlisten", earlyCalls,
			func(ctx context.Context, s *session, channel string, _ []string) error {
				s.receiveWaiting(ctx)
				return s.Session.Unlisten(ctx, channel)
			}},
	}
	for _, bug := range bugs {
		for _, nth := range bug.nths {
			mutants = append(mutants, breaksSession(bug.check, fmt.Sprintf(bug.name, nth),
				func(_ *testing.T, s *session) {
					var channels []string
					s.listen = func(ctx context.Context, channel string) error {
						channels = append(channels, channel)
						return s.Session.Listen(ctx, channel)
					}
					calls := 0
					s.unlisten = func(ctx context.Context, channel string) error {
						if calls++; calls == nth {
							return bug.unlisten(ctx, s, channel, channels)
						}
						return s.Session.Unlisten(ctx, channel)
					}
				}))
		}
	}
	return mutants
}
