package conformance

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/backplane-go/backplane/transport"
)

// endMarkers counts the end markers: messages that show that nothing arrives before them.
var endMarkers atomic.Int64

func sameMessage(a, b transport.Message) bool {
	// sameMessage tells whether a and b have the same channel and payload.
	return a.Channel == b.Channel && string(a.Payload) == string(b.Payload)
}

// quote returns s for a failure's text: quoted, and shortened in the middle.
func quote(s string) string {
	if len(s) <= 80 {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("%q…%q (%d bytes)", s[:32], s[len(s)-32:], len(s))
}

func showMessage(m transport.Message) string {
	return quote(string(m.Payload)) + " on " + quote(m.Channel)
}

func showMessages(msgs []transport.Message) string {
	const most = 4
	var b strings.Builder
	for i, m := range msgs {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(msgs)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(showMessage(m))
	}
	if len(msgs) == 0 {
		return "nothing"
	}
	return b.String()
}

// endedContext returns a context that has ended.
func endedContext(tb testing.TB) context.Context {
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	return ctx
}
