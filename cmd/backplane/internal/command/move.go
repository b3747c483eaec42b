package command

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/emitter"
)

// move is a command that does something to clients, and to all of them only if told so.
type move struct {
	fs         *pflag.FlagSet
	to         *target
	member     *memberFlags
	connection *connect.Flags

	socket    string
	all, json bool
}

func bindMove(fs *pflag.FlagSet, who string) *move {
	m := &move{fs: fs, to: bindTarget(fs, who)}
	fs.StringVar(&m.socket, "socket", "", "the client with this `ID`, and wait until it is done")
	fs.BoolVar(&m.all, "all", false, "all clients of the namespace")
	m.member = bindMember(fs)
	fs.BoolVar(&m.json, "json", false, "print the result as one JSON object")
	m.connection = connect.BindCluster(fs)
	return m
}

// moveHelp is what the help of such a command says about its target.
const moveHelp = `
Say who is meant: --room, --except, --socket or --all. Without --socket it sends
as an emitter does: nobody answers. With --socket it waits for the node of that
client, and fails when no node has it.` + "\n" + memberHelp

func (m *move) check() error {
	if err := m.to.check(m.connection); err != nil {
		return err
	}
	if err := m.member.check(); err != nil {
		return err
	}
	targeted := len(m.to.rooms)+len(m.to.except) > 0
	switch one := m.fs.Changed("socket"); {
	case one && (targeted || m.all):
		return &cli.UsageError{Reason: "--socket is one client: leave out --room, --except and --all"}
	case one:
		return checkNames("--socket", []string{m.socket})
	case m.all && len(m.to.rooms) > 0:
		return &cli.UsageError{Reason: "--all is all clients: leave out --room"}
	case !m.all && !targeted:
		return &cli.UsageError{Reason: "which clients? Give --room, --except, --socket or --all"}
	}
	for _, name := range []string{"nodes", "settle"} {
		if m.fs.Changed(name) {
			return &cli.UsageError{Reason: "--" + name + " needs --socket"}
		}
	}
	return nil
}

// deed is what such a command does.
type deed struct {
	action string // its name in JSON
	did    string // and in words, when it is done
	rooms  []string
	many   func(emitter.Target) error
	one    func(n *member) error
}

// run sends, or does it to one client, and tells what was done.
func (m *move) run(ctx context.Context, t *cli.Terminal, d deed) error {
	if err := m.check(); err != nil {
		return err
	}
	who := m.to.String()
	if m.socket == "" {
		if err := send(ctx, m.connection, m.to, d.many); err != nil {
			return err
		}
	} else {
		who = m.socket + " in " + m.to.nsp
		n, err := join(ctx, m.connection, m.to, m.member)
		if err != nil {
			return err
		}
		defer n.leave(ctx)
		if _, err := n.outcome(d.one(n)); err != nil {
			return err
		}
	}
	if !m.json {
		fmt.Fprintln(t.Out, cli.Printable(d.did+": "+who))
		return nil
	}
	var socket *string
	if m.socket != "" {
		socket = &m.socket
	}
	return t.JSON(struct {
		Action string   `json:"action"`
		NSP    string   `json:"nsp"`
		To     []string `json:"to"`
		Except []string `json:"except"`
		Socket *string  `json:"socket"`
		Rooms  []string `json:"rooms,omitempty"`
	}{d.action, m.to.nsp, list(m.to.rooms), list(m.to.except), socket, d.rooms})
}
