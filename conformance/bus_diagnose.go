package conformance

import (
	"bytes"
	"context"

	"github.com/backplane-go/backplane/transport"
)

// diagnose says what is wrong with a message that is not the one that has to come: by that an author finds the bug.
func (r *reader) diagnose(ctx context.Context, m transport.Message) *problem {
	if !r.channels[m.Channel] {
		return r.problem("%s, a channel that this session does not listen to: it strayed", showMessage(m))
	}
	// Most payloads tell their number. Of the others, the nearest message that looks alike is meant.
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
		difference := "one with other bytes"
		switch {
		case len(m.Payload) < len(want) && bytes.HasPrefix(want, m.Payload):
			difference = "one that is cut"
		case len(m.Payload) != len(want):
			difference = "one of another length"
		}
		return r.problemInstead(r.describe(i, exact), "%s of %d bytes, %s: it was changed", difference, len(m.Payload), quote(string(m.Payload)))
	}
	return r.problem("%s, which nobody has published: it was changed", showMessage(m))
}

// diagnoseNumbered says what is wrong with the right message at the wrong time or place.
func (r *reader) diagnoseNumbered(ctx context.Context, m transport.Message, i, n int) *problem {
	f, next := r.sequences[i], int(r.next[i].Load())
	switch {
	case m.Channel != f.sequence.channels[f.channel(n)]:
		return r.problemInstead(r.describe(i, n), "it on %s: it strayed", quote(m.Channel))
	case n < next:
		return r.problem("%s, again: it was doubled", r.describe(i, n))
	}
	instead := r.describe(i, n)
	// The one that is missing may have been overtaken, or it is lost.
	ctx, cancel := context.WithTimeout(ctx, r.patience/10)
	defer cancel()
	for range 1000 {
		late, err := r.session.Receive(ctx)
		if err != nil {
			break
		}
		r.progress.Add(1)
		if late.Channel == f.sequence.channels[f.channel(next)] && f.matches(next, late.Payload) {
			return r.problemInstead(r.describe(i, next), "%s, and the other one later: out of order", instead)
		}
	}
	return r.problemInstead(r.describe(i, next), "%s: the one before is lost", instead)
}
