package conformance

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/codec"
)

var clusterContentChecks = []check[*clusterChecker]{
	{"ValuesArriveUnchanged", "core.Target.Emit",
		"An argument arrives as the value that was sent: text in any language, numbers, null, nested lists and " +
			"maps. What clients receive must not depend on their node.", valuesArriveUnchanged},
	{"BinaryAtAnyDepth", "core.Target.Emit",
		"A []byte arrives as bytes, at any depth of an argument, not as base64. Pictures and files are sent this " +
			"way.", binaryAtAnyDepth},
	{"NamesAreLiteral", "core.Target.To",
		"Names of namespaces, rooms and events are data: quotes, backslashes, emoji, SQL, and NUL where Limits " +
			"allow it. Remote clients choose them; a name that is pasted into a statement is an injection.",
		namesAreLiteral},
}

func valuesArriveUnchanged(c *clusterChecker) {
	a, b := c.node("A"), c.node("B")
	cl := b.client("1")
	for _, want := range []string{
		`["e"]`, `["e",null]`, `["e",true,false]`, `["e",0,-1,1.5,9007199254740991,-9007199254740991,1e+100]`,
		`["e","","Grüße, 你好, Привет, 👩‍💻, \" \\ / \u0000 \u0001 \u2028"]`,
		`["e",[],{},[[[[]]]],{"a":{"b":[1,{"c":null}]}},{"":"empty","a b":1,"é":2,"__x":3}]`,
		`["事件 🎉",{"sql":"'; DROP TABLE x; --"}]`,
	} {
		v, err := codec.RawJSON([]byte(want))
		if err != nil {
			c.Fatalf("conformance: RawJSON(%s): %v", want, err)
		}
		args, err := codec.ArgsOf(v)
		if err != nil {
			c.Fatalf("conformance: ArgsOf(%s): %v", want, err)
		}
		list, err := args.Values()
		if err != nil {
			c.Fatalf("conformance: Values of %s: %v", want, err)
		}
		anys := make([]any, len(list))
		for i := range list {
			anys[i] = list[i]
		}
		c.emit(a, a.Target, args.Event(), anys...)
		called := "Emit " + quote(want) + " on A"
		got := cl.next(called, quote(want))
		if diffValues("", v, got.args.Value()) != nil {
			c.fail(called, "on B "+quote(want), "%s", quote(got.String()))
		}
	}
}

func binaryAtAnyDepth(c *clusterChecker) {
	a, b := c.node("A"), c.node("B")
	if a.config.Bus.Limits().Text && a.config.Store == nil {
		c.Skip("Limits.Text is true and Config.Store is nil: binary data cannot be sent")
	}
	near, far := a.client("near"), b.client("far")
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for depth, arg := range []any{all, []any{1, all}, map[string]any{"a": all},
		map[string]any{"a": []any{map[string]any{"b": all}, "c"}}, []byte{}} {
		called := fmt.Sprintf("Emit bytes at depth %d on A", depth%4)
		c.emit(a, a.Target, "bytes", arg, "text")
		for _, cl := range []*client{near, far} {
			got := cl.next(called, "the event")
			want := all
			if depth == 4 {
				want = []byte{}
			}
			if found, ok := findBytes(got.args); !ok || !bytes.Equal(found, want) {
				c.fail(called, fmt.Sprintf("%d bytes in the event of client %s", len(want), cl.id), "%s",
					quote(got.String()))
			}
		}
	}
	c.waitForPeers(a, b)
	far.setAnswer(func(codec.Args) (codec.Value, bool) { return c.value(map[string]any{"a": all}), true })
	acks := c.acks(a, a.To("far"), "EmitWithAck on A, which a client on B answers with bytes")
	if len(acks) != 1 {
		c.fail("EmitWithAck on A, which a client on B answers with bytes", "one answer", "%v", valuesJSON(acks))
	}
	if tree, err := acks[0].Tree(); err != nil || !holdsBytes(tree, all) {
		c.fail("EmitWithAck on A, which a client on B answers with bytes", "the bytes", "%s (%v)", acks[0], err)
	}
}

// findBytes returns the first bytes in args.
func findBytes(args codec.Args) ([]byte, bool) {
	tree, err := args.Value().Tree()
	if err != nil {
		return nil, false
	}
	return findBytesIn(tree)
}

func findBytesIn(tree any) ([]byte, bool) {
	switch t := tree.(type) {
	case []byte:
		return t, true
	case []any:
		for _, v := range t {
			if b, ok := findBytesIn(v); ok {
				return b, true
			}
		}
	case codec.Object:
		for _, m := range t {
			if b, ok := findBytesIn(m.Value); ok {
				return b, true
			}
		}
	}
	return nil, false
}

func holdsBytes(tree any, want []byte) bool {
	got, ok := findBytesIn(tree)
	return ok && bytes.Equal(got, want)
}

func namesAreLiteral(c *clusterChecker) {
	a, b := c.node("A"), c.node("B")
	names := []string{`it's`, `"quoted"`, `back\slash`, `\`, `'; DROP TABLE x; --`, `$1`, `%s`, "🎉", "é", "#", "a#b",
		"/", " ", "", "null",
		"__proto__", "new\nline", "tab\t", "nul\x00nul", strings.Repeat("long ", 20)}
	other := b.client("other")
	clients := []*client{other}
	for _, name := range names {
		clients = append(clients, b.client("of "+name, name))
		b.registry.JoinID("other", name+"x", "x"+name)
	}
	inBatches(len(names), batchSize, func(i int) { c.emitAsync(a, a.To(names[i]), "e"+names[i], names[i]) },
		func(i int) {
			called := fmt.Sprintf("To(%s).Emit(%s) on A", quote(names[i]), quote("e"+names[i]))
			if got := clients[i+1].next(called, "the event"); got.args.Event() != "e"+names[i] {
				c.fail(called, "the event "+quote("e"+names[i]), "%s", quote(got.args.Event()))
			}
		})
	c.expectNothingMore("Emit to rooms with unusual names, one by one", a, clients...)
	limit := a.config.Bus.Limits().Channel
	for _, suffix := range []string{`it's`, `"quoted"`, `back\`, `'; DROP TABLE x; --`, `"; NOTIFY x; --`, "$1", "%",
		"🎉", "É", " "} {
		nsp := c.namespace + suffix
		if limit > 0 && len(a.config.ChannelPrefix)+1+len(nsp) > limit {
			continue
		}
		registry, cl := c.registryWithClient("1")
		b.open(nsp, registry)
		c.emit(a, a.open(nsp, emptyRegistry()).Target, "hi")
		cl.expect("Emit in the namespace "+quote(nsp), `["hi"]`)
	}
}
