// Package command has the commands that reach a cluster: as an emitter where nobody has to answer, else as a node for the
// time it takes.
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
	"github.com/backplane-go/backplane/internal/wire"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// target is who a command is for, as its flags tell.
type target struct {
	nsp    string
	rooms  []string
	except []string
}

func bindNamespace(fs *pflag.FlagSet) *target {
	to := new(target)
	fs.StringVar(&to.nsp, "nsp", "/", "the `NAMESPACE`; a slash in front is added where it is missing")
	return to
}

func bindTarget(fs *pflag.FlagSet, who string) *target {
	to := bindNamespace(fs)
	fs.StringArrayVar(&to.rooms, "room", nil, who+" in `ROOM`, which can be the id of one; repeat it for more rooms")
	fs.StringArrayVar(&to.except, "except", nil, "but not those in `ROOM`; repeat it for more rooms")
	return to
}

// targeting are the Targets of a cluster and of an emitter.
type targeting[T any] interface {
	To(rooms ...string) T
	Except(rooms ...string) T
}

// of narrows all to the clients that to selects.
func of[T targeting[T]](all T, to *target) T {
	if len(to.rooms) > 0 { // To without rooms is nobody
		all = all.To(to.rooms...)
	}
	return all.Except(to.except...)
}

// check completes the namespace and finds what cannot be a name, before anything is sent.
func (to *target) check(flags *connect.Flags) error {
	if !strings.HasPrefix(to.nsp, "/") {
		to.nsp = "/" + to.nsp
	}
	limits := transport.Limits{Channel: postgres.MaxName}
	if err := wire.CheckPrefix(flags.Prefix, limits); err != nil {
		return usage(err)
	}
	if _, err := wire.Channel(flags.Prefix, to.nsp, limits); err != nil {
		return usage(err)
	}
	return errors.Join(checkNames("--room", to.rooms), checkNames("--except", to.except))
}

// checkNames refuses names that are empty, as those of unset variables of a shell are, or no text.
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

// String says in words who is meant.
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

// usage is err as a UsageError if it is about what the command was called with.
func usage(err error) error {
	var name *backplane.NameError
	var event *backplane.ReservedEventError
	var config *backplane.ConfigError
	var encode *codec.EncodeError
	if errors.As(err, &name) || errors.As(err, &event) || errors.As(err, &config) || errors.As(err, &encode) {
		return &cli.UsageError{Reason: trimmed(err)}
	}
	return err
}

// plural is a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// trimmed is the text of an error without the name of the library, which is that of the command too.
func trimmed(err error) string { return strings.TrimPrefix(err.Error(), "backplane: ") }
