package engineio

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// encoder is a compressing writer of the standard library.
type encoder interface {
	io.WriteCloser
	Reset(io.Writer)
}

// encodings are the content codings of polls. The first is preferred (RFC 9110, 8.4.1: "deflate" is the zlib
// format).
var encodings = []struct {
	name  string
	other string // an alias
	pool  *sync.Pool
}{
	// The fastest level, because each response is compressed for one client only, while the client waits.
	{"gzip", "x-gzip", &sync.Pool{New: func() any {
		w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level is valid
		return w
	}}},
	{"deflate", "", &sync.Pool{New: func() any {
		w, _ := zlib.NewWriterLevel(io.Discard, zlib.BestSpeed) // as above
		return w
	}}},
}

// compressing limits how many responses are compressed at a time. Each takes a processor and about a megabyte
// of memory.
var compressing = make(chan struct{}, 2*runtime.GOMAXPROCS(0))

// encode compresses the response to r, if the client accepts that and the response becomes smaller. It is sent
// uncompressed if too many responses are being compressed.
func encode(header http.Header, r *http.Request, body []byte) []byte {
	header.Add("Vary", "Accept-Encoding")
	i := acceptedEncoding(r.Header.Values("Accept-Encoding"))
	if i < 0 {
		return body
	}
	select {
	case compressing <- struct{}{}:
	default:
		return body
	}
	defer func() { <-compressing }()
	e := &encodings[i]
	w := e.pool.Get().(encoder)
	defer e.pool.Put(w)
	out := bytes.NewBuffer(make([]byte, 0, len(body)/2))
	w.Reset(out)
	_, _ = w.Write(body) // writing to a buffer does not fail
	_ = w.Close()
	if out.Len() >= len(body) {
		return body
	}
	header.Set("Content-Encoding", e.name)
	return out.Bytes()
}

// acceptedEncoding returns the index of the coding that the client prefers, or -1 if the response must not be
// compressed (RFC 9110, 12.5.3). A coding that the client does not mention is accepted only if "*" is. A coding
// is not used if its weight is below that of "identity".
func acceptedEncoding(header []string) int {
	identity, others := 0.0, 0.0
	quality := make([]float64, len(encodings))
	for i := range quality {
		quality[i] = -1 // not mentioned
	}
	for _, line := range header {
		for _, item := range strings.Split(line, ",") {
			name, parameters, _ := strings.Cut(item, ";")
			q := qualityOf(parameters)
			switch name = strings.ToLower(strings.TrimSpace(name)); name {
			case "*":
				others = q
			case "identity":
				identity = q
			default:
				for i, e := range encodings {
					if name != "" && (name == e.name || name == e.other) {
						quality[i] = q
					}
				}
			}
		}
	}
	best, most := -1, 0.0
	for i, q := range quality {
		if q < 0 {
			q = others
		}
		if q > most && q >= identity {
			best, most = i, q
		}
	}
	return best
}

// qualityOf parses the weight of an element, 1 if it has none. It returns 0, which means not accepted, for an
// invalid weight.
func qualityOf(parameters string) float64 {
	for _, p := range strings.Split(parameters, ";") {
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return q
	}
	return 1
}
