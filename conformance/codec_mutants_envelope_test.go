package conformance_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/conformance"
)

var envelopeMutants = []mutant[conformance.CodecHarness]{
	writing("EveryTypeRoundTrips", "omits Close", func(env *codec.Envelope) { env.Close = false }),
	writing("EveryTypeRoundTrips", "requests an answer that nobody wants", func(env *codec.Envelope) {
		if env.RequestID == "" {
			env.RequestID = "0"
		}
	}),
	reading("EveryTypeRoundTrips", "turns a client count of 0 into 1", func(env *codec.Envelope) {
		if env.Type == codec.BroadcastClientCount {
			env.ClientCount = max(env.ClientCount, 1)
		}
	}),
	writing("EveryTypeRoundTrips", "writes the client count in 8 bits",
		func(env *codec.Envelope) { env.ClientCount = int(uint8(env.ClientCount)) }),
	writing("EveryTypeRoundTrips", "writes the client count in 16 bits",
		func(env *codec.Envelope) { env.ClientCount = int(uint16(env.ClientCount)) }),
	writing("EveryTypeRoundTrips", "writes the client count in 32 bits",
		func(env *codec.Envelope) { env.ClientCount = int(uint32(env.ClientCount)) }),
	writing("EveryTypeRoundTrips", "writes only the first argument of an answer", func(env *codec.Envelope) {
		env.Value = env.Value.WithRest(codec.Value{})
	}),
	reading("EveryTypeRoundTrips", "omits the process of a heartbeat", func(env *codec.Envelope) { env.Process = "" }),
	writing("EveryTypeRoundTrips", "writes the clock in 32 bits",
		func(env *codec.Envelope) { env.Clock = uint64(uint32(env.Clock)) }),
	writing("EveryTypeRoundTrips", "omits the close hash", func(env *codec.Envelope) { env.CloseHash = "" }),
	writing("EveryTypeRoundTrips", "omits the key of a leave message", func(env *codec.Envelope) { env.CloseKey = "" }),
	reading("EveryTypeRoundTrips", "supports one socket per answer",
		func(env *codec.Envelope) { env.Sockets = env.Sockets[:min(1, len(env.Sockets))] }),

	writing("NobodyIsNeverEverybody", "does not support Opts.Nobody",
		func(env *codec.Envelope) { env.Opts.Nobody = false }),
	writing("NobodyIsNeverEverybody", "ignores Opts.Nobody if there are rooms", func(env *codec.Envelope) {
		env.Opts.Nobody = env.Opts.Nobody && len(env.Opts.Rooms) == 0
	}),
	writing("NobodyIsNeverEverybody", "ignores Opts.Nobody if there are exceptions", func(env *codec.Envelope) {
		env.Opts.Nobody = env.Opts.Nobody && len(env.Opts.Except) == 0
	}),
	writing("NobodyIsNeverEverybody", "disconnects everybody instead of nobody", func(env *codec.Envelope) {
		env.Opts.Nobody = env.Opts.Nobody && env.Type != codec.DisconnectSockets
	}),
	breaksCodec("NobodyIsNeverEverybody", "has its own error for nobody", func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			p, err := m.good.Append(dst, env, f)
			if errors.Is(err, codec.ErrNobody) {
				err = errUnexpected
			}
			return p, err
		}
	}),

	writing("OptsRoundTrip", "writes compress only if it is true", func(env *codec.Envelope) {
		if c := env.Opts.Flags.Compress; c != nil && !*c {
			env.Opts.Flags.Compress = nil
		}
	}),
	writing("OptsRoundTrip", "writes the timeout in seconds", func(env *codec.Envelope) {
		env.Opts.Flags.Timeout = env.Opts.Flags.Timeout.Truncate(time.Second)
	}),
	writing("OptsRoundTrip", "writes the timeout in 16 bits", func(env *codec.Envelope) {
		env.Opts.Flags.Timeout = min(env.Opts.Flags.Timeout, 65535*time.Millisecond)
	}),
	reading("BytesRoundTrip", "reads bytes as text in the other arguments of an answer", func(env *codec.Envelope) {
		only := codec.Envelope{Value: env.Value.Rest()}
		changeData(&only, func(tree any) any {
			if p, ok := tree.([]byte); ok {
				return string(p)
			}
			return tree
		})
		env.Value = env.Value.WithRest(only.Value)
	}),
	writing("OptsRoundTrip", "writes exceptions only if there are rooms", func(env *codec.Envelope) {
		if len(env.Opts.Rooms) == 0 {
			env.Opts.Except = nil
		}
	}),
	writing("OptsRoundTrip", "writes rooms only if there are no exceptions", func(env *codec.Envelope) {
		if len(env.Opts.Except) > 0 {
			env.Opts.Rooms = nil
		}
	}),
	writing("OptsRoundTrip", "writes each room once", func(env *codec.Envelope) {
		var once []string
		for _, room := range env.Opts.Rooms {
			if !strings.Contains(strings.Join(once, " "), room) {
				once = append(once, room)
			}
		}
		env.Opts.Rooms = once
	}),
	writing("OptsRoundTrip", "omits the exceptions of a disconnect", func(env *codec.Envelope) {
		if env.Type == codec.DisconnectSockets {
			env.Opts.Except = nil
		}
	}),
	writing("OptsRoundTrip", "writes one of two flags only", func(env *codec.Envelope) {
		if f := &env.Opts.Flags; f.Volatile && f.Compress != nil && *f.Compress {
			f.ExpectSingleResponse = false
		}
	}),
	writing("OptsRoundTrip", "forgets that a message was relayed", func(env *codec.Envelope) {
		env.Opts.Flags.Relayed = false
	}),

	reading("HeadersRoundTrip", "replaces a missing namespace by the main one", func(env *codec.Envelope) {
		if env.NSP == "" {
			env.NSP = "/"
		}
	}),
	writing("HeadersRoundTrip", "trims namespaces", func(env *codec.Envelope) { env.NSP = strings.TrimSpace(env.NSP) }),
	writing("HeadersRoundTrip", "cuts uids to 16 bytes",
		func(env *codec.Envelope) { env.UID = env.UID[:min(16, len(env.UID))] }),
	writing("HeadersRoundTrip", "cuts uids to 255 bytes",
		func(env *codec.Envelope) { env.UID = env.UID[:min(255, len(env.UID))] }),
	writing("HeadersRoundTrip", "writes the length of a request id in 8 bits",
		func(env *codec.Envelope) { env.RequestID = env.RequestID[:len(env.RequestID)&255] }),
	writing("HeadersRoundTrip", "writes the length of a namespace in 16 bits",
		func(env *codec.Envelope) { env.NSP = env.NSP[:len(env.NSP)&65535] }),
	writing("HeadersRoundTrip", "cuts processes to 31 bytes",
		func(env *codec.Envelope) { env.Process = env.Process[:min(31, len(env.Process))] }),
	reading("HeadersRoundTrip", "parses the sender as a hexadecimal number", func(env *codec.Envelope) {
		if n, err := strconv.ParseUint(env.UID, 16, 64); err == nil {
			env.UID = strconv.FormatUint(n, 16)
		}
	}),

	reading("ReferencesRoundTrip", "parses attachment ids as numbers", func(env *codec.Envelope) {
		if n, err := strconv.ParseFloat(env.AttachmentID, 64); err == nil {
			env.AttachmentID = strconv.FormatFloat(n, 'f', -1, 64)
		}
	}),
	reading("ReferencesRoundTrip", "parses attachment ids as numbers of 64 bits", func(env *codec.Envelope) {
		if n, err := strconv.ParseUint(env.AttachmentID, 10, 64); err == nil {
			env.AttachmentID = fmt.Sprint(n)
		}
	}),
	reading("ReferencesRoundTrip", "cuts attachment ids to 255 bytes",
		func(env *codec.Envelope) { env.AttachmentID = env.AttachmentID[:min(255, len(env.AttachmentID))] }),
	reading("ReferencesRoundTrip", "omits the requester of an answer",
		func(env *codec.Envelope) { env.RequesterUID = "" }),
	reading("ReferencesRoundTrip", "omits the key of a stored message", func(env *codec.Envelope) {
		if env.AttachmentID == "" {
			env.AttachmentKey = ""
		}
	}),
	reading("ReferencesRoundTrip", "omits the key of a reference", func(env *codec.Envelope) {
		if env.AttachmentID != "" {
			env.AttachmentKey = ""
		}
	}),

	breaksCodec("ForwardedDataIsKept", "forwards data only in the form in which it came", func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			if enc := env.Value.Encoding(); f == codec.Text && enc != nil && enc != codec.JSON {
				env.Value = codec.Value{}
			}
			return m.good.Append(dst, env, f)
		}
	}),
	writing("ForwardedDataIsKept", "does not support the encodings of other codecs", func(env *codec.Envelope) {
		if enc := env.Value.Encoding(); enc != nil && enc.Name() != "json" && enc.Name() != "msgpack" {
			env.Value = codec.Value{}
		}
	}),
	breaksCodec("ForwardedDataIsKept", "encodes forwarded data twice in the text form", func(m *mutableCodec) {
		m.append = func(dst []byte, env *codec.Envelope, f codec.Format) ([]byte, error) {
			if enc := env.Value.Encoding(); f == codec.Text && enc != nil && enc.Name() == "msgpack" {
				if text, err := env.Value.JSON(); err == nil && len(text) > 4096 {
					changed := *env
					changed.Value = codec.FromTree(string(text))
					env = &changed
				}
			}
			return m.good.Append(dst, env, f)
		}
	}),
	writing("RandomMessagesRoundTrip",
		"loses the request id of volatile broadcasts with a timeout and two exceptions", func(env *codec.Envelope) {
			if f := env.Opts.Flags; f.Volatile && f.Timeout > 0 && len(env.Opts.Except) >= 2 {
				env.RequestID = ""
			}
		}),
	writing("RandomMessagesRoundTrip", "loses the rest of an answer whose first argument is null",
		func(env *codec.Envelope) {
			if env.Value.IsNull() && !env.Value.Rest().IsNull() {
				env.Value = codec.Value{}
			}
		}),
}
