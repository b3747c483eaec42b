package engineio

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// packetsOf returns the packets of a body of version 3: the type and the text, or "b" and bytes in hexadecimal.
func packetsOf(body string, binary bool) (all []string, err error) {
	err = packets3{}.eachPacket([]byte(body), binary, func(p packet) bool {
		if p.kind == typeBinary {
			all = append(all, "b"+hex.EncodeToString(p.data))
		} else {
			all = append(all, string(rune(p.kind))+string(p.data))
		}
		return true
	})
	return all, err
}

func TestTextBodiesOfVersion3(t *testing.T) {
	for _, c := range []struct {
		body string
		want string // packets, separated by spaces
		ok   bool
	}{
		{"6:4hello", "4hello", true},
		{"6:4hello2:4!1:2", "4hello 4! 2", true},
		{"06:4hello", "4hello", true},
		{"0:1:1", "1", true},
		{"2:4ü", "4ü", true},
		{"2:4€", "4€", true},
		{"3:4😀2:4a", "4😀 4a", true}, // a surrogate pair counts twice
		{"2:4:3:4:4", "4: 4:4", true},
		{"10:b4AQIDBA==", "b01020304", true},
		{"8:b4AQIDBA", "b01020304", true},
		{"2:b4", "b", true},
		{"6:2probe", "2probe", true},

		{"", "", false},
		{"6", "", false},
		{"6:", "", false},
		{"7:4hello", "", false},
		{"5:4hello", "4hell", false},
		{":4hello", "", false},
		{"-6:4hello", "", false},
		{"+6:4hello", "", false},
		{" 6:4hello", "", false},
		{"6e0:4hello", "", false},
		{"0x6:4hello", "", false},
		{"6.0:4hello", "", false},
		{"99999999999999999999999999:4", "", false},
		{"18446744073709551617:4", "", false},
		{"4294967297:4", "", false},
		{"2:4😀", "", false}, // ends within a surrogate pair
		{"1:7", "", false},
		{"1:b", "", false},
		{"2:b7", "", false},
		{"6:b4****", "", false},
		{"2:4a2:x1", "4a", false},
		{"2:4\xff", "", false},
		{"4hello", "", false},
		{"4a\x1e4b", "", false},
	} {
		got, err := packetsOf(c.body, false)
		require.Equal(t, c.ok, err == nil, "%q: %v", c.body, err)
		require.Equal(t, c.want, strings.Join(got, " "), "%q", c.body)
	}
}

func TestBinaryBodiesOfVersion3(t *testing.T) {
	for _, c := range []struct {
		body string
		want string
		ok   bool
	}{
		{"\x01\x03\xff\x04\x01\x02", "b0102", true},
		{"\x00\x03\xff4ab\x01\x01\xff\x04", "4ab b", true},
		{"\x00\x01\x02\xff4abcdefghijk", "4abcdefghijk", true},
		{"\x00\x05\xff4\xf0\x9f\x98\x80", "4😀", true}, // the length counts bytes
		{"\x00\x00\x01\xff1", "1", true},
		{"\x00\x06\xffb4AQID", "b010203", true},
		{"\x00\x08\xffb4AQIDBA", "b01020304", true},
		{"\x01\x06\xff\x02probe", "2probe", true},

		{"\x00", "", false},
		{"\x00\x03", "", false},
		{"\x00\xff4ab", "", false},
		{"\x00\x04\xff4ab", "", false},
		{"\x02\x03\xff4ab", "", false},
		{"\x00\x0a\xff4ab", "", false},
		{"\x00\x03\xff7ab", "", false},
		{"\x00\x00\xff", "", false},
		{"\x01\x00\xff", "", false},
		{"\x01\x01\xff\x07", "", false},
		{"\x00\x02\xff4\xff", "", false},
		{"\x00" + strings.Repeat("\x09", 400) + "\xff", "", false},
		{"\x00" + strings.Repeat("\x00", 400) + "\x01\xff1", "1", true},
		{"\x00\x06\xffb4AQIDBA", "b010203", false},
		{"3:4ab", "", false},
	} {
		got, err := packetsOf(c.body, true)
		require.Equal(t, c.ok, err == nil, "%q: %v", c.body, err)
		require.Equal(t, c.want, strings.Join(got, " "), "%q", c.body)
	}
}

func TestResponsesOfVersion3(t *testing.T) {
	text := wsframe.NewFrame(wsframe.Part{Data: []byte("a😀")})
	data := wsframe.NewFrame(wsframe.Part{Data: []byte("x")}, wsframe.Part{Binary: true, Data: []byte{1, 2}})
	for _, c := range []struct {
		frames []*wsframe.Frame
		binary bool
		want   string
	}{
		{[]*wsframe.Frame{text, noopFrame}, false, "4:4a😀1:6"},
		{[]*wsframe.Frame{text, noopFrame}, true, "\x00\x06\xff4a😀\x00\x01\xff6"},
		{[]*wsframe.Frame{data}, false, "2:4x6:b4AQI="},
		{[]*wsframe.Frame{data}, true, "\x00\x02\xff4x\x01\x03\xff\x04\x01\x02"},
		{[]*wsframe.Frame{wsframe.NewEncodedFrame([]byte("only over WebSocket"), nil)}, false, ""},
	} {
		var got []byte
		for _, f := range c.frames {
			got = packets3{}.appendFrame(got, f, c.binary)
		}
		require.Equal(t, c.want, string(got))
	}
}

// FuzzPayload3 parses bodies of version 3. The packets together are not larger than the body, and the same packets
// come from a body in which they are encoded again.
func FuzzPayload3(f *testing.F) {
	f.Add([]byte("6:4hello10:b4AQIDBA==1:2"), false)
	f.Add([]byte("3:4😀2:4ü"), false)
	f.Add([]byte("99999999999999999999:4"), false)
	f.Add([]byte("\x00\x03\xff4ab\x01\x03\xff\x04\x01\x02"), true)
	f.Add([]byte("\x00"+strings.Repeat("\x09", 400)+"\xff"), true)
	f.Fuzz(func(t *testing.T, body []byte, binary bool) {
		size := len(body)
		var frames []*wsframe.Frame
		var want []string
		err := packets3{}.eachPacket(append([]byte{}, body...), binary, func(p packet) bool {
			require.LessOrEqual(t, len(p.data), size)
			size -= len(p.data)
			switch p.kind {
			case typeBinary:
				frames = append(frames, wsframe.NewFrame(wsframe.Part{Binary: true, Data: p.data}))
				want = append(want, "b"+hex.EncodeToString(p.data))
			case typeMessage:
				frames = append(frames, wsframe.NewFrame(wsframe.Part{Data: p.data}))
				want = append(want, "4"+string(p.data))
			}
			return true
		})
		if err != nil || len(frames) == 0 {
			return
		}
		for _, binary := range []bool{false, true} {
			var again []byte
			for _, frame := range frames {
				again = packets3{}.appendFrame(again, frame, binary)
			}
			got, err := packetsOf(string(again), binary)
			require.NoError(t, err, "%q", again)
			require.Equal(t, want, got)
		}
	})
}
