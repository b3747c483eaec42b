package broker_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance/proxy"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// recorder is a server that records lines in the order in which it processes them, and answers each.
type recorder struct {
	address string

	mu       sync.Mutex
	lines    []string
	accepted int
}

// record runs a server. It calls begin with the number of a connection before it reads from that connection.
func record(t *testing.T, begin func(connection int), tlsConfig *tls.Config) *recorder {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if tlsConfig != nil {
		ln = tls.NewListener(ln, tlsConfig)
	}
	r := &recorder{address: ln.Addr().String()}
	var running sync.WaitGroup
	running.Go(func() {
		for n := 1; ; n++ {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.accepted++
			r.mu.Unlock()
			running.Go(func() {
				defer conn.Close()
				if tlsConfig != nil {
					conn.(*tls.Conn).Handshake()
				}
				begin(n)
				for in := bufio.NewScanner(conn); in.Scan(); {
					r.mu.Lock()
					r.lines = append(r.lines, in.Text())
					r.mu.Unlock()
					io.WriteString(conn, "ok\n")
				}
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		running.Wait()
	})
	return r
}

func (r *recorder) seen() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.lines...)
}

func publisher(t *testing.T, dialer broker.Dialer) *broker.Publisher {
	p := broker.NewPublisher(dialer)
	t.Cleanup(func() { require.NoError(t, p.Close(context.Background())) })
	return p
}

func send(line string) func(c *broker.Conn) error {
	return func(c *broker.Conn) error {
		if _, err := io.WriteString(c, line+"\n"); err != nil {
			return err
		}
		_, err := c.In.ReadString('\n')
		return err
	}
}

func TestInterruptedRequestNeverTakesEffectAfterALaterOne(t *testing.T) {
	for name, tlsConfig := range map[string]*tls.Config{"TCP": nil, "TLS": certificate(t)} {
		t.Run(name, func(t *testing.T) {
			first := make(chan struct{})
			r := record(t, func(n int) {
				if n == 1 {
					<-first
				}
			}, tlsConfig)
			dial := broker.TCP(r.address).Dial
			if tlsConfig != nil {
				dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
				dial = func(ctx context.Context) (net.Conn, error) {
					return dialer.DialContext(ctx, "tcp", r.address)
				}
			}
			p := publisher(t, broker.Dialer{Dial: dial})
			ctx, cancel := context.WithCancel(t.Context())
			require.ErrorIs(t, p.Do(ctx, func(c *broker.Conn) error {
				_, err := io.WriteString(c, "interrupted\n")
				require.NoError(t, err)
				cancel()
				_, err = c.In.ReadString('\n')
				return err
			}), context.Canceled)

			ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			err := p.Do(ctx, send("never"))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, transport.ErrNotSent, "the broker may still read the interrupted one")

			close(first)
			require.NoError(t, p.Do(t.Context(), send("later")))
			require.Equal(t, []string{"interrupted", "later"}, r.seen())
		})
	}
}

// certificate returns the TLS configuration of a test server of net/http.
func certificate(t *testing.T) *tls.Config {
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	return &tls.Config{Certificates: s.TLS.Certificates}
}

// The request is larger than the buffers of the operating system, so it is interrupted while it is being
// written.
func TestRequestInterruptedWhileItIsWritten(t *testing.T) {
	first := make(chan struct{})
	r := record(t, func(n int) {
		if n == 1 {
			<-first
		}
	}, nil)
	p := publisher(t, broker.TCP(r.address))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	batch := strings.Repeat(strings.Repeat("x", 1000)+"\n", 32<<10)
	require.ErrorIs(t, p.Do(ctx, send(batch)), context.DeadlineExceeded)
	close(first)
	require.NoError(t, p.Do(t.Context(), send("later")))
	lines := r.seen()
	require.Equal(t, "later", lines[len(lines)-1])
	require.Less(t, len(lines), 32<<10)
}

func TestWaitForADeadBrokerIsLimited(t *testing.T) {
	first := make(chan struct{})
	defer close(first)
	r := record(t, func(n int) {
		if n == 1 {
			<-first
		}
	}, nil)
	p := publisher(t, broker.TCP(r.address))
	p.SetLinger(20 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.Do(ctx, send("interrupted")), context.DeadlineExceeded)
	require.NoError(t, p.Do(t.Context(), send("later")))
}

