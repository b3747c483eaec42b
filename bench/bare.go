package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"
)

// bare is the lower bound: it moves the same bytes in the same batches and does nothing else. One connection publishes
// the messages that queued up during the previous batch, another one listens.
type bare struct {
	connect  func(ctx context.Context) (*bareConns, error)
	expected *atomic.Pointer[expectation]
	conns    *bareConns
	cancel   context.CancelFunc
	group    sync.WaitGroup
	wake     chan struct{}

	mu      sync.Mutex // guards waiting
	waiting []bareMessage
}

// bareConns are the two connections.
type bareConns struct {
	publish func(ctx context.Context, payloads []string) error
	receive func(ctx context.Context) ([]byte, error)
	// interrupt ends receive; nil if the end of its context does.
	interrupt func()
	close     func(ctx context.Context)
}

type bareMessage struct {
	payload string
	done    chan error
}

const bareChannel = "socket.io#/"

// The statements that publish a batch. The second one also keeps it, as any log in a table has to.
const (
	bareNotify = "SELECT count(pg_notify($1, p)) FROM unnest($2::text[]) AS m(p)"
	bareInsert = "WITH kept AS (INSERT INTO bench_kept (payload) SELECT p FROM unnest($2::text[]) AS m(p) " +
		"RETURNING payload) SELECT count(pg_notify($1, payload)) FROM kept"
)

// barePostgres publishes each batch with one statement, which waits for the disk if messages are kept.
func barePostgres(ctx context.Context, url string, kept bool) (*bareConns, error) {
	publisher, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	listener, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	prepare, statement := "SET synchronous_commit = off", bareNotify
	if kept {
		prepare = "CREATE TABLE IF NOT EXISTS bench_kept (id bigserial PRIMARY KEY, payload text)"
		statement = bareInsert
	}
	if _, err := publisher.Exec(ctx, prepare); err != nil {
		return nil, err
	}
	if _, err := listener.Exec(ctx, `LISTEN "`+bareChannel+`"`); err != nil {
		return nil, err
	}
	return &bareConns{
		publish: func(ctx context.Context, payloads []string) error {
			_, err := publisher.Exec(ctx, statement, bareChannel, payloads)
			return err
		},
		receive: func(ctx context.Context) ([]byte, error) {
			n, err := listener.WaitForNotification(ctx)
			if err != nil {
				return nil, err
			}
			return []byte(n.Payload), nil
		},
		close: func(ctx context.Context) {
			_ = publisher.Close(ctx) // errors do not matter: the connection ends
			_ = listener.Close(ctx)
		},
	}, nil
}

// bareNATS waits for the server's answer once for each batch.
func bareNATS(_ context.Context, url string) (*bareConns, error) {
	publisher, err := nats.Connect(url)
	if err != nil {
		return nil, err
	}
	listener, err := nats.Connect(url)
	if err != nil {
		return nil, err
	}
	subscription, err := listener.SubscribeSync("bench")
	if err == nil {
		err = subscription.SetPendingLimits(-1, -1)
	}
	if err == nil {
		err = listener.Flush()
	}
	if err != nil {
		return nil, err
	}
	return &bareConns{
		publish: func(_ context.Context, payloads []string) error {
			for _, p := range payloads {
				if err := publisher.Publish("bench", []byte(p)); err != nil {
					return err
				}
			}
			return publisher.Flush()
		},
		receive: func(ctx context.Context) ([]byte, error) {
			m, err := subscription.NextMsgWithContext(ctx)
			if err != nil {
				return nil, err
			}
			return m.Data, nil
		},
		close: func(context.Context) {
			publisher.Close()
			listener.Close()
		},
	}, nil
}

// bareRedis sends each batch in one pipeline.
func bareRedis(ctx context.Context, url string) (*bareConns, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	client := redis.NewClient(options)
	subscription := client.Subscribe(ctx, "bench-bare")
	if _, err := subscription.Receive(ctx); err != nil {
		return nil, err
	}
	return &bareConns{
		publish: func(ctx context.Context, payloads []string) error {
			_, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
				for _, p := range payloads {
					pipe.Publish(ctx, "bench-bare", p)
				}
				return nil
			})
			return err
		},
		receive: func(ctx context.Context) ([]byte, error) {
			m, err := subscription.ReceiveMessage(ctx)
			if err != nil {
				return nil, err
			}
			return []byte(m.Payload), nil
		},
		interrupt: func() { _ = subscription.Close() }, // errors do not matter: the connections end
		close:     func(context.Context) { _ = client.Close() },
	}, nil
}

// join opens both connections.
func (b *bare) join(ctx context.Context) error {
	var err error
	if b.conns, err = b.connect(ctx); err != nil {
		return err
	}
	ctx, b.cancel = context.WithCancel(ctx)
	b.group.Go(func() {
		for {
			p, err := b.conns.receive(ctx)
			if err != nil {
				return
			}
			if e := b.expected.Load(); e != nil {
				e.text(p)
			}
		}
	})
	b.group.Go(func() { b.publish(ctx) })
	return nil
}

func (b *bare) publish(ctx context.Context) {
	for {
		select {
		case <-b.wake:
		case <-ctx.Done():
			return
		}
		b.mu.Lock()
		batch := b.waiting
		b.waiting = nil
		b.mu.Unlock()
		if len(batch) == 0 {
			continue
		}
		payloads := make([]string, len(batch))
		for i, m := range batch {
			payloads[i] = m.payload
		}
		err := b.conns.publish(ctx, payloads)
		for _, m := range batch {
			m.done <- err
		}
	}
}

// do sends the text of a broadcast with this argument, as a Node-compatible node encodes it.
func (b *bare) do(ctx context.Context, c command, i uint32) (int, error) {
	if c.Kind != "json" || c.Op != "emit" {
		return 0, fmt.Errorf("the bare limit supports JSON broadcasts only")
	}
	a := jsonArgument(c.Size, c.Run, i)
	var s strings.Builder
	fmt.Fprintf(&s, `{"uid":"0123456789abcdef","type":3,"nsp":"/","source":"_sio_adapter",`+
		`"data":{"packet":{"type":2,"data":["m",{"run":%d,"i":%d,"t":%d,"pad":"%s"}]},`+
		`"opts":{"rooms":[],"except":[],"flags":{}}}}`,
		a.Run, a.I, a.T, a.Pad)
	m := bareMessage{s.String(), make(chan error, 1)}
	b.mu.Lock()
	b.waiting = append(b.waiting, m)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
	if c.InFlight == 0 && c.Rate == 0 {
		return 0, nil
	}
	return 0, <-m.done
}

func (b *bare) peers(context.Context, int) error { return nil }
func (b *bare) populate(int, int)                {}

func (b *bare) leave(ctx context.Context) error {
	b.cancel()
	if b.conns.interrupt != nil {
		b.conns.interrupt()
	}
	b.group.Wait()
	b.conns.close(ctx)
	return nil
}

func (b *bare) close(context.Context) error { return nil } // the end of the process is enough
