package main

import (
	"context"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/bench/internal/figures"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// measureDeaf measures how long a node that was deaf needs to catch up, while the others go on publishing.
func measureDeaf(ctx context.Context, s settings, srv *server) ([]logFigure, error) {
	deaf, rate := 30*time.Second, 20000
	if s.Quick {
		deaf = 5 * time.Second
	}
	f := logFigure{Case: "deaf", Unit: "s", goal: goal{10, 3}, Less: true,
		About: fmt.Sprintf("a node that was deaf for %v at %s/s has caught up", deaf, thousands(float64(rate)))}
	var seconds []float64
	for round := range s.Rounds {
		figures.Progress("deaf round %d of %d", round+1, s.Rounds)
		d, bad, err := deafOnce(ctx, s, srv, deaf, rate)
		if err != nil {
			return nil, err
		}
		f.Missing += bad
		seconds = append(seconds, d.Seconds())
	}
	f.Figure = figures.Median(seconds, func(v float64) float64 { return v })
	return []logFigure{f}, nil
}

func deafOnce(ctx context.Context, s settings, srv *server, deaf time.Duration, rate int) (time.Duration, int, error) {
	url, err := srv.database(ctx, "deaf")
	if err != nil {
		return 0, 0, err
	}
	proxy, err := pgtest.StartProxy(url)
	if err != nil {
		return 0, 0, err
	}
	defer proxy.Close()
	publisher, err := spawn(ctx, "pgx"+withLog, url, s.Profiles)
	if err != nil {
		return 0, 0, err
	}
	defer publisher.Stop()
	receiver, err := spawn(ctx, "pgx"+withLog+becomesDeaf, proxy.URL(), s.Profiles)
	if err != nil {
		return 0, 0, err
	}
	defer receiver.Stop()
	t := &team{name: "pgx" + withLog, publishers: []*worker{publisher}, receivers: []*worker{receiver}}
	if err := t.join(); err != nil {
		return 0, 0, err
	}
	const before, after = 3 * time.Second, 10 * time.Second
	c := benchCase{N: int((before + deaf + after).Seconds()) * rate, Rate: float64(rate), Kind: "json", Size: 100,
		Op: "emit"}
	run := runs.Add(1)
	expect := c.command("expect", run)
	expect.Idle = deaf.Seconds() + 15
	if _, err := receiver.ask(expect, patience); err != nil {
		return 0, 0, err
	}
	if err := publisher.Tell(c.command("publish", run)); err != nil {
		return 0, 0, err
	}
	time.Sleep(before)
	proxy.Refuse(true)
	proxy.Cut()
	time.Sleep(deaf)
	proxy.Refuse(false)
	heard := time.Now()
	if err := receiver.Tell(command{Cmd: "caughtUp"}); err != nil {
		return 0, 0, err
	}
	level, err := receiver.answer(patience)
	if err != nil {
		return 0, 0, err
	}
	took := time.Unix(0, level.Last).Sub(heard)
	got, err := receiver.answer(patience)
	if err != nil {
		return 0, 0, err
	}
	sent, err := publisher.answer(patience)
	if err != nil {
		return 0, 0, err
	}
	if sent.Errors > 0 { // the publisher could not keep the rate
		fmt.Printf("deaf: %d of %d messages were refused and not sent\n", sent.Errors, c.N)
	}
	return took, max(c.N-sent.Errors-got.Received, 0) + got.Duplicated, nil
}