func TestErrNotSentWhenTheRequestDidNotStart(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	called := func(*broker.Conn) error { panic("there is no connection") }
	p := publisher(t, broker.TCP("127.0.0.1:1"))
	require.ErrorIs(t, p.Do(t.Context(), called), transport.ErrNotSent)
	err := p.Do(ended, called)
	require.ErrorIs(t, err, transport.ErrNotSent)
	require.ErrorIs(t, err, context.Canceled)

	refused := errors.New("refused")
	r := record(t, func(int) {}, nil)
	dialer := broker.TCP(r.address)
	dialer.Hello = func(*broker.Conn) error { return refused }
	err = publisher(t, dialer).Do(t.Context(), called)
	require.ErrorIs(t, err, transport.ErrNotSent)
	require.ErrorIs(t, err, refused)

	dialer.Hello = func(c *broker.Conn) error { _, err := c.In.ReadByte(); return err } // the broker sends nothing
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.ErrorIs(t, publisher(t, dialer).Do(short, called), context.DeadlineExceeded)
}

func TestRequestsRunOneAtATime(t *testing.T) {
	r := record(t, func(int) {}, nil)
	p := publisher(t, broker.TCP(r.address))
	inside, leave, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- p.Do(context.Background(), func(c *broker.Conn) error {
			close(inside)
			<-leave
			return send("first")(c)
		})
	}()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := p.Do(ctx, send("second"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, transport.ErrNotSent)
	close(leave)
	require.NoError(t, <-done)
	require.NoError(t, p.Do(t.Context(), send("third")))
	require.Equal(t, []string{"first", "third"}, r.seen())
}

func TestConnectionIsKeptAfterARejectionOnly(t *testing.T) {
	r := record(t, func(int) {}, nil)
	p := publisher(t, broker.TCP(r.address))
	connections := func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.accepted
	}
	failing := func(err error) func(*broker.Conn) error {
		return func(c *broker.Conn) error { return errors.Join(send("x")(c), err) }
	}
	require.NoError(t, p.Do(t.Context(), send("a")))
	require.Error(t, p.Do(t.Context(), failing(&transport.RejectedError{Err: errors.New("too large")})))
	require.NoError(t, p.Do(t.Context(), send("b")))
	require.Equal(t, 1, connections())
	require.Error(t, p.Do(t.Context(), failing(errors.New("unknown answer"))))
	require.NoError(t, p.Do(t.Context(), send("c")))
	require.Equal(t, 2, connections())
	require.Panics(t, func() { p.Do(t.Context(), func(*broker.Conn) error { panic("a bug") }) })
	require.NoError(t, p.Do(t.Context(), send("d")))
	require.Equal(t, 3, connections())
}

// A connection that the broker closed between two requests is replaced without a failed request.
func TestClosedConnectionIsReplaced(t *testing.T) {
	if slices.Contains([]string{"windows", "js", "plan9"}, runtime.GOOS) {
		t.Skip("this system cannot tell whether a connection was closed")
	}
	r := record(t, func(int) {}, nil)
	between := proxy.Start(t, r.address)
	p := publisher(t, broker.TCP(between.Address()))
	for range 20 {
		require.NoError(t, p.Do(t.Context(), send("x")))
		between.Sever()
	}
	require.Len(t, r.seen(), 20)
}

func TestCloseInterruptsRequestsAndIsFinal(t *testing.T) {
	r := record(t, func(int) {}, nil)
	p := broker.NewPublisher(broker.TCP(r.address))
	inside, waiting, done := make(chan struct{}), make(chan error, 1), make(chan error, 1)
	go func() {
		done <- p.Do(context.Background(), func(c *broker.Conn) error {
			close(inside)
			_, err := c.In.ReadByte() // the broker sends nothing
			return err
		})
	}()
	<-inside
	go func() { waiting <- p.Do(context.Background(), send("second")) }()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	require.NoError(t, p.Close(ctx))
	require.ErrorIs(t, <-done, transport.ErrClosed)
	require.ErrorIs(t, <-waiting, transport.ErrClosed)
	for range 2 {
		require.NoError(t, p.Close(ctx), "Close works even if its context has ended")
		require.ErrorIs(t, p.Do(t.Context(), send("later")), transport.ErrClosed)
	}
	require.Empty(t, r.seen())
	require.NoError(t, broker.NewPublisher(broker.TCP(r.address)).Close(ctx))
}
