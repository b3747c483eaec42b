package main_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var picture = append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{0, 255, 7}, 4000)...)

func TestMessagesReachEveryNode(t *testing.T) {
	t.Parallel()
	r := start(t, "demo", "--addr", "127.0.0.1:0")
	var all []*visitor
	for i, name := range []string{"one", "two", "three"} {
		all = append(all, visit(t, r.links[i], `{"name":"`+name+`"}`))
	}
	one, two, three := all[0], all[1], all[2]

	before := time.Now().UnixMilli()
	one.emit("chat message", `{"text":"to all"}`)
	var node string
	for _, v := range all {
		said := v.message("chat message")
		require.ElementsMatch(t, []string{"from", "node", "room", "text", "at"}, keys(said))
		require.Equal(t, "one", said["from"])
		require.Equal(t, "to all", said["text"])
		require.Nil(t, said["room"])
		require.InDelta(t, before, said["at"], float64(patience.Milliseconds()))
		node = said["node"].(string)
		require.Regexp(t, `^[0-9a-f]{16}$`, node, "want the node's uid")
	}

	require.JSONEq(t, `{"ok":true}`, two.ask("join", `"red"`))
	require.JSONEq(t, `{"ok":true}`, three.ask("join", `"red"`))
	require.JSONEq(t, `{"ok":true}`, one.ask("chat message", `{"room":"red","text":"to red"}`),
		"a client must be able to send to a room without being in it")
	require.Equal(t, "to red", three.message("chat message")["text"])
	require.JSONEq(t, `{"ok":true}`, three.ask("leave", `"red"`))
	require.JSONEq(t, `{"ok":true}`, two.ask("chat message", `{"room":"red","text":"to who is left"}`))
	one.emit("chat message", `{"text":"fence"}`)
	want := map[*visitor][]string{one: {"fence"}, two: {"to red", "to who is left", "fence"}, three: {"fence"}}
	for _, v := range all {
		for _, text := range want[v] {
			said := v.message("chat message")
			require.Equal(t, text, said["text"])
			if text != "fence" {
				require.Equal(t, "red", said["room"])
			}
		}
	}
}

func (v *visitor) message(event string) map[string]any {
	v.t.Helper()
	var m map[string]any
	v.next(event, &m)
	return m
}

func keys(m map[string]any) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	return all
}

func TestPicturesReachOtherNodes(t *testing.T) {
	t.Parallel()
	r := start(t, "demo", "--addr", "127.0.0.1:0", "--nodes", "2")
	one, two := visit(t, r.links[0], `{"name":"one"}`), visit(t, r.links[1], `{}`)
	require.JSONEq(t, `{"ok":true}`, one.ask("image", `{"data":{"_placeholder":true,"num":0}}`, picture))
	for _, v := range []*visitor{two, one} {
		var shown struct{ From, Type string }
		p := v.next("image", &shown)
		require.Equal(t, [][]byte{picture}, p.attachments)
		require.Equal(t, "image/png", shown.Type, "the type must come from the bytes, not from the sender")
		require.Equal(t, "one", shown.From)
	}
}

func TestAQuestionReachesEverybody(t *testing.T) {
	t.Parallel()
	r := start(t, "demo", "--addr", "127.0.0.1:0")
	questioner := visit(t, r.links[0], `{"name":"questioner"}`)
	var asked []*visitor
	for _, i := range []int{0, 1, 2} {
		asked = append(asked, visit(t, r.links[i], `{}`))
	}
	id := questioner.begin("ask", `{"text":"Ready?","choices":["Yes","No"]}`)
	for i, answer := range []string{"1", "0", `"nonsense"`} {
		var q struct {
			From, Text string
			Choices    []string
			Seconds    int
		}
		p := asked[i].next("question", &q)
		require.Equal(t, "Ready?", q.Text)
		require.Equal(t, []string{"Yes", "No"}, q.Choices)
		require.Equal(t, 20, q.Seconds)
		require.NotEmpty(t, p.id, "the question must request an acknowledgement")
		asked[i].acknowledge(p, answer)
		if i < 2 {
			require.EqualValues(t, 1-i, questioner.message("answer")["choice"],
				"the questioner must receive each answer when it arrives")
		}
	}
	require.JSONEq(t, `{"answers":[1,0]}`, questioner.answer(id), "an answer that is not a choice must not count")
}

func TestTypingReachesTheOthers(t *testing.T) {
	t.Parallel()
	r := start(t, "demo", "--addr", "127.0.0.1:0", "--nodes", "2")
	one, two := visit(t, r.links[0], `{"name":"one"}`), visit(t, r.links[1], `{"name":"two"}`)
	one.emit("typing", `{}`)
	require.Equal(t, "one", two.message("typing")["from"])
	two.emit("typing", `{}`)
	require.Equal(t, "two", one.message("typing")["from"], "want the typing of the other client only")
}

// state is what the diagram shows.
type state struct {
	UID   string
	Bus   string
	Nodes []struct {
		UID, Name, URL string
		Sockets        int
		Rate           float64
	}
	Sockets []struct {
		ID, Name, Node string
		Rooms          []string
	}
	More int
}

