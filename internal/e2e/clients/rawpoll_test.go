package clients_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

// response is the response to an HTTP request. Status 0 means that there was none.
type response struct {
	Status int
	Body   string
	Header http.Header
	Code   int // the error code of Engine.IO in the body, -1 if there is none
}

// request sends an HTTP request.
func (f *fixture) request(method, target string, body io.Reader, header http.Header) response {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	require.NoError(f, err)
	for name, values := range header {
		r.Header[name] = values
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return response{Code: -1}
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body) // as much as was received
	out := response{Status: answer.StatusCode, Body: string(text), Header: answer.Header, Code: -1}
	var refusal struct {
		Code    *int
		Message string
	}
	if json.Unmarshal(text, &refusal) == nil && refusal.Code != nil {
		out.Code = *refusal.Code
	}
	return out
}

// rawPoll is a session over long-polling.
type rawPoll struct {
	f    *fixture
	eio  string // version of Engine.IO; empty: 4
	sid  string
	id   string
	left []string // packets that arrived together with others
}

// poll opens a session over polling and joins no namespace.
func (f *fixture) poll() *rawPoll {
	f.Helper()
	r := f.request("GET", f.endpoint("http", "EIO=4&transport=polling"), nil, nil)
	require.Equal(f, 200, r.Status, r.Body)
	return &rawPoll{f: f, sid: sessionOf(f, r.Body)}
}

// polling opens a session over polling and joins the namespace "/".
func (f *fixture) polling() *rawPoll {
	f.Helper()
	p := f.poll()
	require.Equal(f, "ok", p.post("40").Body)
	p.id = socketOf(f, p.next())
	return p
}

func (p *rawPoll) url() string {
	return p.f.endpoint("http", "EIO="+cmp.Or(p.eio, "4")+"&transport=polling&sid="+url.QueryEscape(p.sid))
}

func (p *rawPoll) get() response { return p.f.request("GET", p.url(), nil, nil) }

func (p *rawPoll) post(body string) response {
	return p.f.request("POST", p.url(), strings.NewReader(body),
		http.Header{"Content-Type": {"text/plain;charset=UTF-8"}})
}

// next polls for the next packet and answers pings.
func (p *rawPoll) next() string {
	p.f.Helper()
	for {
		for len(p.left) > 0 {
			packet := p.left[0]
			p.left = p.left[1:]
			switch {
			case packet == "2" && p.eio != "3":
				require.Equal(p.f, "ok", p.post("3").Body)
			case packet == "6": // NOOP
			default:
				return packet
			}
		}
		r := p.get()
		require.Equal(p.f, 200, r.Status, r.Body)
		p.left = strings.Split(r.Body, "\x1e")
		if p.eio == "3" {
			p.left = packets3(p.f, r)
		}
	}
}

// packets3 returns the packets of a response of Engine.IO 3. A binary packet is "b", its type and base64.
func packets3(f *fixture, r response) (packets []string) {
	f.Helper()
	body := r.Body
	if r.Header.Get("Content-Type") != octetStream {
		units := utf16.Encode([]rune(body))
		for len(units) > 0 {
			end := slices.Index(units, ':')
			require.Positive(f, end, body)
			n, err := strconv.Atoi(string(utf16.Decode(units[:end])))
			require.NoError(f, err, body)
			packets = append(packets, string(utf16.Decode(units[end+1:end+1+n])))
			units = units[end+1+n:]
		}
		return packets
	}
	for len(body) > 0 {
		n, end := 0, strings.IndexByte(body, 255)
		require.Positive(f, end, "%q", body)
		for _, digit := range []byte(body[1:end]) {
			n = 10*n + int(digit)
		}
		packet := body[end+1 : end+1+n]
		if body[0] == 1 {
			packet = fmt.Sprintf("b%d%s", packet[0], base64.StdEncoding.EncodeToString([]byte(packet[1:])))
		}
		packets, body = append(packets, packet), body[end+1+n:]
	}
	return packets
}

// fine requires that the client is served.
func (p *rawPoll) fine() {
	p.f.Helper()
	require.Equal(p.f, "ok", p.post(`420["echo","fine"]`).Body)
	require.Equal(p.f, `430["fine"]`, p.next())
}

// over requires that the session has ended and that the application received this reason.
func (p *rawPoll) over(reason string) {
	p.f.Helper()
	p.f.goneFor(p.id, reason)
	p.unknown()
}

// unknown waits until the server does not know the session.
func (p *rawPoll) unknown() {
	p.f.Helper()
	p.f.until("the session must have ended", func() bool {
		r := p.get()
		return r.Status == 400 && r.Code == 1
	})
}
