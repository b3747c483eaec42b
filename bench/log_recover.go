package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/backplane-go/backplane/bench/internal/figures"
	"github.com/backplane-go/backplane/bench/internal/roaming"
)

// measureRecovery measures how long the clients of a killed node need to be recovered on two others.
func measureRecovery(ctx context.Context, s settings, srv *server) ([]logFigure, error) {
	clients, missed := 10000, 100
	if s.Quick {
		clients = 2000
	}
	f := logFigure{Case: "recover", Unit: "s", goal: goal{15, 5}, Less: true,
		About: fmt.Sprintf("%s clients of a killed node, each having missed %d events, are recovered on two others",
			thousands(float64(clients)), missed)}
	var seconds []float64
	for round := range s.Rounds {
		figures.Progress("recover round %d of %d", round+1, s.Rounds)
		d, bad, err := recoverOnce(ctx, s, srv, clients, missed)
		if err != nil {
			return nil, err
		}
		f.Missing += bad
		seconds = append(seconds, d.Seconds())
	}
	f.Figure = figures.Median(seconds, func(v float64) float64 { return v })
	if f.Missing > 0 {
		f.Remark = fmt.Sprintf("%d clients were not recovered completely", f.Missing)
	}
	return []logFigure{f}, nil
}

func recoverOnce(ctx context.Context, s settings, srv *server, count, missed int) (time.Duration, int, error) {
	url, err := srv.database(ctx, "recover")
	if err != nil {
		return 0, 0, err
	}
	var servers []*worker
	var addresses []string
	for range 3 {
		w, address, err := startServer(ctx, url, s.Profiles)
		if err != nil {
			return 0, 0, err
		}
		defer w.Stop()
		servers, addresses = append(servers, w), append(addresses, address)
	}
	clients := make([]roaming.Client, count)
	defer func() {
		for i := range clients {
			clients[i].Close()
		}
	}()
	failed := each(clients, func(_ int, c *roaming.Client) error { return c.Connect(addresses[0], 0) })
	if failed.first != nil {
		return 0, 0, fmt.Errorf("%d clients could not connect: %w", failed.count, failed.first)
	}
	if _, err := servers[0].ask(command{Cmd: "emit", N: 1}, patience); err != nil {
		return 0, 0, err
	}
	if failed := each(clients, func(_ int, c *roaming.Client) error { return c.Receive(1) }); failed.first != nil {
		return 0, 0, fmt.Errorf("%d clients did not receive the first event: %w", failed.count, failed.first)
	}
	if err := waitForSessions(ctx, url, count); err != nil {
		return 0, 0, err
	}
	servers[0].Kill()
	if _, err := servers[1].ask(command{Cmd: "emit", First: 1, N: missed}, patience); err != nil {
		return 0, 0, err
	}
	start := time.Now()
	failed = each(clients, func(i int, c *roaming.Client) error { return c.Connect(addresses[1+i%2], 1+missed) })
	took := time.Since(start)
	if failed.first != nil {
		fmt.Printf("recover: %d clients failed, for example: %v\n", failed.count, failed.first)
	}
	return took, failed.count, nil
}

// waitForSessions waits until the sessions of all clients were written.
func waitForSessions(ctx context.Context, url string, count int) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var n int
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM backplane_sessions").Scan(&n); err != nil {
			return err
		}
		if n >= count {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("there are %d sessions, not %d", n, count)
		}
	}
}

// failures counts errors.
type failures struct {
	mu    sync.Mutex
	count int
	first error
}

// each calls f for all clients at the same time. At most a thousand connect at the same moment, because the kernel
// drops connections that a server has not accepted yet.
func each(clients []roaming.Client, f func(i int, c *roaming.Client) error) *failures {
	var failed failures
	var all sync.WaitGroup
	turns := make(chan struct{}, 1000)
	for i := range clients {
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			if err := f(i, &clients[i]); err != nil {
				failed.mu.Lock()
				defer failed.mu.Unlock()
				if failed.count++; failed.first == nil {
					failed.first = err
				}
			}
		})
	}
	all.Wait()
	return &failed
}
