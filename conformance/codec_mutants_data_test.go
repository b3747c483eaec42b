package conformance_test

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

// texts returns a mutant that changes the texts of users.
func texts(check, bug string, change func(string) string) mutant[conformance.CodecHarness] {
	return data(check, bug, func(tree any) any {
		if s, ok := tree.(string); ok {
			return change(s)
		}
		return tree
	})
}

// objects returns a mutant that changes the objects of users. The func change gets a copy.
func objects(check, bug string, change func(codec.Object) codec.Object) mutant[conformance.CodecHarness] {
	return data(check, bug, func(tree any) any {
		if o, ok := tree.(codec.Object); ok {
			return change(slices.Clone(o))
		}
		return tree
	})
}

// times returns a mutant that changes times.
func times(bug string, change func(time.Time) any) mutant[conformance.CodecHarness] {
	return data("TimesRoundTrip", bug, func(tree any) any {
		if t, ok := tree.(time.Time); ok {
			return change(t)
		}
		return tree
	})
}

var dataMutants = []mutant[conformance.CodecHarness]{
	texts("TextRoundTrips", "ends at NUL, as a C string does", func(s string) string {
		before, _, _ := strings.Cut(s, "\x00")
		return before
	}),
	texts("TextRoundTrips", "drops NUL", func(s string) string { return strings.ReplaceAll(s, "\x00", "") }),
	texts("TextRoundTrips", "drops the byte order mark",
		func(s string) string { return strings.TrimPrefix(s, "\ufeff") }),
	texts("TextRoundTrips", "escapes for HTML", func(s string) string { return strings.ReplaceAll(s, "<", "&lt;") }),
	texts("TextRoundTrips", "escapes for HTML in JSON, twice",
		func(s string) string { return strings.ReplaceAll(s, "<", `\u003c`) }),
	texts("TextRoundTrips", "turns U+2028 into a line end",
		func(s string) string { return strings.ReplaceAll(s, "\u2028", "\n") }),
	texts("TextRoundTrips", "converts line ends", func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }),
	texts("TextRoundTrips", "composes characters",
		func(s string) string { return strings.ReplaceAll(s, "e\u0301", "é") }),
	texts("TextRoundTrips", "supports the basic multilingual plane only", func(s string) string {
		return strings.Map(func(r rune) rune { return min(r, 0xffff) }, s)
	}),
	texts("TextRoundTrips", "reads escapes twice", func(s string) string { return strings.ReplaceAll(s, `\\`, `\`) }),
	writing("TextRoundTrips", "trims room names", func(env *codec.Envelope) {
		env.Rooms = slices.Clone(env.Rooms)
		for i := range env.Rooms {
			env.Rooms[i] = strings.TrimSpace(env.Rooms[i])
		}
	}),
	writing("TextRoundTrips", "drops exceptions without a name", func(env *codec.Envelope) {
		env.Opts.Except = slices.DeleteFunc(slices.Clone(env.Opts.Except), func(s string) bool { return s == "" })
	}),

	times("writes seconds", func(t time.Time) any { return t.Truncate(time.Second) }),
	times("writes hundredths", func(t time.Time) any { return t.Truncate(10 * time.Millisecond) }),
	times("writes seconds in 32 bits", func(t time.Time) any {
		return time.Unix(int64(int32(t.Unix())), int64(t.Nanosecond())).UTC()
	}),
	times("writes seconds in 32 bits without sign", func(t time.Time) any {
		return time.Unix(int64(uint32(t.Unix())), int64(t.Nanosecond())).UTC()
	}),
	times("writes seconds in 34 bits without sign", func(t time.Time) any {
		return time.Unix(t.Unix()&(1<<34-1), int64(t.Nanosecond())).UTC()
	}),
	times("writes nanoseconds in 64 bits", func(t time.Time) any { return time.Unix(0, t.UnixNano()).UTC() }),
	times("rounds toward 1970", func(t time.Time) any {
		if t.Unix() < 0 && t.Nanosecond() > 0 {
			return t.Add(time.Second)
		}
		return t
	}),
	times("turns the zero time into null", func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return t
	}),
	times("turns times into numbers", func(t time.Time) any { return t.UnixMilli() }),
	writing("TimesRoundTrip", "writes the local clock of a time as if it were UTC", func(env *codec.Envelope) {
		env.Sockets = slices.Clone(env.Sockets)
		changeData(env, func(tree any) any {
			if t, ok := tree.(time.Time); ok {
				_, offset := t.Zone()
				return t.Add(time.Duration(offset) * time.Second).UTC()
			}
			return tree
		})
	}),
	times("writes local time as if it were UTC",
		func(t time.Time) any { return t.Add(time.Hour).Format("2006-01-02T15:04:05.000Z") }),

	data("ShapesRoundTrip", "drops null", func(tree any) any {
		if list, ok := tree.([]any); ok {
			return slices.DeleteFunc(slices.Clone(list), func(e any) bool { return e == nil })
		}
		return tree
	}),
	data("ShapesRoundTrip", "turns an empty list into null", func(tree any) any {
		if list, ok := tree.([]any); ok && len(list) == 0 {
			return nil
		}
		return tree
	}),
	data("ShapesRoundTrip", "turns an empty object into an empty list, as PHP does", func(tree any) any {
		if object, ok := tree.(codec.Object); ok && len(object) == 0 {
			return []any{}
		}
		return tree
	}),
	data("ShapesRoundTrip", "turns false into 0", func(tree any) any {
		if tree == false {
			return int64(0)
		}
		return tree
	}),
	objects("ShapesRoundTrip", "drops keys whose value is null", func(o codec.Object) codec.Object {
		return slices.DeleteFunc(o, func(m codec.Member) bool { return m.Value == nil })
	}),

	objects("RawDataIsKept", "sorts keys", func(o codec.Object) codec.Object {
		slices.SortStableFunc(o, func(a, b codec.Member) int { return strings.Compare(a.Key, b.Key) })
		return o
	}),
	objects("RawDataIsKept", "puts numbers first among keys, as JavaScript does", func(o codec.Object) codec.Object {
		slices.SortStableFunc(o, func(a, b codec.Member) int {
			_, errA := strconv.Atoi(a.Key)
			_, errB := strconv.Atoi(b.Key)
			switch {
			case errA == nil && errB != nil:
				return -1
			case errA != nil && errB == nil:
				return 1
			}
			return 0
		})
		return o
	}),
	objects("RawDataIsKept", "keeps the last of equal keys", func(o codec.Object) codec.Object {
		for i := len(o) - 1; i >= 0; i-- {
			if slices.ContainsFunc(o[i+1:], func(m codec.Member) bool { return m.Key == o[i].Key }) {
				o = slices.Delete(o, i, i+1)
			}
		}
		return o
	}),
	objects("RawDataIsKept", "keeps the first of equal keys with its last value", func(o codec.Object) codec.Object {
		var out codec.Object
		for _, m := range o {
			if i := slices.IndexFunc(out, func(other codec.Member) bool { return other.Key == m.Key }); i >= 0 {
				out[i].Value = m.Value
				continue
			}
			out = append(out, m)
		}
		return append(codec.Object{}, out...)
	}),
	objects("RawDataIsKept", "drops empty keys", func(o codec.Object) codec.Object {
		return slices.DeleteFunc(o, func(m codec.Member) bool { return m.Key == "" })
	}),
	objects("RawDataIsKept", "drops the key __proto__", func(o codec.Object) codec.Object {
		return slices.DeleteFunc(o, func(m codec.Member) bool { return m.Key == "__proto__" })
	}),
	objects("RawDataIsKept", "folds the case of keys", func(o codec.Object) codec.Object {
		for i := range o {
			o[i].Key = strings.ToLower(o[i].Key)
		}
		return o
	}),
	texts("RawDataIsKept", "drops half surrogates",
		func(s string) string { return strings.ReplaceAll(s, "\ufffd", "") }),
	data("RawDataIsKept", "turns texts into times", func(tree any) any {
		s, _ := tree.(string)
		if t, err := time.Parse(time.RFC3339, s); err == nil {
			return t
		}
		return tree
	}),
	data("RawDataIsKept", "turns objects that look like a Buffer into bytes", func(tree any) any {
		if o, ok := tree.(codec.Object); ok {
			if p, ok := codec.BufferBytes(o); ok {
				return p
			}
		}
		return tree
	}),
	data("RawDataIsKept", "turns data URLs into bytes", func(tree any) any {
		if s, ok := tree.(string); ok && strings.HasPrefix(s, "data:") {
			return []byte(s)
		}
		return tree
	}),

	data("BytesRoundTrip", "turns bytes into text", func(tree any) any {
		if p, ok := tree.([]byte); ok {
			return base64.StdEncoding.EncodeToString(p)
		}
		return tree
	}),
	data("BytesRoundTrip", "turns empty bytes into null", func(tree any) any {
		if p, ok := tree.([]byte); ok && len(p) == 0 {
			return nil
		}
		return tree
	}),
	data("BytesRoundTrip", "turns bytes into the JSON of a Node.js Buffer", func(tree any) any {
		if p, ok := tree.([]byte); ok {
			list := make([]any, len(p))
			for i, b := range p {
				list[i] = int64(b)
			}
			return codec.Object{{Key: "type", Value: "Buffer"}, {Key: "data", Value: list}}
		}
		return tree
	}),
	data("ParsedDataDecodes", "writes keys in capitals", func(tree any) any {
		if object, ok := tree.(codec.Object); ok {
			for i := range object {
				object[i].Key = "X" + strings.ToUpper(object[i].Key)
			}
		}
		return tree
	}),
}
