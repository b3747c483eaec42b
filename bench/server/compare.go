package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/backplane-go/backplane/bench/internal/figures"
)

// settings of one comparison.
type settings struct {
	figures.Options
	serverCore int
	loadCore   int
	centrifuge string // path of the program
	repeated   int    // how many runs were repeated because the machine was busy
}

// outcomes are those of all rounds, by contender.
type outcomes map[string][]outcome

var errLost = errors.New("messages were missing or came twice")

func (s *settings) compare(ctx context.Context) error {
	if s.Quick {
		s.Rounds = 1
	}
	done, err := s.build(ctx)
	if err != nil {
		return err
	}
	defer done()
	all := make(map[string]outcomes)
	lost := false
	header(os.Stdout)
	for _, c := range s.chosen() {
		rounds := s.Rounds + c.More
		if s.Quick {
			rounds = s.Rounds
			c.Load.Measure /= 2.5
		}
		all[c.Name] = make(outcomes)
		for round := range rounds {
			for _, name := range c.contenders(s.Contenders) {
				figures.Progress("%-15s round %d of %d: %-4s", c.Name, round+1, rounds, name)
				o, err := s.undisturbed(ctx, name, c)
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

// chosen are the cases that are run.
func (s *settings) chosen() []benchCase {
	return slices.DeleteFunc(slices.Clone(cases), func(c benchCase) bool {
		return !s.Chosen(c.Name)
	})
}

// disturbance is how much of a core everything else on the machine may use while something is measured, and repeats how often that
// is measured again in all when it was more. A third time it is taken as it is.
const (
	disturbance = 10 // percent
	repeats     = 6
)

// undisturbed is run, repeated if the machine was busy with something else.
func (s *settings) undisturbed(ctx context.Context, name string, c benchCase) (outcome, error) {
	for try := 1; ; try++ {
		o, err := s.run(ctx, name, c)
		if err != nil || othersBusy(o) <= disturbance || try == 3 || s.repeated == repeats {
			return o, err
		}
		s.repeated++
	}
}
