package broker_test

import (
	"context"
	"errors"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

func message(payload string) transport.Message {
	return transport.Message{Channel: "c", Payload: []byte(payload)}
}

// confirmed returns a Config whose broker confirms at once.
func confirmed() broker.Config {
	subscribe := func(context.Context, ...string) (int, error) { return 0, nil }
	return broker.Config{Subscribe: subscribe, Unsubscribe: subscribe, Close: func() error { return nil }}
}

func open(t *testing.T, config broker.Config) *broker.Session {
	s := broker.NewSession(config)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

func receive(t *testing.T, s *broker.Session, want string) {
	t.Helper()
	m, err := s.Receive(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, string(m.Payload))
}

func requireEnded(t *testing.T, s *broker.Session, want error) {
	t.Helper()
	for range 2 {
		_, err := s.Receive(t.Context())
		require.ErrorIs(t, err, want)
		require.ErrorIs(t, s.Listen(t.Context(), "new"), want)
		require.ErrorIs(t, s.Unlisten(t.Context(), "new"), want)
	}
}

func TestFullQueueEndsTheSession(t *testing.T) {
	for name, limit := range map[string]broker.Config{"Messages": {Messages: 100}, "Bytes": {Bytes: 100 * 5}} {
		t.Run(name, func(t *testing.T) {
			config := confirmed()
			config.Messages, config.Bytes = limit.Messages, limit.Bytes
			s := open(t, config)
			for i := range 1000 {
				s.Deliver(message(strconv.Itoa(1000 + i)))
				if i < 50 {
					receive(t, s, strconv.Itoa(1000+i))
				}
			}
			for i := range 100 {
				receive(t, s, strconv.Itoa(1050+i))
			}
			s.Deliver(message("there is room again"))
			requireEnded(t, s, broker.ErrOverflow)
		})
	}
}

func TestSingleMessageMayBeLargerThanTheQueue(t *testing.T) {
	config := confirmed()
	config.Bytes = 3
	s := open(t, config)
	for range 3 {
		s.Deliver(message("large"))
		receive(t, s, "large")
	}
	s.Deliver(message("large"))
	s.Deliver(message(""))
	receive(t, s, "large")
	requireEnded(t, s, broker.ErrOverflow)
}

func TestMessagesArriveWhileListenWaits(t *testing.T) {
	config := confirmed()
	subscribed, listening := make(chan []string, 1), make(chan struct{})
	config.Subscribe = func(_ context.Context, channels ...string) (int, error) {
		subscribed <- channels
		return 2, nil
	}
	config.Read = func(s *broker.Session) error {
		<-subscribed
		s.Confirm()
		for i := range 1000 {
			s.Deliver(message(strconv.Itoa(i)))
		}
		s.Confirm()
		<-listening
		return io.ErrUnexpectedEOF
	}
	s := open(t, config)
	require.NoError(t, s.ListenAll(t.Context(), "a", "b"))
	close(listening)
	for i := range 1000 {
		receive(t, s, strconv.Itoa(i))
	}
	requireEnded(t, s, io.ErrUnexpectedEOF)
}

// The confirmation may arrive before Subscribe has returned.
func TestConfirmationMayArriveBeforeSubscribeReturns(t *testing.T) {
	var s *broker.Session
	config := confirmed()
	config.Subscribe = func(context.Context, ...string) (int, error) {
		s.Confirm()
		return 1, nil
	}
	s = open(t, config)
	require.NoError(t, s.Listen(t.Context(), "a"))
	s.Confirm()
	require.ErrorContains(t, s.Listen(t.Context(), "b"), "nothing waits for a confirmation")
}

func TestBrokerIsAskedOnlyForChanges(t *testing.T) {
	var asked [][]string
	note := func(what string) func(context.Context, ...string) (int, error) {
		return func(_ context.Context, channels ...string) (int, error) {
			asked = append(asked, append([]string{what}, channels...))
			return 0, nil
		}
	}
	config := confirmed()
	config.Subscribe, config.Unsubscribe = note("+"), note("-")
	s := open(t, config)
	require.NoError(t, s.Unlisten(t.Context(), "a"))
	require.NoError(t, s.Listen(t.Context(), "a"))
	require.NoError(t, s.Listen(t.Context(), "a"))
	require.NoError(t, s.ListenAll(t.Context()))
	require.NoError(t, s.ListenAll(t.Context(), "b", "a", "c", "b"))
	require.NoError(t, s.Unlisten(t.Context(), "a"))
	require.NoError(t, s.Unlisten(t.Context(), "a"))
	require.NoError(t, s.Listen(t.Context(), "a"))
	require.Equal(t, [][]string{{"+", "a"}, {"+", "b", "c"}, {"-", "a"}, {"+", "a"}}, asked)
}

func TestErrorOfListenEndsTheSession(t *testing.T) {
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		subscribe func(s *broker.Session) (int, error)
		want      error
	}{
		"Subscribe":     {func(*broker.Session) (int, error) { return 1, refused }, refused},
		"BrokerRefuses": {func(s *broker.Session) (int, error) { go s.End(refused); return 1, nil }, refused},
		"FirstErrorCounts": {func(s *broker.Session) (int, error) {
			s.End(refused)
			return 1, errors.New("closed")
		}, refused},
		"NilMeansEOF": {func(s *broker.Session) (int, error) { s.End(nil); return 1, nil }, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			var s *broker.Session
			config := confirmed()
			config.Subscribe = func(context.Context, ...string) (int, error) { return c.subscribe(s) }
			s = open(t, config)
			s.Deliver(message("before"))
			require.ErrorIs(t, s.Listen(t.Context(), "a"), c.want)
			s.Deliver(message("after"))
			receive(t, s, "before")
			requireEnded(t, s, c.want)
		})
	}
}

