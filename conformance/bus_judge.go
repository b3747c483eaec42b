package conformance

import (
	"bytes"
	"context"

	"github.com/backplane-go/backplane/transport"
)

// judge says what is wrong with a message that is not the one that has to come: by that an author finds the bug.
func (r *reader) judge(ctx context.Context, m transport.Message) *finding {
	if !r.channels[m.Channel] {
		return r.found("%s, a channel that this session does not listen to: it strayed", show(m))
	}
	// Most payloads tell their number. Of the others, the nearest message that looks alike is meant.
	const near = 300
	i, exact, numbered := number(m.Payload)
	if numbered && (i >= len(r.streams) || exact >= r.streams[i].count) {
		numbered = false
	}
	for i := range r.streams {
		next := int(r.next[i].Load())
		for distance := range near {
			for _, n := range []int{next - 1 - distance, next + distance} {
				if f := r.streams[i]; n >= 0 && n < f.count && f.is(n, m.Payload) && (!numbered || n == exact) {
					return r.judgeNumber(ctx, m, i, n)
				}
			}
		}
	}
	if numbered {
		if r.streams[i].is(exact, m.Payload) {
			return r.judgeNumber(ctx, m, i, exact)
		}
		want := r.streams[i].at(exact, nil).Payload
		difference := "one with other bytes"
		switch {
		case len(m.Payload) < len(want) && bytes.HasPrefix(want, m.Payload):
			difference = "one that is cut"
		case len(m.Payload) != len(want):
			difference = "one of another length"
		}
		return r.foundInstead(r.describe(i, exact), "%s of %d bytes, %s: it was changed", difference, len(m.Payload), quote(string(m.Payload)))
	}
	return r.found("%s, which nobody has published: it was changed", show(m))
}

// judgeNumber says what is wrong with the right message at the wrong time or place.
func (r *reader) judgeNumber(ctx context.Context, m transport.Message, i, n int) *finding {
	f, next := r.streams[i], int(r.next[i].Load())
	switch {
	case m.Channel != f.stream.channels[f.channel(n)]:
		return r.foundInstead(r.describe(i, n), "it on %s: it strayed", quote(m.Channel))
	case n < next:
		return r.found("%s, again: it was doubled", r.describe(i, n))
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
		r.moved.Add(1)
		if late.Channel == f.stream.channels[f.channel(next)] && f.is(next, late.Payload) {
			return r.foundInstead(r.describe(i, next), "%s, and the other one later: out of order", instead)
		}
	}
	return r.foundInstead(r.describe(i, next), "%s: the one before is lost", instead)
}
