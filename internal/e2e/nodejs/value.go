package nodejs

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// UTF16 is a JavaScript string that is not valid Unicode: it has surrogates without a partner.
type UTF16 []uint16

// View is binary data in a JavaScript class other than Buffer: "ArrayBuffer", "DataView", "Float32Array" and so on.
type View struct {
	Class string
	Bytes []byte
}

// Undefined is JavaScript's undefined, for values sent to a process. A received one becomes nil.
type Undefined struct{}

// toLine converts a value for JSON in the format of lines.js: bytes and times become objects with one key.
func toLine(value any) any {
	switch v := value.(type) {
	case []byte:
		return map[string]string{"$bin": base64.StdEncoding.EncodeToString(v)}
	case View:
		return map[string]string{"$view": v.Class, "$bin": base64.StdEncoding.EncodeToString(v.Bytes)}
	case time.Time:
		return map[string]int64{"$date": v.UnixMilli()}
	case UTF16:
		return map[string][]uint16{"$utf16": v}
	case Undefined:
		return map[string]bool{"$undefined": true}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = toLine(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = toLine(v[k])
		}
		return out
	}
	return value
}

// fromLine is the inverse of toLine. Undefined becomes nil.
func fromLine(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = fromLine(v[i])
		}
	case map[string]any:
		if s, ok := v["$bin"].(string); ok {
			p, err := base64.StdEncoding.DecodeString(s)
			if err != nil {
				return err
			}
			return p
		}
		if ms, ok := v["$date"].(float64); ok {
			return time.UnixMilli(int64(ms)).UTC()
		}
		if _, ok := v["$undefined"]; ok {
			return nil
		}
		for k := range v {
			v[k] = fromLine(v[k])
		}
	}
	return value
}

// Value is a value that JavaScript and Go exchange: nil, bool, float64, string, []byte, time.Time, []any,
// map[string]any.
type Value struct{ V any }

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(toLine(v.V)) }

// UnmarshalJSON implements json.Unmarshaler.
func (v *Value) UnmarshalJSON(p []byte) error {
	var raw any
	if err := json.Unmarshal(p, &raw); err != nil {
		return err
	}
	v.V = fromLine(raw)
	return nil
}

// Canon makes values of different decoders comparable: numbers become float64, slices []any, maps map[string]any,
// times the text that JavaScript's toJSON returns, and Undefined nil.
func Canon(value any) any {
	switch v := value.(type) {
	case nil, bool, float64, string, []byte:
		return v
	case Undefined:
		return nil
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	r := reflect.ValueOf(value)
	switch {
	case r.CanInt():
		return float64(r.Int())
	case r.CanUint():
		return float64(r.Uint())
	case r.CanFloat():
		return r.Float()
	case r.Kind() == reflect.Slice:
		out := make([]any, r.Len())
		for i := range out {
			out[i] = Canon(r.Index(i).Interface())
		}
		return out
	case r.Kind() == reflect.Map:
		out := make(map[string]any, r.Len())
		for _, k := range r.MapKeys() {
			out[fmt.Sprint(k.Interface())] = Canon(r.MapIndex(k).Interface())
		}
		return out
	}
	return value
}
