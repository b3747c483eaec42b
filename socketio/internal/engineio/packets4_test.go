package engineio

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// FuzzPayload parses payloads. A payload that is accepted is the same after its packets have been encoded again.
func FuzzPayload4(f *testing.F) {
	f.Add([]byte("4hello\x1ebAQID\x1e3\x1e6"))
	f.Add([]byte("bAQ"))
	f.Add([]byte("4\x1e"))
	f.Add([]byte("0{}\x1e1\x1e2probe\x1e5"))
	f.Fuzz(func(t *testing.T, p []byte) {
		whole := bytes.Clone(p)
		var again []string
		err := packets4{}.eachPacket(p, false, func(one packet) bool {
			switch one.kind {
			case typeBinary:
				again = append(again, "b"+base64.StdEncoding.EncodeToString(one.data))
			default:
				require.True(t, utf8.Valid(one.data))
				again = append(again, string(one.kind)+string(one.data))
			}
			return true
		})
		if err != nil {
			return
		}
		want := strings.Split(string(whole), string(rune(separator)))
		require.Len(t, again, len(want))
		for i := range want {
			if want[i][0] != typeBinary { // base64 has several forms
				require.Equal(t, want[i], again[i])
			}
		}
		var twice []string
		body := []byte(strings.Join(again, string(rune(separator))))
		require.NoError(t, packets4{}.eachPacket(body, false, func(one packet) bool {
			if one.kind == typeBinary {
				one.data = []byte(base64.StdEncoding.EncodeToString(one.data))
			}
			twice = append(twice, string(one.kind)+string(one.data))
			return true
		}))
		require.Equal(t, again, twice)
	})
}

func TestTextFramesHaveTheirPayload(t *testing.T) {
	for _, size := range []int{0, 1, 125, 70000} {
		data := bytes.Repeat([]byte("x"), size)
		text := wsframe.NewTextFrame(append(make([]byte, wsframe.Headroom), data...))
		require.Equal(t, packets4{}.appendFrame(nil, wsframe.NewFrame(wsframe.Part{Data: data}), false),
			packets4{}.appendFrame(nil, text, false), "%d bytes", size)
	}
}
