package parser_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// FuzzDecode decodes a text with as many attachments as it announces.
func FuzzDecode(f *testing.F) {
	for _, text := range edges() {
		f.Add([]byte(text), []byte{1, 2})
	}
	f.Fuzz(func(t *testing.T, text, attachment []byte) {
		p, err := decodeAll(text, attachment)
		if err != nil {
			require.Nil(t, p)
			require.ErrorIs(t, err, parser.ErrMalformed)
			return
		}
		checkDecoded(t, p)

		// Encoding and decoding the packet again must not change it or its messages.
		out, attachments, err := parser.Encoder(0).Encode(p)
		require.NoError(t, err)
		var d parser.Decoder
		again, err := decode(t, &d, messages(out, attachments)...)
		require.NoError(t, err, "%q", out)
		require.Equal(t, strings.TrimRight(say(p), " \t\r\n"), say(again), "%q", out)
		out2, attachments2, err := parser.Encoder(0).Encode(again)
		require.NoError(t, err)
		require.Equal(t, messages(out, attachments), messages(out2, attachments2))
	})
}

// decodeAll decodes text and uses attachment for all of its attachments.
func decodeAll(text, attachment []byte) (*parser.Packet, error) {
	var d parser.Decoder
	p, err := d.Text(bytes.Clone(text))
	for d.Pending() {
		p, err = d.Binary(attachment)
	}
	return p, err
}

// checkDecoded checks what must hold for every decoded packet.
func checkDecoded(t *testing.T, p *parser.Packet) {
	t.Helper()
	require.Equal(t, byte('/'), p.Namespace[0])
	require.GreaterOrEqual(t, p.ID, int64(parser.NoID))
	tree, err := p.Data.Tree()
	require.NoError(t, err)
	switch p.Type {
	case parser.Event:
		a, err := p.Args()
		require.NoError(t, err)
		require.False(t, fault.Reserved(a.Event()))
		values, err := a.Values()
		require.NoError(t, err)
		require.Len(t, tree, 1+len(values))
	case parser.Ack:
		require.IsType(t, []any{}, tree)
		require.NotEqual(t, int64(parser.NoID), p.ID)
	case parser.Connect:
		if tree != nil {
			require.IsType(t, codec.Object{}, tree)
		}
	case parser.ConnectError:
		require.NotNil(t, tree)
	default:
		require.Equal(t, parser.Disconnect, p.Type)
		require.Nil(t, tree)
	}
}

// FuzzEncode encodes any data with bytes in any place.
func FuzzEncode(f *testing.F) {
	f.Add([]byte(`["a","bytes:1",{"b":"bytes:2","c":[1.5,null]}]`), "/admin", int64(1))
	f.Add([]byte(`["a",{"_placeholder":true,"num":0}]`), "/", int64(-1))
	f.Add([]byte(`["a",{"_placeholder":true,"num":0},"bytes:"]`), "", int64(0))
	f.Fuzz(func(t *testing.T, data []byte, namespace string, id int64) {
		tree, err := codec.JSON.Tree(data)
		if err != nil {
			return
		}
		n := 0
		v := codec.FromTree(withBytes(tree, &n))
		text, attachments, err := parser.Encoder(0).Encode(&parser.Packet{Type: parser.Event, Namespace: namespace,
			ID: id, Data: v})
		if err != nil {
			require.NotErrorIs(t, err, parser.ErrMalformed)
			return
		}
		require.Len(t, attachments, n)
		d := parser.Decoder{MaxAttachments: len(data)}
		p, err := d.Text(text)
		for _, a := range attachments {
			require.NoError(t, err)
			p, err = d.Binary(a)
		}
		if err != nil {
			return // not the data of an event: no name, a reserved name, or too deep
		}
		require.Equal(t, v.String(), p.Data.String())
		require.Equal(t, max(id, parser.NoID), p.ID)
		if namespace == "" {
			namespace = "/"
		}
		require.Equal(t, namespace, p.Namespace)
	})
}

// withBytes replaces the strings in a tree that start with "bytes:" by bytes. It counts them in n.
func withBytes(t any, n *int) any {
	switch t := t.(type) {
	case string:
		if data, ok := strings.CutPrefix(t, "bytes:"); ok {
			*n++
			return []byte(data)
		}
	case []any:
		for i := range t {
			t[i] = withBytes(t[i], n)
		}
	case codec.Object:
		for i := range t {
			t[i].Value = withBytes(t[i].Value, n)
		}
	}
	return t
}
