package jsonmsgpack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
)

// invalidParts lists messages with invalid or unknown parts, and the envelope that remains without them. § stands
// for each of several invalid values.
var invalidParts = []struct {
	with, without string
	values        []string
	skipped       int
}{
	// Rooms that do not exist: undefined, as in Node.js's join(undefined) and to(undefined), is null in JSON.
	{`{"type":3,"data":{"packet":{"data":["e"]},"opts":{"rooms":["a",§,"b"]}}}`,
		`{"type":3,"data":{"packet":{"data":["e"]},"opts":{"rooms":["a","b"]}}}`, noName, 1},
	{`{"type":3,"data":{"packet":{"data":["e"]},"opts":{"rooms":[§,"a",§]}}}`,
		`{"type":3,"data":{"packet":{"data":["e"]},"opts":{"rooms":["a"]}}}`, noName, 2},
	{`{"type":3,"data":{"packet":{"data":["e"]},"opts":{"rooms":["a"],"except":["b",§]}}}`,
		`{"type":3,"data":{"packet":{"data":["e"]},"opts":{"rooms":["a"],"except":["b"]}}}`, noName, 1},
	{`{"type":3,"data":{"packet":{"data":["e"]},"opts":{"except":[§]}}}`,
		`{"type":3,"data":{"packet":{"data":["e"]},"opts":{}}}`, noName, 1},
	{`{"type":4,"data":{"rooms":["x",§],"opts":{}}}`, `{"type":4,"data":{"rooms":["x"],"opts":{}}}`, noName, 1},
	{`{"type":5,"data":{"rooms":[§],"opts":{}}}`, `{"type":5,"data":{"rooms":[],"opts":{}}}`, noName, 1},
	{`{"type":6,"data":{"opts":{"rooms":[§,"a"]},"close":true}}`,
		`{"type":6,"data":{"opts":{"rooms":["a"]},"close":true}}`, noName, 1},
	{`{"type":7,"data":{"opts":{"rooms":["a",§]},"requestId":"r"}}`,
		`{"type":7,"data":{"opts":{"rooms":["a"]},"requestId":"r"}}`, noName, 1},

	// Answers.
	{`{"type":8,"data":{"requestId":"r","sockets":[{"id":"s","rooms":["s",§],"handshake":{},"data":{}}]}}`,
		`{"type":8,"data":{"requestId":"r","sockets":[{"id":"s","rooms":["s"],"handshake":{},"data":{}}]}}`, noName,
		1},
	{`{"type":8,"data":{"requestId":"r","sockets":[{"id":"s","rooms":§}]}}`,
		`{"type":8,"data":{"requestId":"r","sockets":[{"id":"s"}]}}`, noList, 1},
	{`{"type":8,"data":{"requestId":"r","sockets":[{"id":"s"},{"id":§,"rooms":["a"]},{"id":"t"}]}}`,
		`{"type":8,"data":{"requestId":"r","sockets":[{"id":"s"},{"id":"t"}]}}`, noName, 2},
	{`{"type":8,"data":{"requestId":"r","sockets":[{"rooms":["a"]},{"id":"t"},7,[],"s",null]}}`,
		`{"type":8,"data":{"requestId":"r","sockets":[{"id":"t"}]}}`, nil, 5},

	// Optional fields.
	{`{"type":3,"data":{"packet":{"data":["e"]},"opts":{"flags":§}}}`,
		`{"type":3,"data":{"packet":{"data":["e"]},"opts":{}}}`, noMap, 1},
	{`{"type":3,"data":{"packet":{"data":["e"]},"opts":{"flags":{"volatile":§,"compress":true}}}}`,
		`{"type":3,"data":{"packet":{"data":["e"]},"opts":{"flags":{"compress":true}}}}`, noBool, 1},
	{`{"type":3,"data":{"packet":{"data":["e"]},"opts":{"flags":{"volatile":true,"compress":§}}}}`,
		`{"type":3,"data":{"packet":{"data":["e"]},"opts":{"flags":{"volatile":true}}}}`, noBool, 1},
	{`{"type":3,"data":{"packet":{"data":["e"]},"opts":{"flags":{"expectSingleResponse":§}}}}`,
		`{"type":3,"data":{"packet":{"data":["e"]},"opts":{}}}`, noBool, 1},
	{`{"type":3,"data":{"packet":{"data":["e"]},"opts":{"flags":{"timeout":§}}}}`,
		`{"type":3,"data":{"packet":{"data":["e"]},"opts":{}}}`, noNumber, 1},
	{`{"type":3,"data":{"packet":{"type":§,"data":["e"]},"opts":{}}}`,
		`{"type":3,"data":{"packet":{"data":["e"]},"opts":{}}}`, noNumber, 1},
	{`{"type":3,"data":{"requestId":§,"packet":{"data":["e"]},"opts":{}}}`,
		`{"type":3,"data":{"packet":{"data":["e"]},"opts":{}}}`, noString, 1},
	{`{"type":6,"data":{"opts":{},"close":§}}`, `{"type":6,"data":{"opts":{}}}`, noBool, 1},
	{`{"type":1,"closeHash":§}`, `{"type":1}`, noString, 1},
	{`{"type":2,"process":§}`, `{"type":2}`, noString, 1},
	{`{"type":2,"clock":§}`, `{"type":2}`, append([]string{"-1", "0.5", "1e300"}, noNumber...), 1},
	{`{"type":13,"closeKey":§}`, `{"type":13}`, noString, 1},
	{`{"type":3,"attachmentId":"1","attachmentKey":§}`, `{"type":3,"attachmentId":"1"}`, noString, 1},
	{`{"type":8,"attachmentId":"1","requesterUid":§}`, `{"type":8,"attachmentId":"1"}`, noString, 1},
	{`{"type":2,"attachmentId":§}`, `{"type":2}`, noName[1:], 1},

	// Unknown keys and types.
	{`{"type":3,"later":§,"data":{"later":§,"packet":{"data":["e"],"later":§},"opts":{"later":§,` +
		`"flags":{"later":§}}}}`, `{"type":3,"data":{"packet":{"data":["e"]},"opts":{}}}`,
		[]string{"1", "null", `{"rooms":[]}`}, 5},
	{`{"type":8,"data":{"sockets":[{"id":"s","later":§}]}}`, `{"type":8,"data":{"sockets":[{"id":"s"}]}}`,
		[]string{"1", "null"}, 1},

	// Keys of Node.js that the codec ignores are not counted.
	{`{"type":3,"source":"_sio_adapter","nodeId":"n","nonce":1,"data":{"packet":{"type":2,"nsp":"/","id":7,` +
		`"options":{},"data":["e"]},"opts":{"flags":{"local":false,"broadcast":true,"binary":false}}}}`,
		`{"type":3,"data":{"packet":{"data":["e"]},"opts":{}}}`, nil, 0},
	{`{"type":2,"uid":4711}`, `{"type":2,"uid":"4711"}`, nil, 0},
	{`{"type":2,"uid":null,"nsp":null,"process":null,"clock":null,"closeHash":null,"attachmentId":null}`,
		`{"type":2}`, nil, 0},
}

