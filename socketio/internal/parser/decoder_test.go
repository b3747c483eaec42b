package parser_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

func TestTextPackets(t *testing.T) {
	for text, want := range map[string]string{
		`0`:                                    `connect in /, id -1: null`,
		`0{"token":"a"}`:                       `connect in /, id -1: {"token":"a"}`,
		`0/admin,`:                             `connect in /admin, id -1: null`,
		`0/admin`:                              `connect in /admin, id -1: null`,
		`0/admin,{"a": 1 } `:                   `connect in /admin, id -1: {"a": 1 } `,
		`0/a?b={}/c,{}`:                        `connect in /a?b={}/c, id -1: {}`,
		`0/,{}`:                                `connect in /, id -1: {}`,
		`0/ü,`:                                 `connect in /ü, id -1: null`,
		`1`:                                    `disconnect in /, id -1: null`,
		`1/admin,`:                             `disconnect in /admin, id -1: null`,
		`2["a"]`:                               `event in /, id -1: ["a"]`,
		`2/admin,["a"]`:                        `event in /admin, id -1: ["a"]`,
		`20["a"]`:                              `event in /, id 0: ["a"]`,
		`2/admin,012["a",{"b":[1,null]}]`:      `event in /admin, id 12: ["a",{"b":[1,null]}]`,
		`29007199254740991["a"]`:               `event in /, id 9007199254740991: ["a"]`,
		`2[1,"a"]`:                             `event in /, id -1: [1,"a"]`,
		`2["", "\u0000"]`:                      `event in /, id -1: ["", "\u0000"]`,
		`2["connected"]`:                       `event in /, id -1: ["connected"]`,
		`2["message","\ud83d"]`:                `event in /, id -1: ["message","\ud83d"]`,
		`2["a",{"_placeholder":true,"num":7}]`: `event in /, id -1: ["a",{"_placeholder":true,"num":7}]`,
		`2["a",{"__proto__":{"admin":true},"constructor":{}}]`: `event in /, id -1: ["a",{"__proto__":{"admin":true},"constructor":{}}]`,
		`31[]`:                                 `ack in /, id 1: []`,
		`3/admin,1[null,"a"]`:                  `ack in /admin, id 1: [null,"a"]`,
		`39007199254740992[]`:                  `ack in /, id 9007199254740992: []`,
		"3" + strings.Repeat("9", 1000) + `[]`: `ack in /, id 9007199254740992: []`,
		`4{"message":"no"}`:                    `connect error in /, id -1: {"message":"no"}`,
		`4/admin,"no"`:                         `connect error in /admin, id -1: "no"`,
	} {
		var d parser.Decoder
		p, err := decode(t, &d, text)
		require.NoError(t, err, text)
		assert.Equal(t, want, say(p), text)
		if !p.Data.IsNull() {
			assert.Equal(t, codec.JSON, p.Data.Encoding(), "%s: the data must keep the received bytes", text)
		}
	}
}

