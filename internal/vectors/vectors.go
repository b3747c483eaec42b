// Package vectors reads the values of recorded messages of Node.js packages, for tests of dialects.
package vectors

import (
	"encoding/base64"
	"math"
	"time"

	"github.com/backplane-go/backplane/codec"
)

// Untag converts a value of a file of vectors to a tree, as a dialect decodes it.
func Untag(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = Untag(e)
		}
		return list
	case codec.Object:
		if p, ok := v.Lookup("$bin"); ok {
			b, _ := base64.StdEncoding.DecodeString(p.(string))
			return b
		}
		if ms, ok := v.Lookup("$date"); ok {
			return time.UnixMilli(ms.(int64)).UTC()
		}
		if _, ok := v.Lookup("$undefined"); ok {
			return nil
		}
		o := make(codec.Object, len(v))
		for i, m := range v {
			o[i] = codec.Member{Key: m.Key, Value: Untag(m.Value)}
		}
		return o
	case int64: // JavaScript writes fewer digits than a large number has
		return int64(float64(v))
	case uint64:
		return uint64(float64(v))
	case float64:
		if v == math.Trunc(v) && v >= -1<<63 && v < 1<<63 {
			return int64(v)
		}
	}
	return v
}
