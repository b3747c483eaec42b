package conformance

import (
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/codec"
)

// nestings are ways to nest data.
var nestings = []struct {
	name      string
	wrap      func(level int, inner any) any
	innermost any
}{
	{"arrays", func(_ int, inner any) any { return []any{inner} }, nil},
	{"objects", func(_ int, inner any) any { return codec.Object{{Key: "k", Value: inner}} }, "the core"},
	{"arrays and objects", func(level int, inner any) any {
		if level%2 == 0 {
			return []any{"before", inner, int64(1)}
		}
		return codec.Object{{Key: "before", Value: []any{}}, {Key: "k", Value: inner},
			{Key: "after", Value: codec.Object{}}}
	}, int64(1)},
	{"arrays around bytes", func(_ int, inner any) any { return []any{inner} }, []byte{1}},
	{"empty arrays", func(_ int, inner any) any { return []any{inner} }, []any{}},
}

// nestedValue returns a value in which the given number of arrays and objects are nested.
func nestedValue(i, levels int) codec.Value {
	n := nestings[i]
	tree := n.innermost
	if list, ok := tree.([]any); ok && len(list) == 0 {
		levels-- // the innermost value is a level itself
	}
	for level := range levels {
		tree = n.wrap(level, tree)
	}
	return codec.FromTree(tree)
}

// userDepth returns how deep a user's value may nest: as deep as NewValue accepts.
func userDepth() int {
	for depth := codec.MaxDepth; ; depth-- {
		if _, err := codec.RawJSON([]byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))); err == nil {
			return depth
		}
	}
}

// carriersOf returns an envelope of each type that carries a value, with value itself in it.
func carriersOf(name string, value codec.Value, binary bool) (all []sample) {
	args, err := codec.ArgsOf(codec.FromTree([]any{"event"}))
	if err == nil {
		if args, err = args.Append(value); err != nil {
			args = codec.Args{} // too deep
		}
	}
	answer := codec.Value{}.WithRest(value) // the further arguments of an answer: null unless value is an array
	for _, env := range []codec.Envelope{
		{Type: codec.Broadcast, Args: args},
		{Type: codec.ServerSideEmit, Args: args},
		{Type: codec.ServerSideEmitResponse, RequestID: "1", Value: value},
		{Type: codec.BroadcastAck, RequestID: "1", Value: value},
		{Type: codec.BroadcastAck, RequestID: "1", Value: answer},
		{Type: codec.FetchSocketsResponse, RequestID: "1", Sockets: []codec.Socket{{ID: "s", Data: value}}},
		{Type: codec.FetchSocketsResponse, RequestID: "1", Sockets: []codec.Socket{{ID: "s", Handshake: value}}},
	} {
		env.UID, env.NSP = sampleUID, "/"
		if env.Type == codec.BroadcastAck && env.Value.IsNull() && answer.Rest().IsNull() {
			continue
		}
		if env.Type.Response() || !args.Value().IsNull() {
			all = append(all, sample{env.Type.String() + " with " + name, &env, binary})
		}
	}
	return all
}

func (c *codecChecker) nestedSamples(i, levels int) []sample {
	return carriersOf(fmt.Sprintf("%d levels of %s", levels, nestings[i].name), nestedValue(i, levels),
		nestings[i].name == "arrays around bytes")
}

func nestingRoundTrips(c *codecChecker) {
	most := userDepth()
	for i, n := range nestings {
		for _, levels := range []int{1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 50, 63, 64, 65, most - 1, most} {
			c.roundTrip(c.nestedSamples(i, levels)...)
			if _, isBytes := n.innermost.([]byte); isBytes {
				continue
			}
			text, err := nestedValue(i, levels).JSON()
			if err != nil {
				c.Fatalf("conformance: %d levels as JSON: %v", levels, err)
			}
			c.roundTrip(carriersOf(fmt.Sprintf("%d levels of %s, as JSON", levels, n.name),
				codec.Raw(codec.JSON, text), false)...)
		}
	}
}

func deepDataIsAnError(c *codecChecker) {
	for i := range nestings {
		// Append may refuse or carry these, depending on the levels of the message itself.
		for levels := userDepth() + 1; levels <= codec.MaxDepth; levels++ {
			for _, s := range c.nestedSamples(i, levels) {
				for _, f := range forms {
					if p, err := c.appendSample(nil, s, f); err == nil {
						c.parseBack(s, p, f)
					}
				}
			}
		}
		for _, levels := range []int{codec.MaxDepth + 1, codec.MaxDepth + 2, 128, 129, 255, 256, 257,
			10 * codec.MaxDepth, 100_000} {
			for _, s := range c.nestedSamples(i, levels) {
				for _, f := range forms {
					if p, err := c.appendSample(nil, s, f); err == nil {
						c.fail(s.called(f), "an error", "no error, but %s", quote(strings.ToValidUTF8(string(p), "?")))
					}
				}
			}
		}
	}
}
