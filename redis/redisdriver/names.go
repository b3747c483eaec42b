package redisdriver

import (
	"strings"

	"github.com/backplane-go/backplane/transport"
)

// names are the names of channels on the server.
type names struct{ prefix string }

// channel returns the name of a channel on the server.
func (n names) channel(channel string) string { return n.prefix + channel }

// pattern returns the pattern of the channels for which a name made by transport.PrefixName stands. ok is false for the
// name of a channel.
func (n names) pattern(name string) (pattern string, ok bool) {
	prefix, ok := transport.CutPrefixName(name)
	if !ok {
		return "", false
	}
	return special.Replace(n.prefix+prefix) + "*", true
}

// special makes text of the characters that have a meaning in patterns.
var special = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`)

// received returns the name of a channel for one on the server. It is empty for the channel without a name.
func (n names) received(name string) string { return strings.TrimPrefix(name, n.prefix) }

// matched returns the name that stands for the channels of a pattern.
func (n names) matched(pattern string) string {
	var text strings.Builder
	pattern = strings.TrimSuffix(pattern, "*")
	for i := 0; i < len(pattern); i++ {
		if pattern[i] == '\\' && i+1 < len(pattern) {
			i++
		}
		text.WriteByte(pattern[i])
	}
	return transport.PrefixName(strings.TrimPrefix(text.String(), n.prefix))
}
