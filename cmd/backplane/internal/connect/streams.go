package connect

import (
	"cmp"

	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
	"github.com/backplane-go/backplane/dialect/redisstreams"
	"github.com/backplane-go/backplane/redis/streamsdriver"
)

// streamFlags are those of the streams dialect.
type streamFlags struct {
	name     string
	count    int
	maxLen   int
	sessions string
}

// streamFlagNames are the flags that only the streams dialect has.
var streamFlagNames = []string{"stream-name", "stream-count", "max-len", "session-prefix"}

// The defaults of @socket.io/redis-streams-adapter.
const (
	defaultMaxLen        = 10_000
	defaultSessionPrefix = "sio:session:"
)

func (f *Flags) bindStreams() {
	f.fs.StringVar(&f.streams.name, "stream-name", "",
		"streamName of all servers of the streams dialect: `NAME` of their stream (default: that of --prefix)")
	f.fs.IntVar(&f.streams.count, "stream-count", 1,
		"streamCount of all servers of the streams dialect: there are `N` streams")
	f.fs.IntVar(&f.streams.maxLen, "max-len", defaultMaxLen,
		"maxLen of all servers of the streams dialect: a stream keeps about `N` entries")
	f.fs.StringVar(&f.streams.sessions, "session-prefix", defaultSessionPrefix,
		"sessionKeyPrefix of all servers of the streams dialect: "+
			"the keys of sessions begin with `PREFIX`")
	f.group(f.fs, streamFlagNames...)
}

// Streams reports whether the cluster has the streams dialect.
func (f *Flags) Streams() bool { return f.dialect == streamsDialect }

// checkStreams validates the flags of the streams dialect.
func (f *Flags) checkStreams() error {
	switch {
	case f.dialect == "":
		return nil
	case f.Streams() && (f.streams.count < 1 || f.streams.maxLen < 1):
		return &cli.UsageError{Reason: "--stream-count and --max-len must be more than 0"}
	case f.Streams() && f.streams.sessions == "":
		return &cli.UsageError{Reason: "--session-prefix is empty: omit it for the default, " + defaultSessionPrefix}
	case f.Streams():
		return nil
	}
	for _, name := range streamFlagNames {
		if f.fs.Changed(name) {
			return &cli.UsageError{Reason: "--" + name + " needs --dialect " + streamsDialect}
		}
	}
	return nil
}

// streamsDialect returns the dialect that the flags describe.
func (f *Flags) streamsDialect() redisstreams.Dialect {
	return redisstreams.Dialect{Stream: f.streams.name, Streams: f.streams.count}
}

// streamsConfig returns the options of the driver, nil in another dialect.
func (f *Flags) streamsConfig() *streamsdriver.Config {
	if !f.Streams() {
		return nil
	}
	return &streamsdriver.Config{MaxLen: f.streams.maxLen, SessionPrefix: f.streams.sessions}
}

// StreamName returns what the names of the streams begin with.
func (f *Flags) StreamName() string { return cmp.Or(f.streams.name, f.Prefix) }