// Values of a wrong kind. null means that a field is not set, but in a list it is an invalid element.
var (
	noName   = []string{"null", "true", "false", "[]", `["a"]`, "{}", `{"a":1}`}
	noList   = []string{"true", "5", `"ab"`, "{}", `{"0":"a"}`}
	noMap    = []string{"true", "5", `"ab"`, "[]", `[{"volatile":true}]`}
	noBool   = []string{"0", "1", `"true"`, "[]", "{}"}
	noNumber = []string{"true", `"5"`, "[5]", "{}"}
	noString = []string{"true", "5", "1.5", `["a"]`, "{}"}
)

// inBothForms parses text, which is JSON, and the same message in msgpack.
func inBothForms(t *testing.T, text string) []*codec.Envelope {
	t.Helper()
	env, err := jsonmsgpack.Codec{}.Parse([]byte(text), codec.Text)
	require.NoError(t, err, text)
	tree, err := codec.JSON.Tree([]byte(text))
	require.NoError(t, err)
	binary, err := jsonmsgpack.Codec{}.Parse(msgpackOfTree(t, tree), codec.Binary)
	require.NoError(t, err, text)
	return []*codec.Envelope{env, binary}
}

func TestInvalidPartsAreSkipped(t *testing.T) {
	for _, o := range invalidParts {
		without := inBothForms(t, o.without)
		values := o.values
		if values == nil {
			values = []string{""}
		}
		for _, v := range values {
			text := strings.ReplaceAll(o.with, "§", v)
			for i, env := range inBothForms(t, text) {
				assert.Equal(t, o.skipped, env.Skipped, text)
				env.Skipped = 0
				assert.Equal(t, got(t, without[i]), got(t, env), text)
			}
		}
	}
}

// Whatever a message has in place of rooms, it must not select all sockets.
func TestInvalidRoomsSelectNobody(t *testing.T) {
	var all []string
	for _, v := range noName {
		all = append(all, fmt.Sprintf(`"rooms":[%s]`, v), fmt.Sprintf(`"rooms":[%s,%s],"except":["a"]`, v, v))
	}
	for _, v := range noList {
		all = append(all, `"rooms":`+v, `"rooms":["a"],"except":`+v, `"except":`+v)
	}
	for _, opts := range all {
		for _, typ := range []codec.Type{codec.Broadcast, codec.SocketsJoin, codec.SocketsLeave,
			codec.DisconnectSockets, codec.FetchSockets} {
			text := fmt.Sprintf(`{"type":%d,"data":{"packet":{"data":["e"]},"rooms":["x"],"requestId":"r",`+
				`"opts":{%s}}}`, typ, opts)
			for _, env := range inBothForms(t, text) {
				assert.True(t, env.Opts.Nobody, text)
				assert.Empty(t, env.Opts.Rooms, text)
				assert.Positive(t, env.Skipped, text)
				for _, form := range both {
					_, err := jsonmsgpack.Codec{}.Append(nil, env, form)
					assert.ErrorIs(t, err, codec.ErrNobody, text)
				}
			}
		}
	}
	for _, opts := range []string{``, `"rooms":[]`, `"rooms":null`, `"rooms":[],"except":[null]`, `"except":null`,
		`"rooms":[null],"rooms":[]`} {
		for _, env := range inBothForms(t, `{"type":3,"data":{"packet":{"data":["e"]},"opts":{`+opts+`}}}`) {
			assert.Equal(t, codec.Opts{}, env.Opts, "selects all sockets: %s", opts)
		}
	}
}

