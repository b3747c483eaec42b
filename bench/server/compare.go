package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/backplane-go/backplane/bench/internal/figures"
)

// settings are those of one comparison.
type settings struct {
	figures.Options
	serverCore int
	loadCore   int
	centrifuge string // path of the program
	repeated   int    // how many runs were repeated because the machine was busy
}

// outcomes holds the outcome of every round, by contender.
type outcomes map[string][]outcome

var errLost = errors.New("messages were missing or delivered twice")

func (s *settings) compare(ctx context.Context) error {
	if s.Quick {
		s.Rounds = 1
	}
	done, err := s.buildCentrifuge(ctx)
	if err != nil {
		return err
	}
	defer done()
	all := make(map[string]outcomes)
	lost := false
	header(os.Stdout)
	for _, c := range s.chosen() {
		rounds := s.Rounds + c.MoreRounds
		if s.Quick {
			rounds = s.Rounds
			c.Load.Measure /= 2.5
		}
		all[c.Name] = make(outcomes)
		for round := range rounds {
			for _, name := range c.contenders(s.Contenders) {
				figures.Progress("%-15s round %d of %d: %-4s", c.Name, round+1, rounds, name)
				o, err := s.runUndisturbed(ctx, name, c)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					return fmt.Errorf("%s, %s: %w", c.Name, name, err)
				}
				lost = lost || o.Missing+o.Doubled > 0
				all[c.Name][name] = append(all[c.Name][name], o)
			}
		}
		figures.Progress("")
		for _, r := range c.rows(all[c.Name]) {
			print(os.Stdout, r)
		}
	}
	if s.Out != "" {
		if err := s.write(all); err != nil {
			return err
		}
	}
	if lost {
		return errLost
	}
	return nil
}

// chosen returns the cases to run.
func (s *settings) chosen() []benchCase {
	return slices.DeleteFunc(slices.Clone(cases), func(c benchCase) bool {
		return !s.Chosen(c.Name)
	})
}

const (
	maxDisturbance = 10 // percent of a core that other processes may use during a run
	maxTries       = 3  // tries of one run before its result is used in any case
	maxRepeated    = 6  // repeated runs of the whole comparison
)

// runUndisturbed calls run. It repeats the run if other processes used more than maxDisturbance of a core.
func (s *settings) runUndisturbed(ctx context.Context, name string, c benchCase) (outcome, error) {
	for try := 1; ; try++ {
		o, err := s.run(ctx, name, c)
		if err != nil || othersBusy(o) <= maxDisturbance || try == maxTries || s.repeated == maxRepeated {
			return o, err
		}
		s.repeated++
	}
}
