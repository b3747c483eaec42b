package jsonmsgpack_test

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/backplane-go/backplane/codec"
)

// oracleParse parses the text form with encoding/json. It shares no code with the codec.
func oracleParse(p []byte) (meaning, bool) {
	if !utf8.Valid(p) {
		return meaning{}, false
	}
	dec := json.NewDecoder(bytes.NewReader(p))
	dec.UseNumber()
	var all map[string]any
	if dec.Decode(&all) != nil || all == nil || dec.More() || len(bytes.TrimSpace(p[dec.InputOffset():])) > 0 {
		return meaning{}, false
	}
	o := oracle{}
	m := o.message(all)
	return m, !o.bad
}

type oracle struct {
	bad     bool
	skipped int // the number of skipped parts
}

func (o *oracle) refuse() { o.bad = true }

func (o *oracle) text(v any) string {
	if v == nil {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		o.refuse()
	}
	return s
}

// optional is a T in an optional field.
func optional[T any](o *oracle, v any) T {
	out, ok := v.(T)
	if !ok && v != nil {
		o.skipped++
	}
	return out
}

// countUnknown counts the keys of m that are not in keys.
func (o *oracle) countUnknown(m map[string]any, keys ...string) {
	for k := range m {
		if !slices.Contains(keys, k) {
			o.skipped++
		}
	}
}

func (o *oracle) object(v any) map[string]any {
	m, ok := v.(map[string]any)
	if !ok {
		o.refuse()
	}
	return m
}

// number returns an exact integer if n is spelled as one, otherwise a float.
func number(n json.Number) (int64, float64, bool) {
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return i, float64(i), true
	}
	f, _ := strconv.ParseFloat(string(n), 64)
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f), f, true
	}
	return 0, f, false
}

func (o *oracle) integer(v any, low, high int64) int64 {
	n, ok := v.(json.Number)
	if !ok {
		o.refuse()
		return 0
	}
	i, _, ok := number(n)
	if !ok || i < low || i > high {
		o.refuse()
	}
	return i
}

func (o *oracle) name(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		i, f, ok := number(v)
		switch {
		case ok:
			return strconv.FormatInt(i, 10)
		case math.IsInf(f, 1):
			return "Infinity"
		case math.IsInf(f, -1):
			return "-Infinity"
		}
		p, _ := json.Marshal(f)
		return string(p)
	}
	return ""
}

func nameable(v any) bool {
	switch v.(type) {
	case string, json.Number:
		return true
	}
	return false
}

func (o *oracle) names(list []any) (out []string) {
	for _, e := range list {
		if nameable(e) {
			out = append(out, o.name(e))
		} else {
			o.skipped++
		}
	}
	return out
}

func (o *oracle) args(v any) (string, any) {
	list, _ := v.([]any)
	if len(list) == 0 || !nameable(list[0]) {
		o.refuse()
		return "", nil
	}
	return o.name(list[0]), redecode(list)
}

// redecode converts json.Number to float64.
func redecode(v any) (out any) {
	p, _ := json.Marshal(v)
	_ = json.Unmarshal(p, &out)
	return out
}

func (o *oracle) message(all map[string]any) meaning {
	var m meaning
	env := &m.Env
	env.Type = codec.Type(o.integer(all["type"], math.MinInt32, math.MaxInt32))
	o.countUnknown(all, "type", "uid", "nsp", "requesterUid", "process", "clock", "closeHash", "closeKey",
		"attachmentId", "attachmentKey", "data", "source", "nodeId", "nonce")
	if _, is := all["uid"].(json.Number); is {
		all["uid"] = o.name(all["uid"])
	}
	env.UID, env.NSP, env.RequesterUID = o.text(all["uid"]), o.text(all["nsp"]),
		optional[string](o, all["requesterUid"])
	env.Process, env.AttachmentKey = optional[string](o, all["process"]), optional[string](o, all["attachmentKey"])
	if n, ok := all["clock"].(json.Number); ok {
		if i, _, whole := number(n); whole && i >= 0 && i < 1<<53 {
			env.Clock = uint64(i)
		} else {
			o.skipped++
		}
	} else {
		optional[json.Number](o, all["clock"])
	}
	env.CloseHash, env.CloseKey = optional[string](o, all["closeHash"]), optional[string](o, all["closeKey"])
	if n, ok := all["attachmentId"].(json.Number); ok {
		if i := o.integer(n, 0, math.MaxInt64); i != 0 {
			env.AttachmentID = strconv.FormatInt(i, 10)
		}
	} else {
		env.AttachmentID = optional[string](o, all["attachmentId"])
	}
	env.Skipped = o.skipped
	if !env.Type.Known() || env.Type <= codec.Heartbeat || env.Type == codec.AdapterClose {
		return m
	}
	header := m
	if _, ok := all["data"]; !ok {
		if env.AttachmentID == "" {
			o.refuse()
		}
		return header
	}
	o.data(&m, o.object(all["data"]))
	if env.AttachmentID != "" {
		header.vague = o.bad // whether data that is not needed is parsed depends on the order of the keys
		o.bad = false
		return header
	}
	env.Skipped = o.skipped
	return m
}

