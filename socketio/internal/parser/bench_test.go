package parser_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

func BenchmarkDecode(b *testing.B) {
	for name, messages := range map[string][]string{
		"Event100B":   {`2["chat message",{"from":"alice","room":"room1","text":"hello everybody, how are you today?","n":123}]`},
		"EventInRoom": {`2/admin,12["chat message","hello everybody, how are you today?"]`},
		"Ack":         {`312["done"]`},
		"Event10KB":   {`2["chat message",{"text":"` + strings.Repeat("hello everybody ", 640) + `"}]`},
		"OneImage": {`51-["image",{"name":"a.png","data":{"_placeholder":true,"num":0}}]`,
			strings.Repeat("x", 10_000)},
	} {
		b.Run(name, func(b *testing.B) {
			text := []byte(messages[0])
			attachments := messages[1:]
			var d parser.Decoder
			b.ReportAllocs()
			for b.Loop() {
				p, err := d.Text(text)
				for _, a := range attachments {
					p, err = d.Binary([]byte(a))
				}
				if p == nil || err != nil {
					b.Fatal(p, err)
				}
			}
		})
	}
}

func BenchmarkEncodeEvent(b *testing.B) {
	type message struct {
		From, Room, Text string
		Data             []byte
	}
	m := message{From: "alice", Room: "room1", Text: "hello everybody, how are you today?"}
	text, err := codec.NewArgs("chat message", m)
	require.NoError(b, err)
	m.Data = make([]byte, 10_000)
	binary, err := codec.NewArgs("chat message", m)
	require.NoError(b, err)
	offset, err := codec.NewValue("1234567890")
	require.NoError(b, err)
	for _, c := range []struct {
		name  string
		args  codec.Args
		extra []codec.Value
	}{
		{"Text", text, nil},
		{"WithOffset", text, []codec.Value{offset}},
		{"Binary", binary, nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := parser.Encoder(0).EncodeEvent("/", parser.NoID, c.args, c.extra...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