func TestMalformedPackets(t *testing.T) {
	deep := strings.Repeat("[", 1000) + strings.Repeat("]", 1000)
	for reason, all := range map[string][][]message{
		"unknown packet type": {{""}, {" "}, {"7"}, {"a[]"}, {`["a"]`}, {"{}"}, {"-1"}, {"é"}, {"\x00"}},
		"not valid UTF-8":     {{"2[\"\xff\"]"}, {"0/\xc3,"}, {"\xff"}},
		"no payload": {{"2"}, {"2/admin,"}, {"2/admin"}, {"212"}, {"31"}, {"4"}, {"51-"}, {"61-1"},
			{"51-/admin"}},
		"invalid payload": {
			{"0[]"}, {`0"a"`}, {"0null"}, {"0{"}, {"0{}x"}, {"0{}{}"}, {`0{"a":}`},
			{"1{}"}, {"1null"}, {"1x"}, {"1/admin,[]"},
			{"2{}"}, {`2"a"`}, {"2null"}, {"2[]"}, {"2[ ]"}, {"2[null]"}, {"2[{}]"}, {"2[true]"}, {`2[["a"]]`},
			{`2["a"`}, {`2["a",]`}, {`2["a"]]`},
			{`2["a"],`}, {`2['a']`}, {`2[a]`}, {`2["a" 1]`}, {`2["a",01]`}, {`2["a",NaN]`}, {`2["a",1e]`}, {`2["\x"]`},
			{"2[\"\n\"]"}, {`2["a\u12"]`}, {"2[1e999]"},
			{`2 ["a"]`}, {`2 1["a"]`}, {`2-1["a"]`}, {`2+1["a"]`}, {`2abc["a"]`}, {`2admin,["a"]`}, {`2,["a"]`},
			{`21 ["a"]`}, {`21.5["a"]`}, {`21e1["a"]`}, {`2/a,/b,["a"]`},
			{`2["a",` + deep + `]`}, {`31[` + deep + `]`}, {`0{"a":` + deep + `}`}, {`51-["a",` + deep + `]`},
			{"31{}"}, {`31"a"`}, {"31null"}, {"31["},
			{"4[]"}, {"4null"}, {"4true"}, {`4"a`},
			{"51-{}"}, {"51-[]"}, {`51-[{"_placeholder":true,"num":0}]`}, {"61-1{}"},
		},
		"reserved event name": {
			{`2["connect"]`}, {`2["connect_error",1]`}, {`2["disconnect"]`}, {`2["disconnecting"]`},
			{`2["newListener"]`}, {`2["removeListener"]`},
			{`2/admin,1["disconnect"]`}, {`2["\u0063onnect"]`}, {`2[ "connect" ]`},
			{`51-["connect",{"_placeholder":true,"num":0}]`},
		},
		"no acknowledgement id": {{`3["a"]`}, {`3/admin,[]`}, {`61-["a"]`}, {`3`}},
		"illegal acknowledgement id": {{`29007199254740992["a"]`}, {`299999999999999999999999["a"]`},
			{"2" + strings.Repeat("9", 1000) + `["a"]`}},
		"illegal number of attachments": {
			{"5"}, {"51"}, {`5["a"]`}, {`5-["a"]`}, {`50-["a"]`}, {`5-1-["a"]`}, {`5+1-["a"]`}, {`51.5-["a"]`},
			{`51e0-["a"]`}, {`50x1-["a"]`}, {`5 1-["a"]`}, {`51 -["a"]`},
			{`5a-["a"]`}, {`5999999999999999999999-["a"]`}, {`6-1[]`}, {"6"}, {`5/admin,1-["a"]`},
		},
		"too many attachments": {{`511-["a"]`}, {`6999-1["a"]`}},
		"illegal attachments": {
			{`51-["a",{"_placeholder":true,"num":1}]`, []byte{1}},
			{`51-["a",{"_placeholder":true,"num":-1}]`, []byte{1}},
			{`51-["a",{"_placeholder":true,"num":-4294967295}]`, []byte{1}}, // the lower 32 bits are 1
			{`51-["a",{"_placeholder":true,"num":-4294967296}]`, []byte{1}}, // the lower 32 bits are 0
			{`51-["a",{"_placeholder":true,"num":0.5}]`, []byte{1}},
			{`51-["a",{"_placeholder":true,"num":1e999}]`, []byte{1}},
			{`51-["a",{"_placeholder":true,"num":18446744073709551615}]`, []byte{1}},
			{`51-["a",{"_placeholder":true,"num":"0"}]`, []byte{1}},
			{`51-["a",{"_placeholder":true,"num":null}]`, []byte{1}},
			{`51-["a",{"_placeholder":true}]`, []byte{1}},
			{`61-1[{"_placeholder":true,"num":1}]`, []byte{1}},
		},
		"got plaintext data when reconstructing a packet": {
			{`51-["a",{"_placeholder":true,"num":0}]`, `2["a"]`},
			{`52-["a",{"_placeholder":true,"num":0}]`, []byte{1}, ""},
		},
		"got binary data when not reconstructing a packet": {{[]byte{1}}, {[]byte{}}},
	} {
		for _, list := range all {
			var d parser.Decoder
			p, err := decode(t, &d, list...)
			require.Error(t, err, "%.100q", list)
			assert.Nil(t, p, "%.100q", list)
			assert.ErrorIs(t, err, parser.ErrMalformed, "%.100q", list)
			var e *parser.Error
			require.ErrorAs(t, err, &e, "%.100q", list)
			assert.Contains(t, e.Reason, reason, "%.100q", list)
			assert.Less(t, len(err.Error()), 200, "a long packet must not fill the log")
		}
	}
}

