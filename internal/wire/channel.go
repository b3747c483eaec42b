package wire

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/transport"
)

// Channel returns the name of the channel of a namespace: prefix, "#" and the namespace.
func Channel(prefix, nsp string, limits transport.Limits) (string, error) {
	if !strings.HasPrefix(nsp, "/") {
		return "", &fault.NameError{Kind: "namespace", Name: nsp, Reason: `it must start with "/"`}
	}
	if reason := badText(nsp); reason != "" {
		return "", &fault.NameError{Kind: "namespace", Name: nsp, Reason: reason}
	}
	channel := prefix + "#" + nsp
	if limits.Channel > 0 && len(channel) > limits.Channel {
		return "", &fault.NameError{Kind: "namespace", Name: nsp, Reason: fmt.Sprintf(
			"its channel %q has %d bytes and the bus allows %d: shorten the namespace or the channel prefix",
			channel, len(channel), limits.Channel)}
	}
	return channel, nil
}

// ProcessChannel returns the name of the channel on which processes send heartbeats for all of their
// namespaces. No namespace has this channel, because the name of a namespace starts with "/". It is no longer
// than the channel of the namespace "/".
func ProcessChannel(prefix string) string { return prefix + "#*" }

// CheckPrefix returns an error if prefix cannot start even the name of the channel of the namespace "/".
func CheckPrefix(prefix string, limits transport.Limits) error {
	if reason := badText(prefix); reason != "" {
		return &fault.NameError{Kind: "channel prefix", Name: prefix, Reason: reason}
	}
	if most := limits.Channel - len("#/"); limits.Channel > 0 && len(prefix) > most {
		return &fault.NameError{Kind: "channel prefix", Name: prefix, Reason: fmt.Sprintf(
			"it has %d bytes and at most %d leave room for a namespace", len(prefix), most)}
	}
	return nil
}

func badText(s string) string {
	switch {
	case !utf8.ValidString(s):
		return "it is not valid UTF-8"
	case strings.IndexByte(s, 0) >= 0:
		return "it holds a NUL character"
	}
	return ""
}
