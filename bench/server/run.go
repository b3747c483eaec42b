package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/backplane-go/backplane/bench/internal/figures"
	"github.com/backplane-go/backplane/bench/internal/process"
	"github.com/backplane-go/backplane/bench/server/internal/load"
)

// question is a request to a server process, and stat is its answer.
type question struct {
	Name    string `json:"name"`    // name of the case, for profiles
	Begin   bool   `json:"begin"`   // the measured part begins
	Collect bool   `json:"collect"` // collect garbage first
}

type stat struct {
	CPU float64 `json:"cpu"` // seconds that the process has used
	RSS float64 `json:"rss"` // resident bytes
}

// listening is the first line of a server.
type listening struct {
	Addrs []string `json:"addrs"`
}

const patience = 90 * time.Second

// run runs a case once, with a new server and a new load generator.
func (s *settings) run(ctx context.Context, contender string, c benchCase) (o outcome, err error) {
	server, err := s.server(ctx, contender, c)
	if err != nil {
		return o, err
	}
	defer server.Stop()
	var at listening
	if err := server.Answer(patience, &at); err != nil {
		return o, err
	}
	generator, err := s.generator(ctx)
	if err != nil {
		return o, err
	}
	defer generator.Stop()

	c.Load.Addrs = at.Addrs
	if contender == others {
		c.Load.Dialect = others
	}
	if err := generator.Tell(c.Load); err != nil {
		return o, err
	}
	if _, err := phase(generator, load.Begin); err != nil {
		return o, err
	}
	var before, after, collected stat
	if err := server.Ask(question{Name: c.Name, Begin: true}, patience, &before); err != nil {
		return o, err
	}
	busy := figures.MachineSeconds()
	if o.Reply, err = phase(generator, load.End); err != nil {
		return o, err
	}
	o.Others = figures.MachineSeconds() - busy
	if err := server.Ask(question{Name: c.Name}, patience, &after); err != nil {
		return o, err
	}
	if err := server.Ask(question{Name: c.Name, Collect: true}, patience, &collected); err != nil {
		return o, err
	}
	done, err := phase(generator, load.Done)
	o.Missing, o.Doubled = done.Missing, done.Doubled
	o.ServerCPU = after.CPU - before.CPU
	o.Others = max(0, o.Others-o.ServerCPU-o.CPU)
	o.Before, o.After, o.Collected = before.RSS, after.RSS, collected.RSS
	return o, err
}

// phase waits until the load generator reports that it has reached the phase.
func phase(generator *process.Process, want string) (r load.Reply, err error) {
	if err := generator.Answer(patience, &r); err != nil {
		return r, err
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	if r.Phase != want {
		return r, errors.New("the load generator reported phase " + r.Phase + " instead of " + want)
	}
	return r, nil
}

func (s *settings) server(ctx context.Context, contender string, c benchCase) (*process.Process, error) {
	if contender == node {
		transport := "websocket"
		if c.Load.Polling {
			transport = "polling"
		}
		return process.Start(node, pinned(ctx, s.serverCore, "node", "--expose-gc",
			filepath.Join("bench", "server", "node", "server.js"), transport))
	}
	if contender == others {
		return process.Start(others, s.goProgram(ctx, s.centrifuge))
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	nodes := "1"
	if contender == two {
		nodes = "2"
	}
	return process.Start(contender, s.goProgram(ctx, self, "-serve", nodes, "-profiles", s.Profiles, "-call",
		contender))
}

// goProgram returns the command of a Go server that runs on one core.
func (s *settings) goProgram(ctx context.Context, command ...string) *exec.Cmd {
	cmd := pinned(ctx, s.serverCore, command...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	return cmd
}

func (s *settings) generator(ctx context.Context) (*process.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return process.Start("load", pinned(ctx, s.loadCore, self, "-load"))
}

// pinned returns a command that runs on this core only.
func pinned(ctx context.Context, core int, command ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "taskset", append([]string{"-c", strconv.Itoa(core)}, command...)...)
}
