package jsonmsgpack

import (
	"strings"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/jsontext"
	"github.com/backplane-go/backplane/internal/message"
)

// fastBroadcast parses the text form of a Broadcast, the most frequent message, in the layouts that Append,
// Node.js's adapters and Node.js's emitter write. It compares each constant part as a whole, whereas the parser
// looks at each key. It returns nil if the parser must parse p. Otherwise the result equals that of the parser.
// The UTF-8 of p must have been checked.
func fastBroadcast(p []byte) *codec.Envelope {
	q := fastReader{p: p}
	read := q.node
	if starts(p, textBeforeUID) {
		read = q.ours
	}
	if !read() || q.i != len(p) {
		return nil
	}
	return q.envelope()
}

// fastReader scans a message. Each method scans one part and reports whether it was there.
type fastReader struct {
	p []byte
	i int

	uid, nsp, event, requestID span
	args                       span
	n                          int // arguments after the event
	rooms, except              list
	flags                      codec.Flags
}

// list is an array of strings: the text between the brackets, and the number of strings.
type list struct {
	span
	n int
}

// span is a range of bytes.
type span struct{ from, to int }

func (q *fastReader) ours() bool {
	return q.word(textBeforeUID) && q.text(&q.uid) && q.word(`,"type":3,`) &&
		(!q.word(`"nsp":"`) || q.text(&q.nsp) && q.word(`,`)) &&
		q.word(`"source":"`+source+`",`) &&
		(!q.word(`"nonce":`) || q.digits(new(int64)) && q.word(`,`)) &&
		q.data() && q.word(`}`)
}

func (q *fastReader) node() bool {
	return q.word(`{"type":3,`) && q.data() && q.word(`,"uid":"`) && q.text(&q.uid) &&
		(!q.word(`,"nsp":"`) || q.text(&q.nsp)) && q.word(`}`)
}

func (q *fastReader) data() bool {
	return q.word(`"data":{"packet":{"type":2,`) &&
		(!q.word(`"nsp":"`) || q.text(new(span)) && q.word(`,`)) &&
		q.word(`"data":`) && q.arguments() &&
		(!q.word(`,"nsp":"`) || q.text(new(span))) && q.word(`},`) &&
		(!q.word(`"requestId":"`) || q.text(&q.requestID) && q.word(`,`)) &&
		q.word(`"opts":{"rooms":`) && q.list(&q.rooms) && q.selection() && q.word(`}`) &&
		(!q.word(`,"requestId":"`) || q.text(&q.requestID)) && q.word(`}`)
}

// selection scans the rest of the options. The emitter writes the flags first.
func (q *fastReader) selection() bool {
	if q.word(`,"except":`) {
		return q.list(&q.except) && q.word(`,"flags":{`) && q.set()
	}
	return q.word(`,"flags":{`) && q.set() && q.word(`,"except":`) && q.list(&q.except)
}

// word scans exactly s.
func (q *fastReader) word(s string) bool {
	if !starts(q.p[q.i:], s) {
		return false
	}
	q.i += len(s)
	return true
}

// text scans a string without escapes. Its opening quote has been scanned already.
func (q *fastReader) text(s *span) bool {
	*s = span{q.i, jsontext.Plain(q.p, q.i)}
	q.i = s.to
	return q.word(`"`)
}

// digits scans an integer of up to 18 digits.
func (q *fastReader) digits(n *int64) bool {
	start := q.i
	for *n = 0; q.i < len(q.p) && q.i-start < 18 && '0' <= q.p[q.i] && q.p[q.i] <= '9'; q.i++ {
		*n = *n*10 + int64(q.p[q.i]-'0')
	}
	return q.i == start+1 || q.i > start && q.p[start] != '0'
}

// arguments scans an event and its arguments.
func (q *fastReader) arguments() bool {
	q.args.from = q.i
	if !q.word(`["`) || !q.text(&q.event) {
		return false
	}
	for q.word(`,`) {
		end, err := jsontext.Skip(q.p, q.i, codec.MaxDepth-argsLevel)
		if err != nil {
			return false
		}
		q.i = jsontext.Space(q.p, end)
		q.n++
	}
	q.args.to = q.i + 1
	return q.word(`]`)
}

// argsLevel is how many maps and arrays surround an argument of a Broadcast: the message, data, packet and the
// array.
const argsLevel = 4

// list scans an array of strings without escapes.
func (q *fastReader) list(l *list) bool {
	*l = list{}
	if q.word(`[]`) {
		return true
	}
	l.from = q.i + 1
	for open := `["`; q.word(open); open = `,"` {
		if !q.text(new(span)) {
			return false
		}
		l.n++
	}
	l.to = q.i
	return l.n > 0 && q.word(`]`)
}

// set scans the flags that are set. The opening brace has been scanned already.
func (q *fastReader) set() bool {
	for first := true; !q.word(`}`); first = false {
		if !first && !q.word(`,`) {
			return false
		}
		var yes bool
		var ms int64
		switch {
		case q.word(`"volatile":true`):
			q.flags.Volatile = true
		case q.word(`"compress":false`):
			q.flags.Compress = &yes
		case q.word(`"compress":true`):
			yes = true
			q.flags.Compress = &yes
		case q.word(`"timeout":`) && q.digits(&ms):
			q.flags.Timeout = message.Timeout(float64(ms))
		case q.word(`"expectSingleResponse":true`):
			q.flags.ExpectSingleResponse = true
		case q.word(`"relayed":true`):
			q.flags.Relayed = true
		default:
			return false
		}
	}
	return true
}

// fastEnvelope is an envelope with room for the usual number of room names. It saves one allocation.
type fastEnvelope struct {
	codec.Envelope
	names [2]string
}

// envelope builds an envelope from what was scanned. All its strings are substrings of one string.
func (q *fastReader) envelope() *codec.Envelope {
	var all strings.Builder
	all.Grow(q.uid.len() + q.nsp.len() + q.event.len() + q.requestID.len() + q.rooms.len() + q.except.len())
	take := func(s span) string {
		start := all.Len()
		all.Write(q.p[s.from:s.to])
		return all.String()[start:]
	}
	e := &fastEnvelope{}
	e.Type = codec.Broadcast
	e.UID, e.NSP, e.RequestID = take(q.uid), take(q.nsp), take(q.requestID)
	e.Args = codec.RawArgs(codec.JSON, q.p[q.args.from:q.args.to], take(q.event), q.n)
	e.Opts.Flags = q.flags
	names := e.names[:]
	n := q.rooms.n + q.except.n
	if n > len(names) {
		names = make([]string, n)
	}
	e.Opts.Rooms = fill(names[:q.rooms.n:q.rooms.n], take(q.rooms.span))
	e.Opts.Except = fill(names[q.rooms.n:n:n], take(q.except.span))
	return &e.Envelope
}

func (s span) len() int { return s.to - s.from }

// fill sets names to the elements of array, whose strings have no escapes. It returns nil if there are none.
func fill(names []string, array string) []string {
	if len(names) == 0 {
		return nil
	}
	for i := range names {
		array = array[1:] // the quote
		end := strings.IndexByte(array, '"')
		names[i] = array[:end]
		array = array[min(end+2, len(array)):] // quote and comma
	}
	return names
}
