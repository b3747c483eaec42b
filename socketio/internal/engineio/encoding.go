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

// encoder is one of the compressing writers of the standard library.
type encoder interface {
	io.WriteCloser
	Reset(io.Writer)
}

// encodings are the content codings of polls, the first being preferred (RFC 9110, 8.4.1: "deflate" is the zlib format).
var encodings = []struct {
	name  string
	other string // another name of it
	pool  *sync.Pool
}{
	// Level 1: an answer is compressed for one client, in the time of its request.
	{"gzip", "x-gzip", &sync.Pool{New: func() any {
		w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level is valid
		return w
	}}},
	{"deflate", "", &sync.Pool{New: func() any {
		w, _ := zlib.NewWriterLevel(io.Discard, zlib.BestSpeed) // as above
		return w
	}}},
}

// compressing bounds how many answers are compressed at a time, as each takes a processor, and about a megabyte.
var compressing = make(chan struct{}, 2*runtime.GOMAXPROCS(0))

// encode compresses the answer to r if the client accepts that and it becomes smaller. While as many answers as allowed are being compressed,
// further ones are sent as they are.
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

// acceptedEncoding returns the index of the coding that the client prefers, -1 for none (RFC 9110, 12.5.3). A coding that the client does not
// mention is not accepted, unless "*" is. One with a lower weight than no coding at all is not used.
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

// qualityOf reads the weight of an element of a header, 1 if it has none. An invalid weight is 0: not accepted.
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