func TestTheDiagramShowsTheCluster(t *testing.T) {
	t.Parallel()
	r := start(t, "demo", "--addr", "127.0.0.1:0", "--nodes", "2")
	one, two := visit(t, r.links[0], `{"name":"one"}`), visit(t, r.links[1], `{"name":"two"}`)
	require.JSONEq(t, `{"ok":true}`, two.ask("rename", `"2"`))
	require.JSONEq(t, `{"ok":true}`, two.ask("join", `"red"`))
	var s state
	for len(s.Sockets) != 2 || len(s.Nodes) != 2 || s.Nodes[1].Name == "" ||
		!strings.Contains(jsonOf(t, s.Sockets), "red") {
		s = state{}
		one.next("cluster", &s)
	}
	require.Equal(t, "the in-memory bus", s.Bus)
	require.Equal(t, s.UID, s.Nodes[0].UID, "this node must come first")
	for i, n := range s.Nodes {
		require.Equal(t, r.name(i), n.Name)
		require.Equal(t, r.links[i]+"/", n.URL)
		require.Equal(t, 1, n.Sockets)
	}
	for _, c := range s.Sockets {
		switch c.ID {
		case one.id:
			require.Equal(t, "one", c.Name)
			require.Equal(t, s.UID, c.Node)
			require.Empty(t, c.Rooms, "the client's own room must not be listed")
		case two.id:
			require.Equal(t, "2", c.Name)
			require.Equal(t, s.Nodes[1].UID, c.Node)
			require.Equal(t, []string{"red"}, c.Rooms)
		}
	}

	// Deliveries go from the node where a message is sent to the node that delivers it to its clients.
	one.emit("chat message", `{"text":"hello"}`)
	flows := make(map[string]bool)
	for len(flows) < 2 {
		var f struct {
			To   string
			From map[string]int
		}
		two.next("flow", &f)
		require.Equal(t, map[string]int{s.UID: 1}, f.From)
		flows[f.To] = true
	}
	require.True(t, flows[s.Nodes[0].UID] && flows[s.Nodes[1].UID])
	for busy := false; !busy; {
		s = state{}
		two.next("cluster", &s)
		busy = s.Nodes[0].Rate > 0 || s.Nodes[1].Rate > 0
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	p, err := json.Marshal(v)
	require.NoError(t, err)
	return string(p)
}

func TestWrongInputIsRefused(t *testing.T) {
	t.Parallel()
	r := start(t, "demo", "--addr", "127.0.0.1:0", "--nodes", "1")
	one := visit(t, r.links[0], `{"name":{"no":"name"}}`)
	two := visit(t, r.links[0], `{"name":" \u202e\u0007 `+strings.Repeat("x", 100)+`"}`)
	for _, c := range []struct{ event, args, want string }{
		{"chat message", `{"text":" "}`, "there is no text"},
		{"chat message", `{"text":"` + strings.Repeat("x", 2001) + `"}`, "too long"},
		{"chat message", `{"text":7}`, "argument"},
		{"chat message", `7`, "argument"},
		{"chat message", `{"text":"a","room":"` + strings.Repeat("x", 65) + `"}`, "at most 64 characters"},
		{"chat message", `{"text":"a","room":"a\u0000b"}`, "printable"},
		{"join", `""`, "needs a name"},
		{"join", `"` + two.id + `"`, "a client's own room"},
		{"leave", `"` + one.id + `"`, "cannot leave its own room"},
		{"rename", `" \u200b "`, "needs a visible character"},
		{"image", `{"data":"text"}`, "not a PNG"},
		{"image", `{"data":7}`, "argument"},
		{"image", `{}`, "not a PNG"},
		{"ask", `{"text":"a","choices":["b"]}`, "2 to 4 answers"},
		{"ask", `{"text":"a","choices":["b",""]}`, "there is no text"},
		{"ask", `{"text":"","choices":["a","b"]}`, "there is no text"},
	} {
		var answer struct{ Error string }
		require.NoError(t, json.Unmarshal([]byte(one.ask(c.event, c.args)), &answer))
		assert.Contains(t, answer.Error, c.want, "%s %.60s", c.event, c.args)
	}
	for _, c := range []struct {
		picture []byte
		want    string
	}{
		{[]byte("<svg onload='alert(1)'/>"), "not a PNG"},
		{append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 700_000)...), "too large"},
	} {
		require.Contains(t, one.ask("image", `{"data":{"_placeholder":true,"num":0}}`, c.picture), c.want)
	}
	for i := range 20 {
		require.JSONEq(t, `{"ok":true}`, one.ask("join", `"room`+string(rune('a'+i))+`"`))
	}
	require.Contains(t, one.ask("join", `"one more"`), "too many rooms")

	// No event has reached anybody, and the connection still works.
	require.JSONEq(t, `{"ok":true}`, one.ask("chat message", `{"text":"fine"}`))
	said := two.message("chat message")
	require.Equal(t, "fine", said["text"])
	require.Equal(t, "guest "+one.id[:4], said["from"])
	two.emit("chat message", `{"text":"me too"}`)
	for said = one.message("chat message"); said["text"] != "me too"; {
		said = one.message("chat message")
	}
	require.Equal(t, strings.Repeat("x", 24), said["from"],
		"want the name without unprintable characters, cut to 24 characters")
}
