package clients_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/nodejs"
)

// floats returns the bytes of a Float32Array.
func floats(values ...float32) []byte {
	var out []byte
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

// texts are strings that implementations often corrupt: characters of two, three and four bytes in UTF-8, characters
// with a meaning in the protocols, line ends that JavaScript and JSON treat differently, and NUL.
var texts = []string{"", "ü", "€", "🙂👩‍👩‍👧", "\x1e", "2probe", "4", "b64", "a\u2028b\u2029c", "\x00\x01\x7f",
	`\"'</script>`, "42[\"x\"]", strings.Repeat("ö", 3000), "￿\uFFFD"}

// eventScenarios are about events of connected clients.
var eventScenarios = []scenario{
	{name: "TextBothWays", over: append(everyTransport, fetchOnly), run: func(f *fixture) {
		c := f.connect(clientSpec{})
		for _, text := range texts {
			args := []any{text, map[string]any{text: []any{text}}}
			c.emit("up", args...)
			f.heard(c, "up", args...)
			f.must(emit("down", args...).of(c.id))
			c.expect("down", args...)
			same(f.T, []any{text}, c.ask("echo", text))
			f.heard(c, "echo", text)
		}
	}},
	{name: "EventNamesAreArbitrary", over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		for _, event := range []string{"", " ", "ü🙂", "message", "error", "ping", "toString", "__proto__",
			"constructor", "a\"b\\c\nd", "/x,", "5-", "1"} {
			c.emit(event, 1)
			f.heard(c, event, 1)
			f.must(emit(event, 1))
			c.expect(event, 1)
		}
	}},
	{name: "ValuesBothWays", over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		deep := any("bottom")
		for range 20 {
			deep = map[string]any{"down": []any{deep}}
		}
		for _, v := range []any{nil, true, false, 0, -1, 1.5, 1e21, 5e-324, int64(9007199254740991), "", []any{},
			map[string]any{}, []any{nil, []any{nil}},
			map[string]any{"": map[string]any{"a": nil}}, map[string]any{"_placeholder": true, "num": 0},
			map[string]any{"__proto__": map[string]any{"polluted": 1}, "constructor": 1, "length": -1}, deep} {
			if m, is := v.(map[string]any); is && m["__proto__"] != nil {
				delete(m, "__proto__") // a JavaScript object literal loses this key
			}
			c.emit("up", v)
			f.heard(c, "up", v)
			f.must(emit("down", v).of(c.id))
			c.expect("down", v)
			same(f.T, []any{v}, c.ask("echo", v))
			f.heard(c, "echo", v)
		}
		c.emit("up", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
		f.heard(c, "up", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
	}},
	{name: "BinaryUp", over: append(everyTransport, fetchOnly), run: func(f *fixture) {
		c := f.connect(clientSpec{})
		data := []byte{0, 1, 2, 253, 254, 255, 30, 10}
		for _, class := range []string{"ArrayBuffer", "Uint8Array", "Int8Array", "DataView", "Uint16Array",
			"Float32Array", "BigUint64Array"} {
			c.emit(class, nodejs.View{Class: class, Bytes: data})
			f.heard(c, class, data)
		}
		c.emit("floats", nodejs.View{Class: "Float32Array", Bytes: floats(1.5, -2)})
		f.heard(c, "floats", floats(1.5, -2))
		for _, args := range binaryArgs {
			c.emit("up", args...)
			f.heard(c, "up", args...)
		}
	}},
	{name: "BinaryDown", over: append(everyTransport, fetchOnly), run: func(f *fixture) {
		c := f.connect(clientSpec{})
		for _, args := range binaryArgs {
			f.must(emit("down", args...).of(c.id))
			c.expect("down", args...)
			f.must(emit("to all", args...))
			c.expect("to all", args...)
		}
		ten := make([]any, 10) // the maximum that clients accept
		for i := range ten {
			ten[i] = []byte{byte(i)}
		}
		f.must(emit("ten", ten))
		c.expect("ten", ten)
	}},
	{name: "BinaryInAcksBothWays", over: append(everyTransport, fetchOnly), run: func(f *fixture) {
		c := f.connect(clientSpec{})
		for _, args := range binaryArgs {
			same(f.T, []any{args}, c.ask("echo", args))
			same(f.T, []any{1, args, "x"}, c.ask("echo3", 1, args, "x"))
			r := f.must(ask("mirror", args).of(c.id).timeout(patientOp))
			same(f.T, args, r.values()[0])
			c.expect("mirror", args)
		}
	}},
	{name: "TooManyAttachmentsDisconnect", over: everyTransport, run: func(f *fixture) {
		c, healthy := f.connect(clientSpec{}), f.connect(clientSpec{})
		eleven := make([]any, 11)
		for i := range eleven {
			eleven[i] = []byte{byte(i)}
		}
		c.emit("eleven", eleven...)
		c.disconnected()
		f.gone(c)
		healthy.ask("nothing")
	}},
	{name: "AcksBothWays", over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		require.Empty(f, c.ask("nothing"))
		same(f.T, []any{"first"}, c.ask("twice", "first"))
		same(f.T, []any{"second"}, c.ask("twice", "second"))
		require.Empty(f, c.ask("once"))
		require.Equal(f, "operation has timed out", c.askWith(map[string]any{"timeout": 100}, "once").Error)
		same(f.T, []any{c.name}, c.ask("ask me", "x")) // the handler waits for the client's answer
		c.expect("question", "x")
		require.Equal(f, c.name, f.must(ask("question", 1).of(c.id)).values()[0])
		c.expect("question", 1)
		r, err := f.server.run(f.ctx, ask("silent").of(c.id).timeout(impatient))
		require.NoError(f, err)
		require.Equal(f, "operation has timed out", r.Error)
		c.expect("silent")
	}},
	{name: "AcksMatchTheirEvents", over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		type outcome struct {
			i int
			a answer
		}
		done := make(chan outcome)
		const n = 50
		for i := range n {
			go func() {
				var a answer
				args := nodejs.Value{V: []any{i}}
				if err := c.host.call(f.ctx, "ask", map[string]any{"client": c.name, "event": "echo", "args": args},
					&a); err != nil {
					a.Error = err.Error()
				}
				done <- outcome{i, a}
			}()
		}
		for range n {
			o := <-done
			require.Empty(f, o.a.Error)
			same(f.T, []any{o.i}, o.a.values())
		}
	}},
	{name: "OrderIsKeptBothWays", over: everyTransport, run: func(f *fixture) {
		const n = 300
		c := f.open(clientSpec{})
		c.do("burst", map[string]any{"event": "up", "count": n}) // before it is connected
		c.connected()
		f.accepted(c)
		c.emit("count", n)
		c.do("burst", map[string]any{"event": "up", "count": n})
		for i := range n {
			f.heard(c, "up", i)
		}
		f.heard(c, "count", n)
		for i := range n {
			f.heard(c, "up", i)
		}
		for i := range n {
			c.expect("number", i)
		}
	}},
	{name: "UpgradeLosesNothing", run: func(f *fixture) {
		for range 5 {
			c := f.open(clientSpec{Options: over(upgrading)})
			const n = 100
			c.do("burst", map[string]any{"event": "before", "count": n})
			c.connected()
			f.accepted(c)
			c.emit("count", n)
			c.do("burst", map[string]any{"event": "while", "count": n})
			c.upgraded()
			c.do("burst", map[string]any{"event": "after", "count": n})
			for _, event := range []string{"before", "count", "while", "after"} {
				for i := range n {
					if event == "count" {
						f.heard(c, event, n)
						break
					}
					f.heard(c, event, i)
				}
			}
			for i := range n {
				c.expect("number", i)
			}
		}
	}},
	{name: "BinaryOfSeveralSendersIsNotMixed", over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		const senders, n = 4, 50
		done := make(chan error, senders)
		for sender := range senders {
			go func() {
				var err error
				for i := 0; i < n && err == nil; i++ {
					piece := bytes.Repeat([]byte{byte(sender)}, 100+i)
					o := emit("mixed", sender, i, piece, []any{piece})
					if sender%2 == 0 {
						o = o.of(c.id)
					}
					_, err = f.server.run(f.ctx, o)
				}
				done <- err
			}()
		}
		for range senders {
			require.NoError(f, <-done)
		}
		next := make([]int, senders)
		for range senders * n {
			e := c.next()
			args := ints(e.args())
			sender := args[0].(int)
			i := next[sender]
			next[sender]++
			piece := bytes.Repeat([]byte{byte(sender)}, 100+i)
			same(f.T, []any{sender, i, piece, []any{piece}}, e.args())
		}
	}},
	{name: "MiddlewareOfASocketRefuses", over: everyTransport, run: func(f *fixture) {
		c := f.connect(clientSpec{})
		c.emit("forbidden", 1)
		if f.onNode {
			require.Equal(f, "you must not", f.report("socketError",
				func(e serverEvent) bool { return e.ID == c.id }).Message)
		} else { // an event with acknowledgement gets the error
			same(f.T, []any{map[string]any{"error": "you must not"}}, c.ask("forbidden"))
		}
		c.ask("nothing")
	}},
	{name: "ClientRetriesUntilAcknowledged", over: everyTransport, run: func(f *fixture) {
		hasty := f.connect(clientSpec{SocketOptions: map[string]any{"retries": 2, "ackTimeout": 100}})
		hasty.emit("unanswered", 1) // the client library requests an acknowledgement, and the server sends none
		for range 3 {
			f.heard(hasty, "unanswered", 1)
		}
		c := f.connect(clientSpec{SocketOptions: map[string]any{"retries": 2, "ackTimeout": patientOp.Milliseconds()}})
		c.emit("echo", 2)
		c.emit("last") // is sent after "echo" is acknowledged
		f.heard(c, "echo", 2)
		f.heard(c, "last")
	}},
}

// binaryArgs are arguments with bytes at all possible places.
var binaryArgs = [][]any{
	{[]byte{1}},
	{[]byte{}},
	{[]byte{0, 255}, "text", []byte("b")},
	{map[string]any{"a": []byte{1}, "b": map[string]any{"c": []any{[]byte{2}, []any{[]byte{3}}}}}},
	{[]any{[]any{[]any{[]byte("deep")}}}, nil, []byte("x"), map[string]any{"_placeholder": false, "num": 7}},
	{[]byte{1}, []byte{2}, []byte{3}, []byte{4}, []byte{5}, []byte{6}, []byte{7}, []byte{8}, []byte{9}, []byte{10}},
	{bytes.Repeat([]byte{0xab, 0x1e}, 30_000), fmt.Sprint(5)},
}
