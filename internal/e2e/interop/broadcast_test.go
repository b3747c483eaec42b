package interop_test

import (
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// contents are argument lists that must arrive unchanged. attached: they go through the attachments table.
var contents = []struct {
	name     string
	attached bool
	args     []any
}{
	{"noArguments", false, nil},
	{"text", false, []any{"hello"}},
	{"manyArguments", false, []any{1, "2", true, nil, []any{}, map[string]any{}, "", 0}},
	{"numbers", false, []any{0, -1, 127, 128, 255, 256, 65536, int64(1 << 31), int64(1<<53 - 1), int64(-(1 << 53) + 1),
		1.5, -0.25, 1e21, 1e-7}},
	{"structure", false, []any{map[string]any{"a": []any{1, map[string]any{"b": nil, "c": []any{true, "x"}}},
		"": "empty key"}}},
	{"emoji", false, []any{"grüße 😀👩‍👩‍👧‍👦 \U0001F1E9\U0001F1EA", map[string]any{"😀": "ключ"}}},
	{"lineSeparators", false, []any{"a\u2028b\u2029c", "\ufeff"}},
	{"quotesAndBackslashes", false, []any{`"quoted" \ / \\ \u0041 \n '`, "\b\f\n\r\t\x7f", "'; DROP TABLE x; --",
		"$1 %s {0}"}},
	{"controlCharactersAndNUL", false, []any{"a\x00b", "\x00", "\x01\x1f", map[string]any{"k\x00": "v"}}},
	{"htmlCharacters", false, []any{"<script>&amp;</script>"}},
	{"objectThatLooksLikeABuffer", false, []any{map[string]any{"type": "Buffer", "data": []any{1, 2, 3}}}},
	{"objectThatLooksLikeAPlaceholder", false, []any{map[string]any{"_placeholder": true, "num": 0}}},
	{"date", false, []any{someTime, []any{someTime}}},
	{"dateBesideBinary", true, []any{someTime, []any{someTime, beforeTime}, []byte{1}}},
	{"binary", true, []any{[]byte{0, 1, 2, 0xff}}},
	{"emptyBinary", true, []any{[]byte{}}},
	{"nestedBinary", true, []any{
		map[string]any{"a": []any{[]byte("x"), map[string]any{"b": []byte{0xc0, 0x00}}}, "n": nil}, "text", []byte{9},
		1.5, -40000, int64(1 << 40),
	}},
	{"binaryAndUnicode", true, []any{"😀\u2028\x00\"\\", []byte("😀")}},
	{"longText", true, []any{strings.Repeat("ä€😀", 2000)}},
	{"longStructure", true, []any{longStructure()}},
}

// Times arrive as the text that JavaScript's Date.toJSON returns.
var (
	someTime   = time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.UTC)
	beforeTime = time.Date(1969, 12, 31, 23, 59, 59, 1e6, time.UTC)
)

// longStructure needs the longer forms of msgpack's lists, maps and strings.
func longStructure() map[string]any {
	out := make(map[string]any)
	for i := range 300 {
		key := strings.Repeat("k", i%40) + string(rune('a'+i%26)) + strings.Repeat("é", i/26)
		out[key] = []any{i, -i, float64(i) + 0.5, strings.Repeat("v", i), i%2 == 0, nil}
	}
	out["list"] = make([]any, 70000)
	return out
}

func broadcastScenarios() []scenario {
	var all []scenario
	for _, c := range contents {
		all = append(all, scenario{types: codec.Broadcast, name: c.name,
			brief:   c.name == "text" || c.name == "nestedBinary",
			emitter: true, run: func(f *fixture) {
				receivers := []client{f.join(f.to), f.join(f.to)}
				f.emit(f.from, interop.Target{}, "event", c.args...)
				f.expect(receivers, "event", c.args...)
				m := f.sent(f.from, 3)
				if (m.AttachmentID != "") != c.attached {
					f.Fatalf("attached: %t, want %t", m.AttachmentID != "", c.attached)
				}
				f.fence(f.from, receivers...)
			}})
	}
	all = append(all, scenario{types: codec.Broadcast, name: "eventNames", brief: true, emitter: true,
		run: func(f *fixture) {
			c := f.join(f.to)
			for _, event := range []string{"", "message", "error", "a b", "😀", "__proto__", "constructor", "toString",
				`"\`,
				"\x00"} {
				f.emit(f.from, interop.Target{}, event, event)
				f.expect([]client{c}, event, event)
			}
		}})
	all = append(all, scenario{types: codec.Broadcast, name: "textThatIsNoUnicode", run: func(f *fixture) {
		if f.from.kind().isGo() || !f.to.kind().isGo() {
			f.Skip("only JavaScript can send such strings")
		}
		c := f.join(f.to)
		half := interop.UTF16{'a', 0xd83d, 'b'}
		f.emit(f.from, interop.Target{}, "inline", half)
		require.Equal(f, "inline", f.next(c).Event)
		f.emit(f.from, interop.Target{}, "attached", half, []byte{1})
		require.Equal(f, "attached", f.next(c).Event)
	}})
	return all
}
