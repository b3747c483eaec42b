package main

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// team is the publishers and the receivers of one contender. Each is a process; the team has its own database.
//
// PostgreSQL keeps the notifications of all databases in one queue, and every listening session reads all of
// it. So a team listens only during its own runs. The team of Node.js listens all the time, because its adapter
// may take up to 5 s after joining to learn its peers.
type team struct {
	name       string
	publishers []*worker
	receivers  []*worker
}

// runs numbers the rounds, so that a late message is not counted in a later round.
var runs atomic.Uint32

func startTeam(ctx context.Context, srv *server, name string, size teamSize, profiles string) (*team, error) {
	url, err := srv.address(ctx, name)
	if err != nil {
		return nil, err
	}
	t := &team{name: name}
	for i := range size.receivers + size.publishers {
		p, err := spawn(ctx, name, url, profiles)
		if err != nil {
			t.stop()
			return nil, err
		}
		if i < size.receivers {
			t.receivers = append(t.receivers, p)
		} else {
			t.publishers = append(t.publishers, p)
		}
	}
	if t.stays() {
		if err := t.each(command{Cmd: "peers", N: size.receivers + size.publishers - 1}); err != nil {
			t.stop()
			return nil, err
		}
	}
	return t, nil
}

// stays reports whether the team listens between its runs too.
func (t *team) stays() bool { return contenderOf(t.name).node != "" }

// join makes all processes listen.
func (t *team) join() error {
	if t.stays() {
		return nil
	}
	if err := t.each(command{Cmd: "join"}); err != nil {
		return err
	}
	return t.each(command{Cmd: "peers", N: len(t.all()) - 1})
}

func (t *team) leave() error {
	if t.stays() {
		return nil
	}
	return t.each(command{Cmd: "leave"})
}

// each sends the command to all processes.
func (t *team) each(c command) error {
	for _, p := range t.all() {
		if _, err := p.ask(c, patience); err != nil {
			return err
		}
	}
	return nil
}

func (t *team) all() []*worker { return slices.Concat(t.publishers, t.receivers) }

func (t *team) stop() {
	for _, p := range t.all() {
		p.Stop()
	}
}

// tell sends the command to every receiver and returns the sum of their CPU times.
func (t *team) tell(c command) (total reply, err error) {
	for _, p := range t.receivers {
		r, err := p.ask(c, patience)
		if err != nil {
			return total, err
		}
		total.CPU += r.CPU
	}
	return total, nil
}

// publish makes the publishers execute the command together. Each sends its part of the messages.
func (t *team) publish(c command) (total reply, err error) {
	n := len(t.publishers)
	for i, p := range t.publishers {
		part := c
		part.First = c.N * i / n
		part.N = c.N*(i+1)/n - part.First
		if c.InFlight > 0 {
			part.InFlight = max(c.InFlight/n, 1)
		}
		if err := p.Tell(part); err != nil {
			return total, err
		}
	}
	for _, p := range t.publishers {
		r, err := p.answer(patience)
		if err != nil {
			return total, err
		}
		if total.Start == 0 || r.Start < total.Start {
			total.Start = r.Start
		}
		total.End = max(total.End, r.End)
		total.Errors += r.Errors
		total.Answers += r.Answers
		total.CPU += r.CPU
		total.P50, total.P99 = max(total.P50, r.P50), max(total.P99, r.P99)
	}
	return total, nil
}

// measure runs one round.
func (t *team) measure(srv *server, c benchCase) (outcome, error) {
	run := runs.Add(1)
	if _, err := t.tell(command{Cmd: "populate", N: c.Sockets, Rooms: max(c.Rooms, 1)}); err != nil {
		return outcome{}, err
	}
	if c.Op == "emit" {
		if _, err := t.tell(c.command("expect", run)); err != nil {
			return outcome{}, err
		}
	}
	before, err := t.tell(command{Cmd: "cpu"})
	if err != nil {
		return outcome{}, err
	}
	cpu := srv.cpu()
	sent, err := t.publish(c.command("publish", run))
	if err != nil {
		return outcome{}, err
	}
	n := float64(c.N)
	o := outcome{Errors: sent.Errors, P50: sent.P50 / 1e3, P99: sent.P99 / 1e3}
	last := sent.End
	if c.Op == "emit" {
		o.P50, o.P99 = 0, 0
		for _, p := range t.receivers {
			got, err := p.answer(patience)
			if err != nil {
				return outcome{}, err
			}
			last = max(last, got.Last)
			o.P50, o.P99 = max(o.P50, got.P50/1e3), max(o.P99, got.P99/1e3)
			o.Missing += c.N - got.Received
			o.Duplicated += got.Duplicated
		}
	} else if want := c.N * c.Sockets * c.Receivers; sent.Answers != want {
		o.Missing = max(0, want-sent.Answers)
		o.Duplicated = max(0, sent.Answers-want)
	}
	after, err := t.tell(command{Cmd: "cpu"})
	if err != nil {
		return outcome{}, err
	}
	if last <= sent.Start {
		return o, fmt.Errorf("worker %s: nothing was received", t.name)
	}
	o.PerSecond = n / (time.Duration(last - sent.Start).Seconds())
	o.CPU = [3]float64{sent.CPU / n, (after.CPU - before.CPU) / n, (srv.cpu() - cpu) / n}
	return o, nil
}
