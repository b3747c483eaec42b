package memory_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, hub *memory.Hub, channels ...string) transport.Session {
	t.Helper()
	s, err := hub.Open(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { s.Close(context.Background()) })
	for _, c := range channels {
		require.NoError(t, s.Listen(t.Context(), c))
	}
	return s
}

func message(payload string) transport.Message {
	return transport.Message{Channel: "a", Payload: []byte(payload)}
}

func receive(t *testing.T, s transport.Session) string {
	t.Helper()
	m, err := s.Receive(t.Context())
	require.NoError(t, err)
	return string(m.Payload)
}

func TestSlowSessionEndsAndOthersContinue(t *testing.T) {
	for name, config := range map[string]memory.Config{
		"InMessages": {Buffer: 2, Patience: time.Minute},
		"InBytes":    {BufferBytes: 2, Patience: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHubWithConfig(config)
				slow, quick := open(t, hub, "a"), open(t, hub, "a")
				got := make(chan string)
				go func() {
					for range 4 {
						m, _ := quick.Receive(t.Context())
						got <- string(m.Payload)
					}
				}()
				go hub.Publish(t.Context(), message("1"), message("2"), message("3"), message("4"))

				start := time.Now()
				for _, want := range []string{"1", "2", "3", "4"} {
					require.Equal(t, want, <-got)
				}
				require.Equal(t, time.Minute, time.Since(start), "Publish must wait for the slow session for Patience")
				require.Equal(t, "1", receive(t, slow))
				require.Equal(t, "2", receive(t, slow))
				for range 2 {
					_, err := slow.Receive(t.Context())
					require.ErrorIs(t, err, memory.ErrSlow)
				}
				require.ErrorIs(t, slow.Listen(t.Context(), "b"), memory.ErrSlow)
			})
		})
	}
}

func TestPublishWaitsForRoom(t *testing.T) {
	for name, config := range map[string]memory.Config{
		"InMessages": {Buffer: 1},
		"InBytes":    {BufferBytes: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHubWithConfig(config)
				s := open(t, hub, "a")
				done := make(chan error, 2)
				go func() { done <- hub.Publish(t.Context(), message("1"), message("2"), message("3")) }()
				synctest.Wait()
				go func() { done <- hub.Publish(t.Context(), message("4")) }() // waits for the first Publish
				for _, want := range []string{"1", "2", "3", "4"} {
					time.Sleep(time.Second / 4)
					require.Equal(t, want, receive(t, s))
				}
				require.NoError(t, <-done)
				require.NoError(t, <-done)
			})
		})
	}
}

func TestPatienceIsATotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHubWithConfig(memory.Config{Buffer: 16})
		s := open(t, hub, "a")
		got := make(chan int)
		go func() {
			n := 0
			for {
				time.Sleep(time.Second / 10)
				if _, err := s.Receive(t.Context()); err != nil {
					break
				}
				n++
			}
			got <- n
		}()
		start := time.Now()
		for range 100 {
			require.NoError(t, hub.Publish(t.Context(), message("x")))
		}
		require.Equal(t, time.Second/2, time.Since(start),
			"a session that receives five messages in half a second must end after half a second")
		require.Equal(t, 16+4, <-got)
	})
}

func TestPatienceStartsAnewForASessionThatKeepsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHubWithConfig(memory.Config{Buffer: 16})
		s := open(t, hub, "a")
		done := make(chan error, 1)
		go func() {
			for range 1000 {
				time.Sleep(time.Second / 20)
				if _, err := s.Receive(t.Context()); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		for range 1000 {
			require.NoError(t, hub.Publish(t.Context(), message("x")))
		}
		require.NoError(t, <-done, "the session receives half a buffer in less than half a second")
	})
}

func TestWaitingPublishReturnsWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHubWithConfig(memory.Config{Buffer: 1, Patience: time.Hour})
		s := open(t, hub, "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		done := make(chan error, 2)
		go func() { done <- hub.Publish(ctx, message("1"), message("2")) }()
		synctest.Wait()
		go func() { done <- hub.Publish(ctx, message("3")) }()
		require.ErrorIs(t, <-done, context.DeadlineExceeded)
		require.ErrorIs(t, <-done, context.DeadlineExceeded)
		require.Equal(t, "1", receive(t, s))
		require.NoError(t, hub.Publish(t.Context(), message("4")))
		require.Equal(t, "4", receive(t, s))
	})
}

func TestClosingASlowSessionReleasesThePublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHubWithConfig(memory.Config{Buffer: 1, Patience: time.Hour})
		s := open(t, hub, "a")
		done := make(chan error, 1)
		go func() { done <- hub.Publish(t.Context(), message("1"), message("2"), message("3")) }()
		synctest.Wait()
		require.NoError(t, s.Close(t.Context()))
		require.NoError(t, <-done)
		_, err := s.Receive(t.Context())
		require.ErrorIs(t, err, transport.ErrClosed)
	})
}

func TestFailAndSever(t *testing.T) {
	hub := memory.NewHub()
	s := open(t, hub, "a")
	require.NoError(t, hub.Publish(t.Context(), message("before")))

	down := errors.New("down")
	hub.Fail(down)
	hub.Sever(down)
	require.ErrorIs(t, hub.Publish(t.Context(), message("x")), down)
	_, err := hub.Open(t.Context())
	require.ErrorIs(t, err, down)
	require.Equal(t, "before", receive(t, s), "the messages in the buffer must arrive before the final error")
	_, err = s.Receive(t.Context())
	require.ErrorIs(t, err, down)
	require.ErrorIs(t, s.Unlisten(t.Context(), "a"), down)
	require.NoError(t, s.Close(t.Context()))
	_, err = s.Receive(t.Context())
	require.ErrorIs(t, err, transport.ErrClosed)

	hub.Heal()
	s = open(t, hub, "a")
	require.NoError(t, hub.Publish(t.Context(), message("after")))
	require.Equal(t, "after", receive(t, s))

	hub.Fail(nil)
	hub.Sever(nil)
	require.ErrorIs(t, hub.Publish(t.Context(), message("x")), memory.ErrOutage)
	_, err = s.Receive(t.Context())
	require.ErrorIs(t, err, memory.ErrOutage)
}

func TestStallHoldsCallsUntilHeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		s, other, silent := open(t, hub, "a"), open(t, hub), open(t, hub)
		hub.Stall()
		hub.Stall() // a second call does nothing
		for name, call := range map[string]func(ctx context.Context) error{
			"Publish":  func(ctx context.Context) error { return hub.Publish(ctx, message("interrupted")) },
			"Open":     func(ctx context.Context) error { _, err := hub.Open(ctx); return err },
			"Unlisten": func(ctx context.Context) error { return silent.Unlisten(ctx, "a") },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			start := time.Now()
			require.ErrorIs(t, call(ctx), context.DeadlineExceeded, name)
			require.Equal(t, time.Minute, time.Since(start), name)
			cancel()
		}
		listened := make(chan error, 1)
		go func() { listened <- other.Listen(t.Context(), "a") }()
		synctest.Wait()
		require.NoError(t, other.Close(t.Context()))
		require.ErrorIs(t, <-listened, transport.ErrClosed)

		published := make(chan error, 1)
		go func() { published <- hub.Publish(t.Context(), message("kept")) }()
		synctest.Wait()
		hub.Heal()
		require.NoError(t, <-published)
		require.Equal(t, "kept", receive(t, s))
	})
}

func TestAllSessionsSeeOneOrder(t *testing.T) {
	hub := memory.NewHubWithConfig(memory.Config{Buffer: 16})
	const publishers, each = 4, 200
	one, two := open(t, hub, "a"), open(t, hub, "a")
	errs := make(chan error, publishers)
	for range publishers {
		go func() {
			var err error
			for i := range each {
				err = errors.Join(err, hub.Publish(context.Background(), message(string(rune('a'+i%26)))))
			}
			errs <- err
		}()
	}
	for range publishers * each {
		require.Equal(t, receive(t, one), receive(t, two))
	}
	for range publishers {
		require.NoError(t, <-errs)
	}
}

func BenchmarkPublish(b *testing.B) {
	hub := memory.NewHub()
	s, err := hub.Open(b.Context())
	require.NoError(b, err)
	require.NoError(b, s.Listen(b.Context(), "a"))
	defer s.Close(context.Background())
	go func() {
		for {
			if _, err := s.Receive(context.Background()); err != nil {
				return
			}
		}
	}()
	m := transport.Message{Channel: "a", Payload: make([]byte, 262)}
	b.ReportAllocs()
	for b.Loop() {
		if err := hub.Publish(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}
