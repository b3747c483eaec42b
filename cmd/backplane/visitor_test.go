package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/stretchr/testify/require"
)

// visitor is a minimal Socket.IO client over a WebSocket.
type visitor struct {
	t       *testing.T
	conn    net.Conn
	id      string
	packets chan packet
	early   []packet // received while waiting for another packet

	writing sync.Mutex // guards the fields below
	asked   int
}

// packet is a Socket.IO packet with its attachments.
type packet struct {
	kind        byte // '0' connect, '1' disconnect, '2' event, '3' acknowledgement, '4' error
	id          string
	data        json.RawMessage
	attachments [][]byte
	missing     int
}

// visit connects to a node, with auth as JSON.
func visit(t *testing.T, link, auth string, header ...string) *visitor {
	t.Helper()
	v, err := dial(t, link+"/socket.io/", header...)
	require.NoError(t, err)
	require.NoError(t, wsutil.WriteClientText(v.conn, []byte("40"+auth)))
	var connected struct{ SID string }
	require.NoError(t, json.Unmarshal(v.await('0', "").data, &connected))
	v.id = connected.SID
	return v
}

// dial opens a WebSocket.
func dial(t *testing.T, url string, header ...string) (*visitor, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dialer := ws.Dialer{}
	if len(header) > 0 {
		dialer.Header = ws.HandshakeHeaderHTTP(http.Header{header[0]: header[1:]})
	}
	conn, buffered, _, err := dialer.Dial(ctx, "ws"+strings.TrimPrefix(url, "http")+"?EIO=4&transport=websocket")
	if err != nil {
		return nil, err
	}
	v := &visitor{t: t, packets: make(chan packet, 256)}
	v.conn = conn
	if buffered != nil {
		v.conn = wrapped{conn, buffered}
	}
	t.Cleanup(func() { conn.Close() })
	go v.read()
	return v, nil
}

// wrapped is a connection from which a reader has buffered bytes already.
type wrapped struct {
	net.Conn
	r interface{ Read([]byte) (int, error) }
}

func (w wrapped) Read(p []byte) (int, error) { return w.r.Read(p) }

var packetHead = regexp.MustCompile(`^4(\d)(?:(\d+)-)?(\d*)`)

// read parses packets until the connection ends.
func (v *visitor) read() {
	defer close(v.packets)
	var open *packet
	for {
		data, op, err := wsutil.ReadServerData(v.conn)
		if err != nil {
			return
		}
		switch {
		case op == ws.OpBinary:
			open.attachments = append(open.attachments, data)
		case data[0] == '2':
			v.writing.Lock()
			_ = wsutil.WriteClientText(v.conn, []byte("3"))
			v.writing.Unlock()
			continue
		case data[0] == '4':
			m := packetHead.FindSubmatch(data)
			open = &packet{kind: m[1][0], id: string(m[3]), data: data[len(m[0]):]}
			if open.kind > '4' {
				open.kind -= 3
				_, _ = fmt.Sscan(string(m[2]), &open.missing)
			}
		default:
			continue
		}
		if len(open.attachments) == open.missing {
			v.packets <- *open
		}
	}
}

// await returns the next packet of a kind: an event with that name, or an acknowledgement with that id. It keeps other
// packets for later calls.
func (v *visitor) await(kind byte, name string) packet {
	v.t.Helper()
	wanted := func(p packet) bool {
		return p.kind == kind && (kind == '3' && p.id == name || kind == '2' && p.event() == name || kind == '0')
	}
	if i := slices.IndexFunc(v.early, wanted); i >= 0 {
		p := v.early[i]
		v.early = slices.Delete(v.early, i, i+1)
		return p
	}
	limit := time.After(patience)
	for {
		select {
		case p, there := <-v.packets:
			require.True(v.t, there, "the connection ended while waiting for %c %s", kind, name)
			if wanted(p) {
				return p
			}
			v.early = append(v.early, p)
		case <-limit:
			require.Fail(v.t, "no such packet came", "%c %s", kind, name)
		}
	}
}

func (p packet) event() string {
	var args []json.RawMessage
	var name string
	if json.Unmarshal(p.data, &args) != nil || len(args) == 0 || json.Unmarshal(args[0], &name) != nil {
		return ""
	}
	return name
}

// next decodes the first argument of the next event with that name.
func (v *visitor) next(event string, into any) packet {
	v.t.Helper()
	p := v.await('2', event)
	var args []json.RawMessage
	require.NoError(v.t, json.Unmarshal(p.data, &args))
	require.NoError(v.t, json.Unmarshal(args[1], into), string(args[1]))
	return p
}

// emit sends an event. args is JSON without the brackets.
func (v *visitor) emit(event, args string) {
	v.t.Helper()
	v.write("42", event, args)
}

func (v *visitor) write(head, event, args string, attachments ...[]byte) {
	v.t.Helper()
	v.writing.Lock()
	defer v.writing.Unlock()
	require.NoError(v.t, wsutil.WriteClientText(v.conn, []byte(fmt.Sprintf(`%s[%q,%s]`, head, event, args))))
	for _, a := range attachments {
		require.NoError(v.t, wsutil.WriteClientBinary(v.conn, a))
	}
}

// ask sends an event and returns its acknowledgement.
func (v *visitor) ask(event, args string, attachments ...[]byte) string {
	v.t.Helper()
	return v.answer(v.begin(event, args, attachments...))
}

// begin sends an event that requests an acknowledgement, and answer waits for it.
func (v *visitor) begin(event, args string, attachments ...[]byte) (id string) {
	v.t.Helper()
	v.asked++
	id, head := fmt.Sprint(v.asked), "42"
	if len(attachments) > 0 {
		head = fmt.Sprintf("45%d-", len(attachments))
	}
	v.write(head+id, event, args, attachments...)
	return id
}

func (v *visitor) answer(id string) string {
	v.t.Helper()
	data := string(v.await('3', id).data)
	return strings.TrimSuffix(strings.TrimPrefix(data, "["), "]")
}

// acknowledge sends the acknowledgement of an event.
func (v *visitor) acknowledge(p packet, args string) {
	v.t.Helper()
	v.writing.Lock()
	defer v.writing.Unlock()
	require.NoError(v.t, wsutil.WriteClientText(v.conn, []byte("43"+p.id+"["+args+"]")))
}

// gone waits until the connection has ended.
func (v *visitor) gone() {
	v.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case _, there := <-v.packets:
			if !there {
				return
			}
		case <-limit:
			require.Fail(v.t, "the connection does not end")
		}
	}
}
