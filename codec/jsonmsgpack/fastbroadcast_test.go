package jsonmsgpack_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

// parseBothWays parses p with both parsers and compares the results. It returns the envelope if the fast parser
// supports p.
func parseBothWays(t *testing.T, p []byte) *codec.Envelope {
	t.Helper()
	fast := jsonmsgpack.FastBroadcast(p)
	slow, err := jsonmsgpack.ParseText(p)
	if fast != nil {
		require.NoError(t, err, "%q", p)
		require.Equal(t, slow, fast, "%q", p)
		raw, _ := fast.Args.Value().Bytes(codec.JSON)
		require.Equal(t, len(raw), cap(raw))
		require.Equal(t, len(fast.Opts.Rooms), cap(fast.Opts.Rooms),
			"an append by the application must not overwrite other strings")
	}
	return fast
}

// FuzzFastBroadcast compares the two parsers of the text form.
func FuzzFastBroadcast(f *testing.F) {
	for _, m := range readVectors(f).Messages {
		if len(m.Payload) < 2000 {
			f.Add([]byte(m.Payload))
		}
	}
	for _, text := range nearlyFast {
		f.Add([]byte(text))
	}
	for _, env := range usual(f) {
		p, err := jsonmsgpack.Codec{}.Append(nil, env, codec.Text)
		require.NoError(f, err)
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		if utf8.Valid(p) { // Parse refuses all other input first
			parseBothWays(t, p)
		}
	})
}

// usual lists broadcasts as applications send them.
func usual(t testing.TB) (all []*codec.Envelope) {
	yes, no := true, false
	for _, flags := range []codec.Flags{
		{}, {Volatile: true}, {Compress: &yes}, {Compress: &no, Timeout: 1500 * time.Millisecond},
		{ExpectSingleResponse: true, Timeout: math.MaxInt32 * time.Millisecond},
		{Volatile: true, Compress: &yes, Timeout: time.Millisecond, ExpectSingleResponse: true}, {Relayed: true},
	} {
		for _, opts := range []codec.Opts{
			{}, {Rooms: []string{"room1"}}, {Except: []string{"room1"}},
			{Rooms: []string{"a", "ä"}, Except: []string{""}},
			{Rooms: []string{"", "b", "", "d"}, Except: strings.Split(strings.Repeat("x,", 50), ",")},
		} {
			opts.Flags = flags
			for i, data := range [][]any{nil, {1, "a\nb", nil},
				{map[string]any{"text": "hello ä", "n": []any{1.5, true, "x"}}}, {rawJSON(t, ` {"a" : [ ] } `)}} {
				env := &codec.Envelope{Type: codec.Broadcast, UID: "0123456789abcdef", NSP: "/chat", Opts: opts,
					Args: args(t, "message", data...)}
				switch i {
				case 1:
					env.RequestID, env.NSP = "0000000000000011", ""
				case 2:
					env.Nonce, env.UID = 1<<53-1, codec.EmitterUID
				}
				all = append(all, env)
			}
		}
	}
	return all
}

func TestUsualBroadcastsTakeTheFastParser(t *testing.T) {
	t.Run("WrittenByAppend", func(t *testing.T) {
		for _, env := range usual(t) {
			p, err := jsonmsgpack.Codec{}.Append(nil, env, codec.Text)
			require.NoError(t, err)
			fast := parseBothWays(t, p)
			require.NotNil(t, fast, "%s", p)
			want := *env
			want.Nonce = 0
			assert.Equal(t, got(t, &want), got(t, fast), "%s", p)
		}
	})
	t.Run("WrittenByNode", func(t *testing.T) {
		slow := map[string]bool{
			"broadcast":                     true, // rooms that are numbers
			"broadcast of a numbered event": true,
			"broadcast binary":              true, // references
			"broadcast large":               true,
		}
		n := 0
		for _, m := range readVectors(t).Messages {
			if strings.HasPrefix(m.Name, "broadcast") {
				n++
				assert.Equal(t, slow[m.Name], parseBothWays(t, []byte(m.Payload)) == nil, "%s: %s", m.From, m.Payload)
			}
		}
		assert.Equal(t, 3*6+4, n)
	})
	t.Run("WrittenByNodeWithNamespaces", func(t *testing.T) {
		// The adapter writes the packet before or after it sets the packet's namespace.
		for _, packet := range []string{`{"type":2,"data":["e",1]}`, `{"type":2,"nsp":"/","data":["e",1]}`,
			`{"type":2,"data":["e",1],"nsp":"/"}`} {
			for _, id := range []string{``, `"requestId":"r",`} {
				for _, opts := range []string{`{"rooms":["a","b"],"except":["c"],"flags":{"compress":true,` +
					`"volatile":true}}`, `{"rooms":["a"],"flags":{"timeout":0},"except":[]}`,
					`{"rooms":["a"],"except":[],"flags":{"timeout":4294967297}}`} {
					for _, nsp := range []string{``, `,"nsp":"/"`} {
						text := fmt.Sprintf(`{"type":3,"data":{"packet":%s,%s"opts":%s},"uid":"u"%s}`, packet, id,
							opts, nsp)
						assert.NotNil(t, parseBothWays(t, []byte(text)), text)
					}
				}
			}
		}
	})
}

