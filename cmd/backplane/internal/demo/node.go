package demo

import (
	"context"
	"errors"
	"fmt"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/transport"
)

// node is one server: on its own machine it would be a process.
type node struct {
	number   int
	cluster  *backplane.Cluster
	ns       *backplane.Namespace
	registry *backplane.Registry
	clients  []*client
}

// The rooms of the clients.
const (
	phones   = "phones"
	browsers = "browsers"
)

// question is what servers ask each other.
const question = "how many clients?"

// startNode starts a server with two clients.
func startNode(ctx context.Context, number int, prefix string, bus transport.Bus, inbox chan<- delivery) (*node, error) {
	n := &node{number: number}
	n.registry = backplane.NewRegistry(backplane.RegistryConfig{ServerSideEmit: n.answer})
	n.connect("browser", browsers, inbox)
	n.connect("phone", phones, inbox)

	cluster, err := backplane.Open(ctx, backplane.Config{Bus: bus, ChannelPrefix: prefix})
	if err != nil {
		return nil, err
	}
	n.cluster = cluster
	if n.ns, err = cluster.Namespace(ctx, "/", n.registry); err != nil {
		return nil, errors.Join(err, cluster.Close(ctx))
	}
	return n, nil
}

func (n *node) connect(kind, room string, inbox chan<- delivery) {
	c := &client{name: fmt.Sprintf("%s-%d", kind, n.number), node: n.number, inbox: inbox}
	n.clients = append(n.clients, c)
	n.registry.Add(c, room)
}

// answer is what this server says when another one asks.
func (n *node) answer(args backplane.Args, reply func(codec.Value)) {
	if reply == nil || args.Event() != question {
		return
	}
	v, err := codec.NewValue(answer{Node: n.number, Clients: n.registry.Len()})
	if err != nil {
		panic(err) // a struct of numbers can be encoded
	}
	reply(v)
}

// answer is a server's answer to question.
type answer struct {
	Node    int `json:"node"`
	Clients int `json:"clients"`
}
