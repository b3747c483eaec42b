// Package command has the commands that send something to a cluster. A command that needs no answer is an emitter.
// Others join the cluster as a node while they run.
//
// # Files
//
//   - emit.go, request.go: the commands that send events
//   - membership.go, disconnect.go: the commands that change clients; clients.go has what they share
//   - sockets.go, rooms.go: the commands that list clients and rooms; names.go: the same in a dialect that has
//     only their names
//   - log.go: the command that shows the log; logstate.go: what it prints
//   - schema.go: the command that prints SQL
//   - target.go, event.go: the flags for the target and the arguments of an event
//   - emitter.go, tempnode.go: the two ways to send
//   - outcome.go: whether all nodes have answered
package command

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/cmd/backplane/internal/connect"
	"github.com/backplane-go/backplane/codec"
)

// target selects clients by the flags of a command.
type target struct {
	nsp    string
	rooms  []string
	except []string
}

func bindNamespace(fs *pflag.FlagSet) *target {
	to := new(target)
	fs.StringVar(&to.nsp, "nsp", "/", "`NAMESPACE`, with or without the slash at its beginning")
	return to
}

// bindTarget declares the flags of a target. what begins the description of --room.
func bindTarget(fs *pflag.FlagSet, what string) *target {
	to := bindNamespace(fs)
	fs.StringArrayVar(&to.rooms, "room", nil,
		what+" in `ROOM`, which can also be the id of a client; repeat the flag for more rooms")
	fs.StringArrayVar(&to.except, "except", nil, "exclude clients in `ROOM`; repeat the flag for more rooms")
	return to
}

// targeting is the Target of a cluster or of an emitter.
type targeting[T any] interface {
	To(rooms ...string) T
	Except(rooms ...string) T
}

// narrow returns all, restricted to the clients that to selects.
func narrow[T targeting[T]](all T, to *target) T {
	if len(to.rooms) > 0 { // To without rooms selects no clients
		all = all.To(to.rooms...)
	}
	return all.Except(to.except...)
}

// check adds the missing slash to the namespace, and validates all names before anything is sent.
func (to *target) check(flags *connect.Flags) error {
	if !strings.HasPrefix(to.nsp, "/") {
		to.nsp = "/" + to.nsp
	}
	if _, err := flags.Channels(to.nsp); err != nil {
		return usage(err)
	}
	return errors.Join(checkNames("--room", to.rooms), checkNames("--except", to.except))
}

// checkNames returns an error for names that are empty, which is often an unset variable of a shell, or not valid
// UTF-8.
func checkNames(what string, names []string) error {
	for _, name := range names {
		switch {
		case name == "":
			return &cli.UsageError{Reason: what + " is empty"}
		case !utf8.ValidString(name):
			return &cli.UsageError{Reason: what + " is not valid UTF-8"}
		}
	}
	return nil
}

// String describes the target in words.
func (to *target) String() string {
	text := "all clients"
	if len(to.rooms) > 0 {
		text = strings.Join(to.rooms, ", ")
	}
	if len(to.except) > 0 {
		text += " except " + strings.Join(to.except, ", ")
	}
	return text + " in " + to.nsp
}

// usage turns errors about flags and arguments into a UsageError.
func usage(err error) error {
	var name *backplane.NameError
	var event *backplane.ReservedEventError
	var config *backplane.ConfigError
	var encode *codec.EncodeError
	var unsupported *backplane.UnsupportedError
	if errors.As(err, &name) || errors.As(err, &event) || errors.As(err, &config) || errors.As(err, &encode) ||
		errors.As(err, &unsupported) {
		return &cli.UsageError{Reason: trimmed(err)}
	}
	return err
}

// plural returns a number with its noun.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// trimmed returns the text of an error without its prefix, the name of the library. The name of the command is the
// same.
func trimmed(err error) string { return strings.TrimPrefix(err.Error(), "backplane: ") }