var dataKeys = map[codec.Type][]string{
	codec.Broadcast:              {"packet", "opts", "requestId"},
	codec.SocketsJoin:            {"opts", "rooms"},
	codec.SocketsLeave:           {"opts", "rooms"},
	codec.DisconnectSockets:      {"opts", "close"},
	codec.FetchSockets:           {"opts", "requestId"},
	codec.FetchSocketsResponse:   {"sockets", "requestId"},
	codec.ServerSideEmit:         {"packet", "requestId"},
	codec.ServerSideEmitResponse: {"packet", "requestId"},
	codec.BroadcastClientCount:   {"clientCount", "requestId"},
	codec.BroadcastAck:           {"packet", "requestId"},
	codec.RequestRefused:         {"requestId"},
}

func (o *oracle) data(m *meaning, data map[string]any) {
	env := &m.Env
	o.countUnknown(data, dataKeys[env.Type]...)
	switch env.Type {
	case codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets:
	default:
		env.RequestID = optional[string](o, data["requestId"])
	}
	switch env.Type {
	case codec.Broadcast, codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets, codec.FetchSockets:
		m.Event = o.opts(&env.Opts, o.object(data["opts"]))
	}
	event := ""
	switch env.Type {
	case codec.Broadcast:
		packet := o.object(data["packet"])
		o.countUnknown(packet, "type", "data", "nsp", "id", "options", "attachments")
		if n, ok := packet["type"].(json.Number); ok {
			if _, f, _ := number(n); f != 2 && f != 5 {
				o.refuse()
			}
		} else {
			optional[json.Number](o, packet["type"])
		}
		event, m.Args = o.args(packet["data"])
	case codec.ServerSideEmit:
		event, m.Args = o.args(data["packet"])
	case codec.ServerSideEmitResponse, codec.BroadcastAck:
		m.Value = redecode(data["packet"])
	case codec.SocketsJoin, codec.SocketsLeave:
		if _, ok := data["rooms"]; !ok {
			o.refuse()
		}
		list, ok := data["rooms"].([]any)
		if !ok && data["rooms"] != nil {
			o.refuse()
		}
		env.Rooms = o.names(list)
	case codec.DisconnectSockets:
		env.Close = optional[bool](o, data["close"])
	case codec.BroadcastClientCount:
		env.ClientCount = int(o.integer(data["clientCount"], 0, 1<<53-1))
	case codec.FetchSocketsResponse:
		o.sockets(m, data["sockets"])
	}
	m.Event = event + m.Event
}

func (o *oracle) sockets(m *meaning, v any) {
	list, ok := v.([]any)
	if !ok {
		o.refuse()
	}
	for _, e := range list {
		s, ok := e.(map[string]any)
		if !ok {
			o.skipped++
			continue
		}
		o.countUnknown(s, "id", "handshake", "rooms", "data")
		rooms := o.names(optional[[]any](o, s["rooms"]))
		if !nameable(s["id"]) {
			if _, there := s["id"]; there {
				o.skipped++
			}
			o.skipped++
			continue
		}
		m.Sockets = append(m.Sockets, o.name(s["id"]), rooms, o.revived(s["handshake"]), o.revived(s["data"]))
	}
}

// revived replaces the JSON form of Node.js Buffers with base64.
func (o *oracle) revived(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = o.revived(e)
		}
		return out
	case map[string]any:
		list, ok := v["data"].([]any)
		if ok && len(v) == 2 && v["type"] == "Buffer" {
			p := make([]byte, 0, len(list))
			for _, e := range list {
				if n, ok := e.(json.Number); ok {
					if i, err := strconv.ParseInt(string(n), 10, 64); err == nil && i >= 0 && i <= 255 {
						p = append(p, byte(i))
					}
				}
			}
			if len(p) == len(list) {
				return redecode(p)
			}
		}
		out := map[string]any{}
		for k, e := range v {
			out[k] = o.revived(e)
		}
		return out
	}
	return redecode(v)
}

// opts returns the compression flag as text.
func (o *oracle) opts(out *codec.Opts, m map[string]any) (compress string) {
	o.countUnknown(m, "rooms", "except", "flags")
	rooms, list := m["rooms"].([]any)
	out.Rooms, out.Except = o.names(optional[[]any](o, m["rooms"])), o.names(optional[[]any](o, m["except"]))
	_, listed := m["except"].([]any)
	if len(rooms) > 0 && len(out.Rooms) == 0 || !list && m["rooms"] != nil || !listed && m["except"] != nil {
		out.Rooms, out.Nobody = nil, true
	}
	flags := optional[map[string]any](o, m["flags"])
	o.countUnknown(flags, "volatile", "compress", "timeout", "expectSingleResponse", "relayed",
		"local", "broadcast", "binary")
	out.Flags.Volatile = optional[bool](o, flags["volatile"])
	out.Flags.ExpectSingleResponse = optional[bool](o, flags["expectSingleResponse"])
	out.Flags.Relayed = optional[bool](o, flags["relayed"])
	if c, ok := flags["compress"].(bool); ok {
		compress = strconv.FormatBool(c)
	} else {
		optional[bool](o, flags["compress"])
	}
	_, f, _ := number(optional[json.Number](o, flags["timeout"]))
	out.Flags.Timeout = time.Duration(min(max(0, math.Ceil(f)), math.MaxInt32)) * time.Millisecond
	return compress
}
