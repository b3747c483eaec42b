package serve

import (
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
)

// logFlags say what is logged, and in which form.
type logFlags struct {
	format, level string
	verbose       bool
}

var (
	formats = []string{"text", "json"}
	levels  = []string{"debug", "info", "warn", "error"}
)

const (
	defaultFormat = "text"
	defaultLevel  = "warn"
)

func (l *logFlags) bind(fs *pflag.FlagSet) {
	fs.StringVar(&l.format, "log-format", defaultFormat, "write the log in this `FORMAT`: text or json")
	fs.StringVar(&l.level, "log-level", "",
		"log what has this `LEVEL` or a higher one: debug (what each client does), info (nodes come and go), warn "+
			"(losses) or error (somebody has to act) (default warn)")
	fs.BoolVar(&l.verbose, "verbose", false, "the same as --log-level debug")
}

// check validates the flags and completes them.
func (l *logFlags) check() error {
	switch {
	case !slices.Contains(formats, l.format):
		return oneOf("--log-format", formats, l.format)
	case l.level != "" && !slices.Contains(levels, l.level):
		return oneOf("--log-level", levels, l.level)
	case l.verbose && l.level != "" && l.level != "debug":
		return &cli.UsageError{Reason: "--verbose is --log-level debug: give only one of them"}
	case l.verbose:
		l.level = "debug"
	case l.level == "":
		l.level = defaultLevel
	}
	return nil
}

func oneOf(flag string, values []string, value string) error {
	last := len(values) - 1
	return &cli.UsageError{Reason: flag + " must be " + strings.Join(values[:last], ", ") + " or " + values[last] +
		", not " + strconv.Quote(value)}
}

// logger returns the logger that the flags describe. check has validated them.
func (l *logFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.level)) // slog has the same names
	options := &slog.HandlerOptions{Level: level}
	if l.format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