func TestErrorContainsTheCause(t *testing.T) {
	var d parser.Decoder
	_, err := d.Text([]byte(`2["a",` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `]`))
	require.ErrorIs(t, err, codec.ErrDepth)
	require.ErrorIs(t, err, parser.ErrMalformed)
	_, err = d.Text([]byte(`2["a`))
	assert.Contains(t, err.Error(), "string without end")
}

func TestArgumentsOfAnEvent(t *testing.T) {
	for text, want := range map[string]string{`2["a",1,2]`: "a", `2[12.5,1,2]`: "12.5", `2["\u0061\n",1,2]`: "a\n",
		`2[ "a" , 1 , 2 ]`: "a"} {
		var d parser.Decoder
		p, err := decode(t, &d, text)
		require.NoError(t, err)
		a, err := p.Args()
		require.NoError(t, err)
		assert.Equal(t, want, a.Event(), text)
		assert.Equal(t, 2, a.Len(), text)
		assert.Equal(t, p.Data, a.Value(), text)
	}
	a, err := (&parser.Packet{Type: parser.Event, Data: raw(t, `["made here",1]`)}).Args()
	require.NoError(t, err)
	assert.Equal(t, "made here", a.Event())
	var d parser.Decoder
	p, err := decode(t, &d, `31["a"]`)
	require.NoError(t, err)
	_, err = (&parser.Packet{Type: parser.Ack, Data: raw(t, `[]`)}).Args()
	require.ErrorIs(t, err, codec.ErrMalformed)
	assert.Equal(t, `["a"]`, p.Data.String())
}

func TestDeepestDataThatMayBeSentIsAccepted(t *testing.T) {
	inner := any("x")
	for range codec.MaxDepth - 4 {
		inner = []any{inner}
	}
	a := args(t, "a", inner) // no error: this is as deep as NewArgs allows
	text, _, err := parser.Encoder(0).EncodeEvent("/", parser.NoID, a)
	require.NoError(t, err)
	var d parser.Decoder
	p, err := d.Text(text)
	require.NoError(t, err)
	assert.Equal(t, a.String(), p.Data.String())
	_, err = d.Text([]byte(strings.Replace(string(text), `"x"`, "[]", 1)))
	require.ErrorIs(t, err, codec.ErrDepth, "one more level must be refused")
}

func TestManySmallArgumentsAllocateNothing(t *testing.T) {
	text := []byte(`2["a"` + strings.Repeat(",1", 100_000) + "]")
	var d parser.Decoder
	n := testing.AllocsPerRun(5, func() {
		if _, err := d.Text(text); err != nil {
			t.Fatal(err)
		}
	})
	assert.LessOrEqual(t, n, 2.0, "the decoder must not build values from the payload")
}

func TestPacketsShareTheNamespaceName(t *testing.T) {
	var d parser.Decoder
	text := []byte(`3/a-rather-long-name-of-a-namespace,1["a"]`)
	_, err := d.Text(text)
	require.NoError(t, err)
	n := testing.AllocsPerRun(10, func() { _, err = d.Text(text) })
	require.NoError(t, err)
	assert.LessOrEqual(t, n, 1.0, "only the packet may be allocated")
}
