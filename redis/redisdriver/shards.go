package redisdriver

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// shardPart are the messages of a Publish for one node of a Redis Cluster.
type shardPart struct {
	address string
	dialer  broker.Dialer
	at      []int // where the messages are in the Publish
	msgs    []transport.Message
}

// publishToShards sends each message to the node on which its channel is, to all nodes at the same time. What a node
// certainly has not got because it does not serve the channel any more follows to the one that does.
func (d *Driver) publishToShards(ctx context.Context, msgs []transport.Message) error {
	outcomes := make([]error, len(msgs)) // those that wrap transport.ErrNotSent are certain
	waiting := make([]int, len(msgs))
	for i := range waiting {
		waiting[i] = i
	}
	for redirects := 0; len(waiting) > 0; redirects++ {
		var group sync.WaitGroup
		for _, p := range d.parts(ctx, msgs, waiting, outcomes) {
			group.Go(func() { d.sendPart(ctx, p, outcomes) })
		}
		group.Wait()
		var moved []int
		for _, i := range waiting {
			if errors.Is(outcomes[i], ErrMoved) && errors.Is(outcomes[i], transport.ErrNotSent) {
				moved = append(moved, i)
			}
		}
		if waiting = moved; redirects == maxRedirects {
			break
		}
	}
	return outcome(outcomes)
}

// parts returns which of the messages go to which node. It notes the errors of those for which it cannot tell.
func (d *Driver) parts(
	ctx context.Context, msgs []transport.Message, which []int, outcomes []error,
) (all []*shardPart) {
	byAddress := make(map[string]*shardPart)
	for _, i := range which {
		address, dialer, err := d.shards.Owner(ctx, d.names.channel(msgs[i].Channel))
		if err != nil {
			outcomes[i] = fmt.Errorf("%w: %w", transport.ErrNotSent, err)
			continue
		}
		p := byAddress[address]
		if p == nil {
			p = &shardPart{address: address, dialer: dialer}
			byAddress[address] = p
			all = append(all, p)
		}
		p.at, p.msgs = append(p.at, i), append(p.msgs, msgs[i])
	}
	return all
}

// sendPart sends messages to a node and notes their outcomes.
func (d *Driver) sendPart(ctx context.Context, p *shardPart, outcomes []error) {
	var errs []error
	publisher, err := d.nodes.publisher(p.address, p.dialer)
	if err == nil {
		err = publisher.Do(ctx, func(c *broker.Conn) (err error) {
			var role error
			_, errs, role, err = d.transmit(c, nil, p.msgs)
			if err == nil {
				err = role
			}
			return err
		})
	} else {
		err = fmt.Errorf("%w: %w", transport.ErrNotSent, err)
	}
	if err != nil {
		d.shards.Lost(p.address, err)
	}
	for k, i := range p.at {
		switch {
		case err != nil:
			outcomes[i] = err
		case errs[k] != nil:
			d.shards.Lost(p.address, errs[k])
			outcomes[i] = fmt.Errorf("%w: %w", transport.ErrNotSent, errs[k])
		default:
			outcomes[i] = nil
		}
	}
}

// outcome returns the error of a Publish. The messages may have gone to several nodes, so that of an error need not
// hold for a later message.
func outcome(outcomes []error) error {
	sent := 0
	for sent < len(outcomes) && outcomes[sent] == nil {
		sent++
	}
	if sent == len(outcomes) {
		return nil
	}
	first := outcomes[sent]
	for _, err := range outcomes[sent:] {
		if !errors.Is(err, transport.ErrNotSent) { // sent after one that was not, or perhaps sent
			return fmt.Errorf("redisdriver: not all messages were certainly sent: %w", unsure{first})
		}
	}
	if sent > 0 || errors.Is(first, ErrDenied) { // another channel may be allowed
		return &transport.RejectedError{Accepted: sent, Err: first}
	}
	return first
}

// unsure is an error that is not transport.ErrNotSent any more.
type unsure struct{ err error }

func (u unsure) Error() string { return u.err.Error() }

func (u unsure) Is(target error) bool {
	return target != transport.ErrNotSent && errors.Is(u.err, target)
}

func (u unsure) As(target any) bool { return errors.As(u.err, target) }
