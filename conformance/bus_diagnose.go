package conformance

import (
	"bytes"
	"context"

	"github.com/backplane-go/backplane/transport"
)

// diagnose says what is wrong with a message that is not the expected one, so that the author can find the bug.
func (r *reader) diagnose(ctx context.Context, m transport.Message) *problem {
	if !r.channels[m.Channel] {
		return r.problem("%s, although this session does not listen to that channel: it strayed", showMessage(m))
	}
	// Most payloads contain their number. For the others, assume the nearest message with the same payload.
	const near = 300
	i, exact, numbered := parseNumber(m.Payload)
	if numbered && (i >= len(r.sequences) || exact >= r.sequences[i].count) {
		numbered = false
	}
	for i := range r.sequences {
		next := int(r.next[i].Load())
		for distance := range near {
			for _, n := range []int{next - 1 - distance, next + distance} {
				if f := r.sequences[i]; n >= 0 && n < f.count && f.matches(n, m.Payload) && (!numbered || n == exact) {
					return r.diagnoseNumbered(ctx, m, i, n)
				}
			}
		}
	}
	if numbered {
		if r.sequences[i].matches(exact, m.Payload) {
			return r.diagnoseNumbered(ctx, m, i, exact)
		}
		want := r.sequences[i].message(exact, nil).Payload
		difference := "a payload with other bytes"
		switch {
		case len(m.Payload) < len(want) && bytes.HasPrefix(want, m.Payload):
			difference = "a payload that is cut"
		case len(m.Payload) != len(want):
			difference = "a payload of another length"
		}
		return r.problemInstead(r.describe(i, exact), "%s of %d bytes, %s: it was changed", difference,
			len(m.Payload), quote(string(m.Payload)))
	}
	return r.problem("%s, which nobody published: it was changed", showMessage(m))
}

// diagnoseNumbered says what is wrong with an intact message at the wrong time or place.
func (r *reader) diagnoseNumbered(ctx context.Context, m transport.Message, i, n int) *problem {
	f, next := r.sequences[i], int(r.next[i].Load())
	switch {
	case m.Channel != f.sequence.channels[f.channel(n)]:
		return r.problemInstead(r.describe(i, n), "that message on %s: it strayed", quote(m.Channel))
	case n < next:
		return r.problem("%s again: it was delivered twice", r.describe(i, n))
	}
	instead := r.describe(i, n)
	// The missing message may have been overtaken, or it is lost.
	ctx, cancel := context.WithTimeout(ctx, r.patience/10)
	defer cancel()
	for range 1000 {
		late, err := r.session.Receive(ctx)
		if err != nil {
			break
		}
		r.progress.Add(1)
		if late.Channel == f.sequence.channels[f.channel(next)] && f.matches(next, late.Payload) {
			return r.problemInstead(r.describe(i, next), "%s, and the expected message later: out of order", instead)
		}
	}
	return r.problemInstead(r.describe(i, next), "%s: the message before it is lost", instead)
}
