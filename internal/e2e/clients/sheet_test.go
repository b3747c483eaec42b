package clients_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// member is a client of a sheet. Each node has members of the namespace "/" in the rooms {room1}, {room2}, {room1,
// room2}, {room3} and {}, and members of "/custom" in {room1} and {}.
type member struct {
	*client
	node  int
	nsp   string
	rooms []string
}

// sheet runs the emit cheat sheet on some servers, one of which acts.
type sheet struct {
	*testing.T
	ctx     context.Context
	servers []server
	members []*member

	node   int     // the acting server
	me     *member // the member whose socket acts
	other  *member // a member of another server, nil if there is none
	fences int
}

// newSheet connects the members. The servers must know each other.
func newSheet(t *testing.T, h *host, servers []server, version2 bool) *sheet {
	s := &sheet{T: t, ctx: patient(t), servers: servers}
	for node, server := range servers {
		var first *client
		for i, m := range []member{
			{nsp: "/", rooms: []string{"room1"}}, {nsp: "/", rooms: []string{"room2"}},
			{nsp: "/", rooms: []string{"room1", "room2"}},
			{nsp: "/", rooms: []string{"room3"}}, {nsp: "/"}, {nsp: "/custom", rooms: []string{"room1"}},
			{nsp: "/custom"},
		} {
			spec := clientSpec{NSP: m.nsp, Auth: map[string]any{"rooms": m.rooms,
				"data": map[string]any{"rooms": len(m.rooms)}}, Options: over(upgrading)}
			switch i {
			case 0:
				spec.Options = over(websocketOnly)
			case 1, 6:
				spec.Options = over(pollingOnly)
			case 2, 3, 4:
				if version2 { // not the first two, which act and have flags that version 2 does not know
					payload, err := json.Marshal(spec.Auth)
					require.NoError(t, err)
					spec.Version, spec.Options["query"] = "2", map[string]any{"payload": string(payload)}
				}
			case 5:
				spec.On = first
			}
			m.client, m.node = h.open(t, s.ctx, server.url(), spec), node
			if i == 0 {
				first = m.client
			}
			s.members = append(s.members, &m)
		}
	}
	for _, m := range s.members {
		m.connected()
	}
	return s
}

// from returns the sheet with another acting server. The acting member has a different transport on each server.
func (s *sheet) from(t *testing.T, node int) *sheet {
	out := *s
	out.T, out.ctx, out.node = t, patient(t), node
	out.members = nil
	for _, m := range s.members {
		c := *m
		c.client = m.client.in(t, out.ctx)
		out.members = append(out.members, &c)
	}
	perNode := len(out.members) / len(out.servers)
	out.me = out.members[node*perNode+node%3]
	out.other = out.members[(node+1)%len(out.servers)*perNode+3]
	out.fences = 1000 * node
	return &out
}

// run executes a line and checks what the members receive.
func (s *sheet) run(l line) {
	o := s.personal(l.op)
	r, err := s.servers[s.node].run(s.ctx, o)
	if l.throws != "" {
		require.ErrorContains(s, err, l.throws)
	} else {
		require.NoError(s, err)
	}
	event, hit := o.Event, s.selected(o.NSP, l.hits)
	if o.Call == "send" {
		event = "message"
	}
	for _, m := range hit {
		m.expect(event, o.args()...)
	}
	if l.also == nil {
		require.Empty(s, r.Error)
	}
	if l.acks {
		s.sameNames(hit, r.values())
	}
	if l.also != nil {
		l.also(s, r)
	}
	s.fence()
}

// personal replaces "#me" and "#other" by the ids of sockets, or in arguments by the client's name.
func (s *sheet) personal(o op) op {
	id := func(name string) string {
		switch name {
		case "#me":
			return s.me.id
		case "#other":
			return s.other.id
		}
		return name
	}
	ids := func(names []string) []string {
		names = slices.Clone(names)
		for i := range names {
			names[i] = id(names[i])
		}
		return names
	}
	o.Socket, o.Remote, o.Except, o.To = id(o.Socket), id(o.Remote), ids(o.Except), slices.Clone(o.To)
	for i := range o.To {
		o.To[i] = ids(o.To[i])
	}
	if args := o.args(); len(args) == 1 && args[0] == "#me" {
		return o.with(o.Event, s.me.name)
	}
	return o
}

// selected returns the members of a namespace that match w.
func (s *sheet) selected(nsp string, w who) []*member {
	if nsp == "" {
		nsp = "/"
	}
	var out []*member
	for _, m := range s.members {
		if w != nil && m.nsp == nsp && w(m, s) {
			out = append(out, m)
		}
	}
	return out
}

// fence requires that the members have received nothing else: it emits an event to all members, which must be
// the next one they receive.
func (s *sheet) fence() {
	s.Helper()
	s.fences++
	for _, nsp := range []string{"/", "/custom"} {
		_, err := s.servers[s.node].run(s.ctx, emit("fence", s.fences).in(nsp))
		require.NoError(s, err)
	}
	for _, m := range s.members {
		m.expect("fence", s.fences)
	}
}

// report waits for an event of a server.
func (s *sheet) report(node int, match func(serverEvent) bool) serverEvent {
	s.Helper()
	e, err := s.servers[node].reports().Await(s.ctx, match)
	require.NoError(s, err, "waiting for a report of server %d", node)
	return e
}

// moved waits until the member's server reports join-room or leave-room.
func (s *sheet) moved(m *member, kind, room string) {
	s.Helper()
	s.report(m.node, func(e serverEvent) bool {
		return e.What == "room" && e.Kind == kind && e.Room == room && e.ID == m.id
	})
}

// sameNames requires that got are the names of the members in any order.
func (s *sheet) sameNames(members []*member, got []any) {
	s.Helper()
	var want, have []string
	for _, m := range members {
		want = append(want, m.name)
	}
	for _, v := range got {
		have = append(have, fmt.Sprint(v))
	}
	require.ElementsMatch(s, want, have)
}
