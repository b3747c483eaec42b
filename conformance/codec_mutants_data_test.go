package conformance_test

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

var roundTripMutants = []mutant[conformance.CodecHarness]{
	writing("EveryTypeRoundTrips", "forgets Close", func(env *codec.Envelope) { env.Close = false }),
	writing("EveryTypeRoundTrips", "asks for an answer though none is wanted", func(env *codec.Envelope) {
		if env.RequestID == "" {
			env.RequestID = "0"
		}
	}),
	reading("EveryTypeRoundTrips", "takes a client count of 0 for 1", func(env *codec.Envelope) {
		if env.Type == codec.BroadcastClientCount {
			env.ClientCount = max(env.ClientCount, 1)
		}
	}),
	writing("EveryTypeRoundTrips", "writes the first argument of an answer only", func(env *codec.Envelope) {
		env.Value = env.Value.WithRest(codec.Value{})
	}),
	reading("EveryTypeRoundTrips", "forgets the process of a heartbeat", func(env *codec.Envelope) { env.Process = "" }),
	writing("EveryTypeRoundTrips", "writes the clock in 32 bits", func(env *codec.Envelope) { env.Clock = uint64(uint32(env.Clock)) }),
	reading("EveryTypeRoundTrips", "knows one socket per answer", func(env *codec.Envelope) { env.Sockets = env.Sockets[:min(1, len(env.Sockets))] }),
	writing("NobodyIsNeverEverybody", "does not know nobody", func(env *codec.Envelope) {
		env.Opts.Nobody = false
	}),
	writing("FlagsRoundTrip", "writes compress only if it is true", func(env *codec.Envelope) {
		if c := env.Opts.Flags.Compress; c != nil && !*c {
			env.Opts.Flags.Compress = nil
		}
	}),
	writing("FlagsRoundTrip", "writes the timeout in seconds", func(env *codec.Envelope) {
		env.Opts.Flags.Timeout = env.Opts.Flags.Timeout.Truncate(time.Second)
	}),
	reading("HeadersRoundTrip", "takes a missing namespace for the main one", func(env *codec.Envelope) {
		if env.NSP == "" {
			env.NSP = "/"
		}
	}),
	writing("HeadersRoundTrip", "trims namespaces", func(env *codec.Envelope) { env.NSP = strings.TrimSpace(env.NSP) }),
	reading("ReferencesRoundTrip", "takes attachment ids for numbers", func(env *codec.Envelope) {
		if n, err := strconv.ParseFloat(env.AttachmentID, 64); err == nil {
			env.AttachmentID = strconv.FormatFloat(n, 'f', -1, 64)
		}
	}),
	reading("ReferencesRoundTrip", "forgets for whom an answer is", func(env *codec.Envelope) { env.RequesterUID = "" }),
	reading("ReferencesRoundTrip", "writes no key into what is stored", func(env *codec.Envelope) {
		if env.AttachmentID == "" {
			env.AttachmentKey = ""
		}
	}),
	reading("ReferencesRoundTrip", "writes no key into references", func(env *codec.Envelope) {
		if env.AttachmentID != "" {
			env.AttachmentKey = ""
		}
	}),
}

var dataMutants = []mutant[conformance.CodecHarness]{
	texts("TextRoundTrips", "ends at NUL, as a C string", func(s string) string {
		before, _, _ := strings.Cut(s, "\x00")
		return before
	}),
	texts("TextRoundTrips", "escapes for HTML", func(s string) string { return strings.ReplaceAll(s, "<", "&lt;") }),
	texts("TextRoundTrips", "composes characters", func(s string) string { return strings.ReplaceAll(s, "e\u0301", "é") }),
	texts("TextRoundTrips", "knows the basic plane only", func(s string) string {
		return strings.Map(func(r rune) rune { return min(r, 0xffff) }, s)
	}),
	writing("TextRoundTrips", "trims room names", func(env *codec.Envelope) {
		env.Rooms = slices.Clone(env.Rooms)
		for i := range env.Rooms {
			env.Rooms[i] = strings.TrimSpace(env.Rooms[i])
		}
	}),
	writing("EveryTypeRoundTrips", "loses the hash of the key to close with", func(env *codec.Envelope) { env.CloseHash = "" }),
	writing("EveryTypeRoundTrips", "loses the key of a goodbye", func(env *codec.Envelope) { env.CloseKey = "" }),
	data("NumbersRoundTrip", "keeps numbers as float32", func(tree any) any {
		switch n := tree.(type) {
		case int64:
			return float64(float32(n))
		case float64:
			return float64(float32(n))
		}
		return tree
	}),
	data("NumbersRoundTrip", "overflows above 2^31", func(tree any) any {
		if n, ok := tree.(int64); ok && n > math.MaxInt32 {
			return int64(int32(n))
		}
		return tree
	}),
	data("ShapesRoundTrip", "drops null", func(tree any) any {
		if list, ok := tree.([]any); ok {
			return slices.DeleteFunc(slices.Clone(list), func(e any) bool { return e == nil })
		}
		return tree
	}),
	data("ShapesRoundTrip", "takes an empty list for null", func(tree any) any {
		if list, ok := tree.([]any); ok && len(list) == 0 {
			return nil
		}
		return tree
	}),
	data("ShapesRoundTrip", "takes an empty list for an empty object, as PHP", func(tree any) any {
		if object, ok := tree.(codec.Object); ok && len(object) == 0 {
			return []any{}
		}
		return tree
	}),
	texts("LargeDataRoundTrips", "writes lengths in 16 bits", func(s string) string { return s[:len(s)%65536] }),
	writing("LargeDataRoundTrips", "writes 65535 rooms at most", func(env *codec.Envelope) { env.Rooms = env.Rooms[:min(len(env.Rooms), 65535)] }),
	data("BytesRoundTrip", "makes text of bytes", func(tree any) any {
		if p, ok := tree.([]byte); ok {
			return base64.StdEncoding.EncodeToString(p)
		}
		return tree
	}),
	data("BytesRoundTrip", "makes Node.js's Buffer of bytes", func(tree any) any {
		if p, ok := tree.([]byte); ok {
			list := make([]any, len(p))
			for i, b := range p {
				list[i] = int64(b)
			}
			return codec.Object{{Key: "type", Value: "Buffer"}, {Key: "data", Value: list}}
		}
		return tree
	}),
	breaksCodec("ForwardedDataIsKept", "forwards only what came in the same form", func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			if enc := env.Value.Encoding(); f == codec.Text && enc != nil && enc != codec.JSON {
				env.Value = codec.Value{}
			}
			return m.good.Append(dst, env, f)
		}
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

// texts returns a mutant that changes the texts of users.
func texts(check, bug string, change func(string) string) mutant[conformance.CodecHarness] {
	return data(check, bug, func(tree any) any {
		if s, ok := tree.(string); ok {
			return change(s)
		}
		return tree
	})
}
