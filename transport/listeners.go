package transport

import (
	"context"
	"strings"
)

// Counter is implemented by a Bus whose server knows how many sessions listen to a channel. Dialects whose nodes are
// the listeners of a channel need it. It is safe for concurrent use.
type Counter interface {
	// Listeners returns how many sessions listen to each channel, among them those of other programs, in the order of
	// channels. A session counts for a channel from the return of its Listen to that of its Unlisten, or until the
	// server notices that it has ended: soon after its Close, later if a broken network has cut its connection.
	// Sessions that listen to a prefix do not count. Listeners fails instead of waiting when the server is unreachable.
	Listeners(ctx context.Context, channels ...string) ([]int, error)
}

// PrefixListener is implemented by a Bus whose sessions may listen to all channels whose names begin with a text. In
// Listen, ListenAll and Unlisten, the result of PrefixName then stands for these channels, and their messages have it
// as their Channel. They have no positions in a log. A session that listens to several names for a channel receives its
// messages once for each. Nothing can be published on such a name. Limits.Channel applies to the prefix.
type PrefixListener interface {
	// ListensToPrefixes reports whether sessions can do that. The result is constant.
	ListensToPrefixes() bool
}

// prefixMark ends a name that stands for many channels. No channel has it in its name.
const prefixMark = "\x00*"

// PrefixName returns the name that stands for all channels whose names begin with prefix, on a PrefixListener. Other
// buses refuse the name.
func PrefixName(prefix string) string { return prefix + prefixMark }

// CutPrefixName returns the prefix if name is the result of PrefixName. Otherwise it returns name and false.
func CutPrefixName(name string) (prefix string, ok bool) { return strings.CutSuffix(name, prefixMark) }