func TestListenReturnsWhenItsContextEnds(t *testing.T) {
	closed := make(chan struct{}, 1)
	for name, subscribe := range map[string]func(ctx context.Context) (int, error){
		"NoConfirmation": func(context.Context) (int, error) { return 1, nil },
		"LibraryWaits":   func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() },
		"WriteWaits":     func(context.Context) (int, error) { <-closed; return 0, io.ErrClosedPipe },
	} {
		t.Run(name, func(t *testing.T) {
			config := confirmed()
			config.Subscribe = func(ctx context.Context, _ ...string) (int, error) { return subscribe(ctx) }
			config.Close = func() error { closed <- struct{}{}; return nil }
			s := open(t, config)
			s.Deliver(message("before"))
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			require.ErrorIs(t, s.Listen(ctx, "a"), context.DeadlineExceeded)
			receive(t, s, "before")
			requireEnded(t, s, context.DeadlineExceeded)
			require.NoError(t, s.Close(t.Context()))
			for len(closed) > 0 {
				<-closed
			}
		})
	}
}

// A lost connection interrupts a library that waits for the broker.
func TestLostConnectionInterruptsSubscribe(t *testing.T) {
	var s *broker.Session
	config := confirmed()
	config.Subscribe = func(ctx context.Context, _ ...string) (int, error) {
		s.End(io.ErrUnexpectedEOF)
		<-ctx.Done()
		return 0, ctx.Err()
	}
	s = open(t, config)
	require.ErrorIs(t, s.Listen(t.Context(), "a"), io.ErrUnexpectedEOF)
}

func TestCloseInterruptsWaitingCalls(t *testing.T) {
	for name, wait := range map[string]func(*broker.Session) error{
		"Receive":  func(s *broker.Session) error { _, err := s.Receive(context.Background()); return err },
		"Listen":   func(s *broker.Session) error { return s.Listen(context.Background(), "a") },
		"Unlisten": func(s *broker.Session) error { return s.Unlisten(context.Background(), "there") },
	} {
		t.Run(name, func(t *testing.T) {
			config := confirmed()
			config.Subscribe = func(_ context.Context, channels ...string) (int, error) {
				if channels[0] == "there" {
					return 0, nil
				}
				return 1, nil
			}
			config.Unsubscribe = func(context.Context, ...string) (int, error) { return 1, nil }
			s := open(t, config)
			require.NoError(t, s.Listen(t.Context(), "there"))
			done := make(chan error, 1)
			go func() { done <- wait(s) }()
			require.NoError(t, s.Close(t.Context()))
			require.ErrorIs(t, <-done, transport.ErrClosed)
			requireEnded(t, s, transport.ErrClosed)
		})
	}
}

func TestCloseReleasesAndDrops(t *testing.T) {
	config := confirmed()
	stop := make(chan struct{})
	var closes, reads int
	config.Read = func(*broker.Session) error {
		<-stop
		reads++
		return io.EOF
	}
	config.Close = func() error {
		closes++
		close(stop)
		return errors.New("ignored")
	}
	s := broker.NewSession(config)
	s.Deliver(message("dropped"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ended); err != nil {
		require.ErrorIs(t, err, context.Canceled)
	}
	for range 2 {
		require.NoError(t, s.Close(t.Context()))
		require.Equal(t, []int{1, 1}, []int{closes, reads})
	}
	requireEnded(t, s, transport.ErrClosed)
}

// A session that has ended returns its final error until it is closed, and ErrClosed afterwards.
func TestErrClosedReplacesTheFinalError(t *testing.T) {
	s := open(t, confirmed())
	s.Deliver(message("dropped"))
	s.End(io.ErrUnexpectedEOF)
	require.NoError(t, s.Close(t.Context()))
	requireEnded(t, s, transport.ErrClosed)
}

func TestCanceledReceiveLosesNothing(t *testing.T) {
	s := open(t, confirmed())
	for i := range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		go s.Deliver(message(strconv.Itoa(i)))
		go cancel()
		if _, err := s.Receive(ctx); err != nil {
			require.ErrorIs(t, err, context.Canceled)
			receive(t, s, strconv.Itoa(i))
		}
		_, err := s.Receive(ctx)
		require.ErrorIs(t, err, context.Canceled)
		cancel()
	}
}

func BenchmarkDeliverAndReceive(b *testing.B) {
	s := broker.NewSession(confirmed())
	defer s.Close(context.Background())
	m := message("payload")
	b.ReportAllocs()
	for b.Loop() {
		s.Deliver(m)
		if _, err := s.Receive(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