const fastText = `{"uid":"u","type":3,"nsp":"/","source":"_sio_adapter","data":{"packet":{"type":2,"data":["e",` +
	`{"a":1}]},"opts":{"rooms":["a"],"except":[],"flags":{}}}}`

// nearlyFast lists messages that the fast parser leaves to the parser.
var nearlyFast = []string{
	"", "{", `{"uid":""{"type":3,"data":{"packet":{"type":2,"data":["e"]},"opts":{"rooms":[],"except":[],` +
		`"flags":{}}},"uid":"u"}`,
	fastText + " ", fastText + "}", fastText[:len(fastText)-1], " " + fastText,
	strings.Replace(fastText, `"u"`, `null`, 1), strings.Replace(fastText, `"u"`, `"\u0075"`, 1),
	strings.Replace(fastText, `"u"`, "\"\n\"", 1),
	strings.Replace(fastText, `3`, `3.0`, 1), strings.Replace(fastText, `3`, `12`, 1),
	strings.Replace(fastText, `,"nsp":"/"`, `,"nsp":"/","nsp":"/b"`, 1),
	strings.Replace(fastText, `_sio`, `_other`, 1), strings.Replace(fastText, `"data"`, `"nonce":01,"data"`, 1),
	strings.Replace(fastText, `"data"`, `"nonce":1.5,"data"`, 1),
	strings.Replace(fastText, `"data"`, `"nonce":,"data"`, 1), strings.Replace(fastText, `"e"`, `7`, 1),
	strings.Replace(fastText, `"e"`, `"\u0065"`, 1),
	strings.Replace(fastText, `["e",{"a":1}]`, `[]`, 1), strings.Replace(fastText, `{"a":1}`, `{"a":01}`, 1),
	strings.Replace(fastText, `{"a":1}`, `{"a":1},`, 1),
	strings.Replace(fastText, `{"a":1}`, strings.Repeat("[", 97)+strings.Repeat("]", 97), 1),
	strings.Replace(fastText, `["a"]`, `["a",]`, 1), strings.Replace(fastText, `["a"]`, `["a"`, 1),
	strings.Replace(fastText, `["a"]`, `[,"a"]`, 1), strings.Replace(fastText, `["a"]`, `null`, 1),
	strings.Replace(fastText, `["a"]`, `["\u0061"]`, 1), strings.Replace(fastText, `["a"]`, `[1]`, 1),
	strings.Replace(fastText, `["a"]`, `["a""b"]`, 1), strings.Replace(fastText, `["a"]`, `[`, 1),
	strings.Replace(fastText, `"flags":{}`, `"flags":null`, 1),
	strings.Replace(fastText, `"flags":{}`, `"flags":{,}`, 1),
	strings.Replace(fastText, `"flags":{}`, `"flags":{"volatile":true,}`, 1),
	strings.Replace(fastText, `"flags":{}`, `"flags":{"volatile":false}`, 1),
	strings.Replace(fastText, `"flags":{}`, `"flags":{"timeout":1.5}`, 1),
	strings.Replace(fastText, `"flags":{}`, `"flags":{"timeout":}`, 1),
	strings.Replace(fastText, `"flags":{}`, `"flags":{"timeout":05}`, 1),
	strings.Replace(fastText, `"flags":{}`, `"flags":{"timeout":1111111111111111111111}`, 1),
	strings.Replace(fastText, `"flags":{}`, `"flags":{"timeout":1"volatile":true}`, 1),
	strings.Replace(fastText, `"flags":{}`, `"flags":{"broadcast":true}`, 1),
	strings.Replace(fastText, `,"flags":{}`, ``, 1),
	strings.Replace(fastText, `"opts"`, `"requestId":null,"opts"`, 1),
	strings.Replace(fastText, `"opts"`, `"more":1,"opts"`, 1),
	strings.Replace(fastText, `}}}}`, `}}},"attachmentId":"1"}`, 1),
}

func TestUnusualBroadcastsTakeTheParser(t *testing.T) {
	require.NotNil(t, parseBothWays(t, []byte(fastText)))
	for _, text := range nearlyFast {
		assert.Nil(t, parseBothWays(t, []byte(text)), text)
	}
	for n := range fastText {
		assert.Nil(t, parseBothWays(t, []byte(fastText[:n])), fastText[:n])
	}
	deep := strings.Replace(fastText, `{"a":1}`, strings.Repeat("[", 96)+strings.Repeat("]", 96), 1)
	assert.NotNil(t, parseBothWays(t, []byte(deep)), "the deepest nesting that is allowed")

	// After a change of any byte both parsers still agree.
	for _, text := range []string{fastText,
		`{"type":3,"data":{"packet":{"type":2,"nsp":"/","data":["e",-1.5e3]},"requestId":"r",` +
			`"opts":{"rooms":["a","b"],"except":["c"],"flags":{"timeout":5,"compress":true}}},"uid":"u","nsp":"/"}`} {
		for i := range text {
			for _, c := range []byte("\x00\x1f \"\\,:[]{}09ax\x7f") {
				p := []byte(text)
				p[i] = c
				parseBothWays(t, p)
				parseBothWays(t, append(p[:i], text[i+1:]...))
			}
		}
	}
}

func TestTheFastParserAllocatesTwice(t *testing.T) {
	p := []byte(fastText)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		if _, err := (jsonmsgpack.Codec{}).Parse(p, codec.Text); err != nil {
			t.Error(err)
		}
	}), 2.0, "the envelope and the text in it")
}
