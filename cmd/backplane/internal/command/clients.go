package command

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/emitter"
)

// clients has the flags of a command that changes clients. It changes all clients only with --all.
type clients struct {
	fs         *pflag.FlagSet
	to         *target
	wait       *waitFlags
	keep       *keepFlags
	connection *connect.Flags

	socket    string
	all, json bool
}

func bindClients(fs *pflag.FlagSet) *clients {
	c := &clients{fs: fs, to: bindTarget(fs, "select clients")}
	fs.StringVar(&c.socket, "socket", "", "select the client with this `ID`, and wait for its node")
	fs.BoolVar(&c.all, "all", false, "select all clients of the namespace")
	c.wait = bindWait(fs)
	c.keep = bindKeep(fs)
	fs.BoolVar(&c.json, "json", false, "print the result as one JSON object")
	c.connection = connect.BindCluster(fs)
	return c
}

// clientsHelp is the part of the help that describes how clients are selected.
const clientsHelp = `
Select the clients with --room, --except, --socket or --all. Without --socket
the command sends as an emitter, which gets no answer. With --socket it waits
for the node of the client, and fails if no node has the client. In the legacy
dialect only --socket works.` + "\n" + tempNodeHelp

func (c *clients) check() error {
	if err := c.to.check(c.connection); err != nil {
		return err
	}
	if err := c.wait.check(c.connection); err != nil {
		return err
	}
	unkept := ""
	if c.fs.Changed("socket") {
		unkept = "a request to one client is not kept: omit --socket"
	}
	if err := c.keep.check(c.connection, unkept); err != nil {
		return err
	}
	targeted := len(c.to.rooms)+len(c.to.except) > 0
	switch one := c.fs.Changed("socket"); {
	case one && (targeted || c.all):
		return &cli.UsageError{Reason: "--socket selects one client: omit --room, --except and --all"}
	case one:
		return checkNames("--socket", []string{c.socket})
	case c.connection.Legacy():
		return c.connection.Unsupported("a change of several clients", "use --socket, which selects one client")
	case c.all && len(c.to.rooms) > 0:
		return &cli.UsageError{Reason: "--all selects all clients: omit --room"}
	case !c.all && !targeted:
		return &cli.UsageError{Reason: "no clients selected: give --room, --except, --socket or --all"}
	}
	return c.wait.requires("--socket")
}

// action is what a command does to clients.
type action struct {
	name  string // in JSON
	what  string // in the output
	rooms []string
	many  func(emitter.Target) error
	one   func(n *tempNode) error
}

// run applies an action to the selected clients and prints what it has done.
func (c *clients) run(ctx context.Context, t *cli.Terminal, a action) error {
	if err := c.check(); err != nil {
		return err
	}
	done := "sent to " + c.to.String()
	if c.socket == "" {
		if err := sendAsEmitter(ctx, c.connection, c.to, c.keep, a.many); err != nil {
			return err
		}
	} else {
		done = "done for " + c.socket + " in " + c.to.nsp
		n, err := joinCluster(ctx, c.connection, c.to, c.wait)
		if err != nil {
			return err
		}
		defer n.leave(ctx)
		if _, err := n.outcome(a.one(n)); err != nil {
			return err
		}
	}
	if !c.json {
		fmt.Fprintln(t.Out, cli.Printable(a.what+": "+done))
		return nil
	}
	var socket *string
	if c.socket != "" {
		socket = &c.socket
	}
	return t.JSON(struct {
		Action string   `json:"action"`
		NSP    string   `json:"nsp"`
		To     []string `json:"to"`
		Except []string `json:"except"`
		Socket *string  `json:"socket"`
		Rooms  []string `json:"rooms,omitempty"`
	}{a.name, c.to.nsp, list(c.to.rooms), list(c.to.except), socket, a.rooms})
}
