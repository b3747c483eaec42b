package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
)

// maxBinary limits the files that become arguments of one event, in bytes. A row in PostgreSQL has at most 1 GiB, and
// there are several copies of a message in memory while it is sent.
const maxBinary = 256 << 20

// eventFlags are the flags for the arguments of an event.
type eventFlags struct {
	strict bool
	binary []string
}

func bindEvent(fs *pflag.FlagSet) *eventFlags {
	f := new(eventFlags)
	fs.BoolVar(&f.strict, "strict", false, "refuse arguments that are not JSON, instead of sending strings")
	fs.StringArrayVar(&f.binary, "binary", nil,
		"append the bytes of `FILE` as an argument; - is standard input; repeat the flag for more")
	cli.FlagFile(fs, "binary")
	return f
}

// event is an event with its arguments.
type event struct {
	name string
	args []any // codec.Value, string or []byte
	all  codec.Args
}

// read parses the arguments and reads the files of an event.
func (f *eventFlags) read(stdin io.Reader, name string, texts []string) (*event, error) {
	e := &event{name: name}
	if fault.Reserved(name) {
		return nil, usage(&fault.ReservedEventError{Event: name})
	}
	if err := checkNames("EVENT", []string{name}); err != nil {
		return nil, err
	}
	for i, text := range texts {
		v, err := f.argument(text)
		if err != nil {
			return nil, &cli.UsageError{Reason: fmt.Sprintf("argument %d: %v", i+1, err)}
		}
		e.args = append(e.args, v)
	}
	if i := slices.Index(f.binary, "-"); i >= 0 && slices.Contains(f.binary[i+1:], "-") {
		return nil, &cli.UsageError{Reason: "--binary - can be used only once: there is one standard input"}
	}
	room := int64(maxBinary)
	for _, name := range f.binary {
		b, err := readBinary(stdin, name, room)
		if err != nil {
			return nil, &cli.UsageError{Reason: "--binary: " + err.Error()}
		}
		e.args = append(e.args, b)
		room -= int64(len(b))
	}
	var err error
	if e.all, err = codec.NewArgs(name, e.args...); err != nil {
		return nil, usage(err)
	}
	return e, nil
}

// argument parses an argument: it is JSON, or else a string.
func (f *eventFlags) argument(text string) (any, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("it is not valid UTF-8: send bytes with --binary FILE")
	}
	v, err := codec.RawJSON([]byte(text))
	switch {
	case err == nil:
		return v, nil
	case errors.Is(err, codec.ErrDepth):
		return nil, errors.New("its arrays and objects are nested too deeply")
	case f.strict:
		return nil, fmt.Errorf(`%q is not JSON (a string needs quotes: '"text"'): %w`, shorten(text), err)
	}
	return text, nil
}

// shorten cuts a text to 60 characters.
func shorten(text string) string {
	if runes := []rune(text); len(runes) > 60 {
		return string(runes[:59]) + "…"
	}
	return text
}

// readBinary reads a file of at most room bytes.
func readBinary(stdin io.Reader, name string, room int64) ([]byte, error) {
	in := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		if info, err := file.Stat(); err == nil && info.Size() > room {
			return nil, tooLarge(name)
		}
		in = file
	}
	b, err := io.ReadAll(io.LimitReader(in, room+1))
	if err == nil && int64(len(b)) > room {
		err = tooLarge(name)
	}
	return b, err
}

func tooLarge(name string) error {
	return fmt.Errorf("with %s the files have more than %d MiB: send a link instead", name, maxBinary>>20)
}
