package clients_test

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

// A transcript is a dialog between a client and a server, one step per line:
//
//	GET QUERY -> STATUS BODY        a request and the expected response; also POST, PUT and others
//	POST QUERY BODY -> STATUS BODY  the same with a body; without -> the response does not matter
//	poll SID PACKET                 the next packet of a session, possibly together with others
//	over SID                        polls until the session is unknown, and sends nothing
//	gone SID                        waits until the session is unknown without polling
//	a: QUERY                        opens a WebSocket named a
//	a: QUERY -> refused             the WebSocket is refused
//	a> TEXT, a>> HEX                sends text or bytes
//	a< TEXT, a<< HEX                receives text or bytes
//	a closed                        the server closes the connection
//	a joins                         opens a WebSocket named a and joins the namespace "/"; sets $sid and $socket
//
// QUERY follows "/socket.io/?EIO=4&" (in transcripts of Engine.IO 3, "/socket.io/?EIO=3&") or is a complete path.
// In received data, $name matches the value of name. At its first use it matches any word, which becomes its value.
// * matches anything. ^ stands for the separator of packets in a body. A binary body is "hex:" and its bytes.
type transcript struct {
	f       *fixture
	eio     string // version of Engine.IO
	names   map[string]string
	sockets map[string]*rawSocket
	polls   map[string]*rawPoll
}

var (
	pollStep    = regexp.MustCompile(`^(poll|over|gone) (\S+) ?(.*)$`)
	requestStep = regexp.MustCompile(`^([A-Z]+) (\S+)(?: (.*?))??(?: -> (\d+ ?.*))?$`)
	dialStep    = regexp.MustCompile(`^(\w+): (\S+)( -> refused)?$`)
	joinStep    = regexp.MustCompile(`^(\w+) joins$`)
	socketStep  = regexp.MustCompile(`^(\w+)(>>?|<<?| closed) ?(.*)$`)
	variable    = regexp.MustCompile(`\$[a-z]+`)
)

// plays executes a transcript. It fails at the first step that does not match.
func (f *fixture) plays(text string) {
	f.Helper()
	f.playsWith("4", text)
}

// playsWith is plays for a version of Engine.IO.
func (f *fixture) playsWith(eio, text string) {
	f.Helper()
	t := &transcript{f: f, eio: eio, names: make(map[string]string), sockets: make(map[string]*rawSocket),
		polls: make(map[string]*rawPoll)}
	for _, step := range strings.Split(strings.TrimSpace(text), "\n") {
		if step = strings.TrimSpace(step); step != "" {
			f.Logf("%s", step)
			t.step(step)
		}
	}
}

func (t *transcript) step(step string) {
	t.f.Helper()
	if m := pollStep.FindStringSubmatch(step); m != nil {
		t.poll(m[1], t.fill(m[2]), m[3])
		return
	}
	if m := requestStep.FindStringSubmatch(step); m != nil {
		got := t.request(m[1], m[2], m[3])
		if m[4] != "" {
			t.matches(m[4], got)
		}
		return
	}
	if m := dialStep.FindStringSubmatch(step); m != nil {
		s, err := t.f.dialRaw(t.query(m[2]))
		if m[3] != "" && t.f.onNode && err == nil { // Node.js refuses it after it has been opened
			s.closed(step)
			return
		}
		require.Equal(t.f, m[3] != "", err != nil, "%s: %v", step, err)
		t.sockets[m[1]] = s
		return
	}
	if m := joinStep.FindStringSubmatch(step); m != nil {
		steps := []string{`: transport=websocket`, `< 0{"sid":"$sid",*`, `> 40`, `< 40{"sid":"$socket"}`}
		if t.eio == "3" {
			steps = []string{`: transport=websocket`, `< 0{"sid":"$sid",*`, `< 40`}
		}
		for _, s := range steps {
			t.step(m[1] + s)
		}
		return
	}
	m := socketStep.FindStringSubmatch(step)
	require.NotNil(t.f, m, "no step: %s", step)
	s := t.sockets[m[1]]
	require.NotNil(t.f, s, "the step names an unknown WebSocket: %s", step)
	switch m[2] {
	case ">":
		require.NoError(t.f, s.write(ws.OpText, t.fill(m[3])), step)
	case ">>":
		data, err := hex.DecodeString(m[3])
		require.NoError(t.f, err, step)
		require.NoError(t.f, s.write(ws.OpBinary, string(data)), step)
	case "<":
		t.matches(m[3], s.next(step))
	case "<<":
		data, err := hex.DecodeString(m[3])
		require.NoError(t.f, err, step)
		require.Equal(t.f, "b:"+string(data), s.next(step), step)
	default:
		s.closed(step)
	}
}

func (t *transcript) poll(verb, sid, packet string) {
	t.f.Helper()
	switch verb {
	case "poll":
		p := t.polls[sid]
		if p == nil {
			p = &rawPoll{f: t.f, eio: t.eio, sid: sid}
			t.polls[sid] = p
		}
		t.matches(packet, p.next())
	default:
		// PUT is refused and does not change the session
		method := map[string]string{"over": "GET", "gone": "PUT"}[verb]
		t.f.until("the session is unknown", func() bool {
			return t.request(method, "transport=polling&sid="+sid,
				"") == "400 "+unknownSession
		})
	}
}

// query returns the query or the path of a step.
func (t *transcript) query(query string) string {
	query = t.fill(query)
	if strings.HasPrefix(query, "/") {
		return query
	}
	return "/socket.io/?EIO=" + t.eio + "&" + query
}

// request returns the status and the body of the response.
func (t *transcript) request(method, query, body string) string {
	var header http.Header
	body = strings.ReplaceAll(t.fill(body), "^", "\x1e")
	if digits, binary := strings.CutPrefix(body, "hex:"); binary {
		data, err := hex.DecodeString(digits)
		require.NoError(t.f, err)
		body, header = string(data), http.Header{"Content-Type": {octetStream}}
	} else if body != "" {
		header = http.Header{"Content-Type": {"text/plain;charset=UTF-8"}}
	}
	r := t.f.request(method, t.f.server.url()+t.query(query), strings.NewReader(body), header)
	if r.Header.Get("Content-Type") == octetStream {
		r.Body = "hex:" + hex.EncodeToString([]byte(r.Body))
	}
	return fmt.Sprintf("%d %s", r.Status, r.Body)
}

// fill replaces names by their values.
func (t *transcript) fill(text string) string {
	return variable.ReplaceAllStringFunc(text, func(n string) string { return t.names[n] })
}

// matches compares received with expected data.
func (t *transcript) matches(want, got string) {
	t.f.Helper()
	require.True(t.f, match(want, got, t.names), "want %q, got %q", want, got)
}

// match compares got with a pattern and sets the names in it that have no value yet.
func match(pattern, got string, names map[string]string) bool {
	var learned []string
	pattern = strings.NewReplacer(`\*`, `.*`, `\^`, "\x1e").Replace(regexp.QuoteMeta(pattern))
	pattern = regexp.MustCompile(`\\\$[a-z]+`).ReplaceAllStringFunc(pattern, func(n string) string {
		n = n[1:]
		if value, known := names[n]; known {
			return regexp.QuoteMeta(value)
		}
		learned = append(learned, n)
		return `([\w-]+)`
	})
	m := regexp.MustCompile(`(?s)^` + pattern + `$`).FindStringSubmatch(got)
	if m == nil {
		return false
	}
	for i, n := range learned {
		names[n] = m[i+1]
	}
	return true
}

const octetStream = "application/octet-stream"

const unknownSession = `{"code":1,"message":"Session ID unknown"}`
