package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/backplane-go/backplane/bench/internal/figures"
)

// settings are those of one comparison.
type settings struct {
	figures.Options
	url string
}

// outcome holds the figures of one contender in one round of a case.
type outcome struct {
	PerSecond  float64
	P50, P99   float64 // microseconds
	CPU        [3]float64
	Missing    int
	Duplicated int
	Errors     int
}

// Indexes of outcome.CPU, which holds seconds per message.
const (
	cpuPublisher = iota
	cpuReceiver
	cpuPostgres
)

// outcomes holds the outcome of every round, by contender.
type outcomes map[string][]outcome

const patience = 2 * time.Minute

func compare(ctx context.Context, s settings) error {
	srv, err := openServer(ctx, s.url)
	if err != nil {
		return err
	}
	defer srv.drop(context.WithoutCancel(ctx))
	figures.Progress("warming up PostgreSQL")
	if err := srv.warmUp(ctx); err != nil {
		return fmt.Errorf("warming up PostgreSQL: %w", err)
	}
	chosen, results, err := s.run(ctx, srv, cases)
	if err != nil || s.Out == "" {
		return err
	}
	return write(s, srv, chosen, results)
}

// run runs the chosen ones of the cases.
func (s settings) run(ctx context.Context, srv *server, cases []benchCase) ([]benchCase, map[string]outcomes, error) {
	chosen := slices.DeleteFunc(slices.Clone(cases), func(c benchCase) bool {
		return !s.Chosen(c.Name)
	})
	results := make(map[string]outcomes)
	sizes, by := groups(chosen)
	for _, size := range sizes {
		if err := s.group(ctx, srv, size, by[size], results); err != nil {
			return nil, nil, err
		}
	}
	return chosen, results, nil
}

// group runs the cases whose teams have this size.
func (s settings) group(ctx context.Context, srv *server, size teamSize, all []benchCase,
	results map[string]outcomes) error {
	var teams []*team
	defer func() {
		for _, t := range teams {
			t.stop()
		}
	}()
	for _, name := range s.Contenders {
		if !slices.ContainsFunc(all, func(c benchCase) bool { return c.suits(name) }) {
			continue
		}
		figures.Progress("starting %s, %d receivers, %d publishers", name, size.receivers, size.publishers)
		t, err := startTeam(ctx, srv, name, size, s.Profiles)
		if err != nil {
			return err
		}
		teams = append(teams, t)
	}
	for _, c := range all {
		if s.Quick {
			c.N = max(c.N/5, 200)
		}
		results[c.Name] = make(outcomes)
		for round := range s.Rounds {
			for _, t := range teams {
				if !c.suits(t.name) || ctx.Err() != nil {
					continue
				}
				figures.Progress("%-14s round %d of %d: %-6s", c.Name, round+1, s.Rounds, t.name)
				if err := srv.settle(ctx); err != nil {
					return err
				}
				if err := t.join(); err != nil {
					return err
				}
				o, err := t.measure(srv, c)
				if err != nil {
					return fmt.Errorf("%s: %w", c.Name, err)
				}
				if err := t.leave(); err != nil {
					return err
				}
				results[c.Name][t.name] = append(results[c.Name][t.name], o)
			}
		}
		figures.Progress("")
		print(os.Stdout, c, s.Contenders, results[c.Name])
	}
	return ctx.Err()
}
