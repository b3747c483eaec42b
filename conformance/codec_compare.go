package conformance

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// difference is the first difference between two envelopes, or two trees of data.
type difference struct{ where, want, got string }

func newDifference(where string, want, got any) *difference {
	return &difference{where, brief(want), brief(got)}
}

func brief(v any) string {
	s := fmt.Sprintf("%#v", v)
	switch v := v.(type) {
	case []byte:
		s = fmt.Sprintf("bytes(%q)", v)
	case time.Time:
		s = "the time " + v.Format(time.RFC3339Nano)
	case float64:
		s = fmt.Sprintf("float64(%v)", v)
	case int64, uint64:
		s = fmt.Sprint(v)
	}
	if len(s) > 400 {
		s = fmt.Sprintf("%s … %s (%d bytes)", strings.ToValidUTF8(s[:200], ""),
			strings.ToValidUTF8(s[len(s)-100:], ""), len(s))
	}
	return s
}

// diffEnvelopes returns the first difference between want and got, or nil if both mean the same.
func diffEnvelopes(want, got *codec.Envelope) *difference {
	fields := [...]struct {
		name      string
		want, got any
	}{
		{"Type", want.Type, got.Type},
		{"UID", want.UID, got.UID},
		{"NSP", want.NSP, got.NSP},
		{"AttachmentID", want.AttachmentID, got.AttachmentID},
		{"AttachmentKey", want.AttachmentKey, got.AttachmentKey},
		{"RequesterUID", want.RequesterUID, got.RequesterUID},
		{"CloseHash", want.CloseHash, got.CloseHash},
		{"CloseKey", want.CloseKey, got.CloseKey},
		{"Process", want.Process, got.Process},
		{"Clock", want.Clock, got.Clock},
		{"RequestID", want.RequestID, got.RequestID},
		{"Opts.Nobody", want.Opts.Nobody, got.Opts.Nobody},
		{"Opts.Flags", flagsText(want.Opts.Flags), flagsText(got.Opts.Flags)},
		{"Close", want.Close, got.Close},
		{"Skipped", want.Skipped, got.Skipped},
		{"ClientCount", want.ClientCount, got.ClientCount},
		{"Args.Event", want.Args.Event(), got.Args.Event()},
		{"Args.Len", want.Args.Len(), got.Args.Len()},
		{"the number of Sockets", len(want.Sockets), len(got.Sockets)},
	}
	for i := range fields {
		if f := &fields[i]; f.want != f.got {
			return newDifference(f.name, f.want, f.got)
		}
	}
	for _, l := range [...]struct {
		name      string
		want, got []string
	}{
		{"Opts.Rooms", want.Opts.Rooms, got.Opts.Rooms},
		{"Opts.Except", want.Opts.Except, got.Opts.Except},
		{"Rooms", want.Rooms, got.Rooms},
	} {
		if d := diffNames(l.name, l.want, l.got); d != nil {
			return d
		}
	}
	if d := diffValues("Args", want.Args.Value(), got.Args.Value()); d != nil {
		return d
	}
	if d := diffValues("Value", want.Value, got.Value); d != nil {
		return d
	}
	if d := diffValues("Value.Rest", want.Value.Rest(), got.Value.Rest()); d != nil {
		return d
	}
	for i := range want.Sockets {
		if d := diffSockets(&want.Sockets[i], &got.Sockets[i]); d != nil {
			d.where = fmt.Sprintf("Sockets[%d].%s", i, d.where)
			return d
		}
	}
	return nil
}

func diffSockets(want, got *codec.Socket) *difference {
	if want.ID != got.ID {
		return newDifference("ID", want.ID, got.ID)
	}
	if d := diffNames("Rooms", want.Rooms, got.Rooms); d != nil {
		return d
	}
	if d := diffValues("Handshake", want.Handshake, got.Handshake); d != nil {
		return d
	}
	return diffValues("Data", want.Data, got.Data)
}

// diffNames treats nil and empty lists as equal.
func diffNames(where string, want, got []string) *difference {
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			return newDifference(fmt.Sprintf("%s[%d]", where, i), want[i], got[i])
		}
	}
	if len(want) != len(got) {
		return newDifference(fmt.Sprintf("the length of %s", where), len(want), len(got))
	}
	return nil
}

// flagsText returns f as text, without its pointer.
func flagsText(f codec.Flags) string {
	compress := "unset"
	if f.Compress != nil {
		compress = fmt.Sprint(*f.Compress)
	}
	return fmt.Sprintf("volatile %v, compress %s, timeout %v, expectSingleResponse %v, relayed %v", f.Volatile,
		compress, f.Timeout, f.ExpectSingleResponse, f.Relayed)
}

func diffValues(where string, want, got codec.Value) *difference {
	w, err := want.Tree()
	if err != nil {
		return newDifference(where, err, got)
	}
	g, err := got.Tree()
	if err != nil {
		return newDifference(where, w, err)
	}
	return diffTrees(where, w, g)
}

// diffTrees compares decoded data.
func diffTrees(where string, want, got any) *difference {
	same := false
	switch w := want.(type) {
	case nil, bool, string:
		same = want == got
	case int64, uint64, float64:
		same = sameNumber(want, got)
	case []byte:
		g, ok := got.([]byte)
		same = ok && string(w) == string(g)
	case time.Time:
		same = sameTime(w, got)
	case []any:
		g, ok := got.([]any)
		if same = ok && len(w) == len(g); !same {
			break
		}
		for i := range w {
			if d := diffTrees("", w[i], g[i]); d != nil {
				d.where = fmt.Sprintf("%s[%d]%s", where, i, d.where)
				return d
			}
		}
	case codec.Object:
		g, ok := got.(codec.Object)
		if same = ok && len(w) == len(g); !same {
			break
		}
		for i := range w {
			if w[i].Key != g[i].Key {
				return newDifference(fmt.Sprintf("the key %d of %s", i, where), w[i].Key, g[i].Key)
			}
			if d := diffTrees("", w[i].Value, g[i].Value); d != nil {
				d.where = fmt.Sprintf("%s.%s%s", where, quote(w[i].Key), d.where)
				return d
			}
		}
	default:
		same = reflect.DeepEqual(want, got)
	}
	if !same {
		return newDifference(where, want, got)
	}
	return nil
}

// sameNumber compares numbers by the digits that JSON writes. They differ for different integers and for
// different float64s, so that the number stays the same wherever it goes next. A float64 may also become the
// equal integer.
func sameNumber(want, got any) bool {
	switch w := want.(type) {
	case int64, uint64:
		if want == got {
			return true
		}
	case float64:
		if g, ok := got.(float64); ok && math.Float64bits(w) == math.Float64bits(g) {
			return true
		}
	}
	switch g := got.(type) {
	case int64:
		if f, ok := want.(float64); ok && f == float64(g) && g != 0 {
			return true
		}
	case uint64:
		if f, ok := want.(float64); ok && f == float64(g) && g != 0 {
			return true
		}
	case float64:
	default:
		return false
	}
	w, _ := codec.FromTree(want).JSON() // cannot fail
	g, _ := codec.FromTree(got).JSON()
	return string(w) == string(g)
}

// sameTime compares times to the millisecond. In JSON a time is text.
func sameTime(want time.Time, got any) bool {
	switch g := got.(type) {
	case time.Time:
		return want.UnixMilli() == g.UnixMilli()
	case string:
		at, err := time.Parse(time.RFC3339Nano, g)
		return err == nil && want.UnixMilli() == at.UnixMilli()
	}
	return false
}
