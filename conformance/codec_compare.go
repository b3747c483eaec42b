package conformance

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// differ tells in what got differs from want, and is "" if both say the same.
func differ(want, got *codec.Envelope) (where, w, g string) {
	type field struct {
		name      string
		want, got any
	}
	fields := []field{
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
		{"Opts.Rooms", orEmpty(want.Opts.Rooms), orEmpty(got.Opts.Rooms)},
		{"Opts.Nobody", want.Opts.Nobody, got.Opts.Nobody},
		{"Opts.Except", orEmpty(want.Opts.Except), orEmpty(got.Opts.Except)},
		{"Opts.Flags", flags(want.Opts.Flags), flags(got.Opts.Flags)},
		{"Rooms", orEmpty(want.Rooms), orEmpty(got.Rooms)},
		{"Close", want.Close, got.Close},
		{"Skipped", want.Skipped, got.Skipped},
		{"ClientCount", want.ClientCount, got.ClientCount},
		{"Args.Event", want.Args.Event(), got.Args.Event()},
		{"Args.Len", want.Args.Len(), got.Args.Len()},
		{"Args", meaning(want.Args.Value()), meaning(got.Args.Value())},
		{"Value", meaning(want.Value), meaning(got.Value)},
		{"Value.Rest", meaning(want.Value.Rest()), meaning(got.Value.Rest())},
		{"the number of Sockets", len(want.Sockets), len(got.Sockets)},
	}
	for i := range min(len(want.Sockets), len(got.Sockets)) {
		a, b, name := want.Sockets[i], got.Sockets[i], fmt.Sprintf("Sockets[%d].", i)
		fields = append(fields,
			field{name + "ID", a.ID, b.ID},
			field{name + "Rooms", orEmpty(a.Rooms), orEmpty(b.Rooms)},
			field{name + "Handshake", meaning(a.Handshake), meaning(b.Handshake)},
			field{name + "Data", meaning(a.Data), meaning(b.Data)})
	}
	for _, f := range fields {
		if !reflect.DeepEqual(f.want, f.got) {
			return f.name, brief(f.want), brief(f.got)
		}
	}
	return "", "", ""
}

func brief(v any) string {
	s := fmt.Sprintf("%#v", v)
	if len(s) > 400 {
		s = fmt.Sprintf("%s … %s (%d bytes)", strings.ToValidUTF8(s[:200], ""), strings.ToValidUTF8(s[len(s)-100:], ""), len(s))
	}
	return s
}

// orEmpty is list, but never nil.
func orEmpty(list []string) []string { return append([]string{}, list...) }

// flags is f without its pointer.
func flags(f codec.Flags) string {
	compress := "unset"
	if f.Compress != nil {
		compress = fmt.Sprint(*f.Compress)
	}
	return fmt.Sprintf("volatile %v, compress %s, timeout %v, expectSingleResponse %v", f.Volatile, compress, f.Timeout, f.ExpectSingleResponse)
}

// bytesValue are bytes in a meaning.
type bytesValue string

func (b bytesValue) GoString() string { return fmt.Sprintf("bytes(%q)", string(b)) }

// meaning is what v says, whatever it is kept in: numbers as float64, times as text, objects as maps.
func meaning(v codec.Value) any {
	tree, err := v.Tree()
	if err != nil {
		return err
	}
	return meaningOf(tree)
}

func meaningOf(tree any) any {
	switch t := tree.(type) {
	case int64:
		return float64(t)
	case uint64:
		return float64(t)
	case float64:
		return t
	case []byte:
		return bytesValue(t)
	case time.Time:
		text, err := codec.FromTree(t).AppendJSON(nil)
		if err != nil {
			return err
		}
		return strings.Trim(string(text), `"`)
	case []any:
		list := make([]any, len(t))
		for i, e := range t {
			list[i] = meaningOf(e)
		}
		return list
	case codec.Object:
		m := make(map[string]any, len(t))
		for _, e := range t {
			m[e.Key] = meaningOf(e.Value)
		}
		return m
	}
	return tree
}