// FuzzInvalidElements adds an invalid element to a list in a message. The result must be the message without the
// element.
func FuzzInvalidElements(f *testing.F) {
	for _, m := range readVectors(f).Messages {
		if len(m.Payload) < 2000 {
			f.Add([]byte(m.Payload), uint(3), `null`)
		}
	}
	f.Add([]byte(`{"type":8,"data":{"sockets":[{"id":"s","rooms":["a"]},{"id":"t","rooms":[]}]}}`), uint(7),
		`[{"id":5}]`)
	f.Fuzz(func(t *testing.T, p []byte, place uint, element string) {
		env, err := jsonmsgpack.Codec{}.Parse(p, codec.Text)
		if err != nil || env.AttachmentID != "" || hasDuplicates(p) {
			return
		}
		with, err := codec.JSON.Tree([]byte(element))
		if err != nil {
			return
		}
		tree, err := codec.JSON.Tree(p)
		require.NoError(t, err)
		lists := listsOf(env, &tree)
		if len(lists) == 0 {
			return
		}
		list := lists[place%uint(len(lists))]
		if _, named := with.(codec.Object); named && list.sockets {
			return
		}
		switch with.(type) {
		case string, int64, uint64, float64:
			if !list.sockets {
				return
			}
		}
		at := int(place/uint(len(lists))) % (len(list.elements()) + 1)
		list.insert(at, with)
		text, err := codec.FromTree(tree).MarshalJSON()
		require.NoError(t, err)
		invalidParts, err := jsonmsgpack.Codec{}.Parse(text, codec.Text)
		if err != nil {
			require.ErrorIs(t, err, codec.ErrDepth, "%s", text)
			return
		}
		require.Equal(t, env.Skipped+1, invalidParts.Skipped, "%s", text)
		if list.selects && len(list.elements()) == 1 {
			require.True(t, invalidParts.Opts.Nobody, "%s", text)
			return
		}
		invalidParts.Skipped = env.Skipped
		require.Equal(t, got(t, env), got(t, invalidParts), "%s", text)
	})
}

// treeList is a list in a tree.
type treeList struct {
	at *any
	// true for a list of sockets, false for a list of names; true for a list that selects sockets
	sockets, selects bool
}

func (l treeList) elements() []any {
	list, _ := (*l.at).([]any)
	return list
}

func (l treeList) insert(i int, v any) {
	list := l.elements()
	*l.at = append(append(append([]any{}, list[:i]...), v), list[i:]...)
}

// member returns the value of a key, or nil if there is none.
func member(tree *any, key string) *any {
	if tree == nil {
		return nil
	}
	o, _ := (*tree).(codec.Object)
	for i := range o {
		if o[i].Key == key {
			return &o[i].Value
		}
	}
	return nil
}

// listsOf returns the lists of rooms and sockets in the tree of env.
func listsOf(env *codec.Envelope, tree *any) (all []treeList) {
	add := func(at *any, l treeList) {
		if at == nil {
			return
		}
		if _, ok := (*at).([]any); ok {
			l.at = at
			all = append(all, l)
		}
	}
	data := member(tree, "data")
	switch env.Type {
	case codec.Broadcast, codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets, codec.FetchSockets:
		opts := member(data, "opts")
		add(member(opts, "rooms"), treeList{selects: true})
		add(member(opts, "except"), treeList{})
	}
	switch env.Type {
	case codec.SocketsJoin, codec.SocketsLeave:
		add(member(data, "rooms"), treeList{})
	case codec.FetchSocketsResponse:
		sockets := member(data, "sockets")
		add(sockets, treeList{sockets: true})
		list, _ := (*sockets).([]any)
		for i := range list {
			add(member(&list[i], "rooms"), treeList{})
		}
	}
	return all
}

func TestAMessageForNobodyIsAnError(t *testing.T) {
	for _, env := range []codec.Envelope{
		{Type: codec.Broadcast, Args: args(t, "e"), Opts: codec.Opts{Nobody: true}},
		{Type: codec.FetchSockets, RequestID: "r", Opts: codec.Opts{Nobody: true,
			Flags: codec.Flags{Timeout: time.Second}}},
	} {
		for _, form := range both {
			p, err := jsonmsgpack.Codec{}.Append([]byte("x"), &env, form)
			assert.ErrorIs(t, err, codec.ErrNobody)
			assert.Equal(t, "x", string(p))
		}
	}
}
