package clients_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// badPackets violate the rules of Socket.IO.
var badPackets = []scenario{
	{name: "BeforeConnect", run: func(f *fixture) {
		for _, p := range []string{`42["echo","x"]`, `420["echo","x"]`, "41", `430[]`, `42/custom,["echo"]`,
			`451-["x",{"_placeholder":true,"num":0}]`} {
			s := f.socket()
			s.text(p)
			if strings.HasPrefix(p, "45") {
				s.binary("x")
			}
			s.closed()
		}
		for _, p := range []string{`42["echo","x"]`, "41"} {
			poll := f.poll()
			poll.post(p)
			poll.unknown()
		}
		f.nothingHeard()
	}},
	{name: "UnknownNamespaces", run: func(f *fixture) {
		s := f.socket()
		for _, nsp := range []string{"/unknown", "/Custom", "/custom/", "/__proto__", "/constructor", "/dynamic-",
			"/dynamic-1x", "/guarded-", "//"} {
			s.text("40" + nsp + ",")
			s.expect("44" + nsp + `,{"message":"Invalid namespace"}`)
		}
		s.text("40/unknown") // without the comma
		s.expect(`44/unknown,{"message":"Invalid namespace"}`)
		s.join() // other namespaces still accept it
		s.fine()
		s.text("40/unknown,")
		s.expect(`44/unknown,{"message":"Invalid namespace"}`)
		s.fine()
	}},
	{name: "ConnectTwice", run: func(f *fixture) {
		s := f.member()
		s.text("40")
		s.closed()
		f.goneFor(s.id, anyReason)
	}},
	{name: "ConnectTwiceInOneBody", notOnNode: true, run: func(f *fixture) { // Node.js makes two sockets
		p := f.poll()
		require.Equal(f, "ok", p.post("40\x1e40").Body)
		p.id = socketOf(f, p.next())
		p.fine()
		f.sockets(2) // including the healthy client's
	}},
	{name: "NamespaceThatIsNotJoined", run: func(f *fixture) {
		for _, p := range []string{`42/custom,["echo"]`, "41/custom,", "43/custom,1[]", `42/unknown,["echo"]`} {
			s := f.member()
			s.text(p)
			s.closed()
			f.goneFor(s.id, anyReason)
		}
	}},
	{name: "AfterDisconnect", run: func(f *fixture) {
		for _, p := range []string{`42["echo"]`, "41", `431["x"]`} {
			s := f.member()
			s.text("41")
			f.goneFor(s.id, "client namespace disconnect")
			s.text(p)
			s.closed()
		}
	}},
	{name: "MalformedPackets", run: func(f *fixture) {
		for _, p := range []string{
			"", "7", "9", "x", "4{}", // without type
			// not an event
			"2{}", `2"x"`, "2[]", "2[null]", "2[{}]", "2[[]]", "2[true]", `2["x"`, `2["x",]`, `2["x"]]`, `2['x']`,
			`2["x",undefined]`, `2["x",NaN]`, `2["x"] x`,
			// reserved
			`2["connect"]`, `2["connect_error"]`, `2["disconnect"]`, `2["disconnecting"]`, `2["newListener"]`,
			`2["removeListener"]`,
			`0[1]`, `0"x"`, `0{bad`, `0/custom,[]`, // not an auth payload
			"3{}", `3"x"`, "31{}", // not an acknowledgement
			"1{}", "1[]", `1"x"`, // a DISCONNECT packet has no payload
			`4{"message":"x"}`, `4"x"`, // only servers send this
			// invalid numbers of attachments
			"5", "5-", `5["x"]`, `50-["x"]`, `5x-["x"]`, `5-1["x"]`, `51.5-["x"]`, `511-["x"]`,
			`599999999999999999999-["x"]`, `51["x"]`, "51-{}", `61-{}`,
		} {
			s := f.member()
			s.text("4" + p)
			s.closedFor(p)
		}
	}},
	// Node.js accepts an event without a name, and "1e1" as a number
	{name: "IncompletePackets", notOnNode: true, run: func(f *fixture) {
		for _, p := range []string{"2", "3", "31", "2/custom", "21", "3/,1", "6", "51-", `51e1-["x"]`,
			`299999999999999999999["x"]`} {
			s := f.member()
			s.text("4" + p)
			s.closedFor(p)
		}
	}},
	{name: "NumberOnAConnectPacket", run: func(f *fixture) { // is ignored
		s := f.member()
		s.text("40/custom,5")
		require.Regexp(f, `^40/custom,\{"sid":"`, s.next())
		s.fine()
	}},
	{name: "Placeholders", run: func(f *fixture) {
		for _, args := range []string{
			`{"_placeholder":true,"num":1}`, `{"_placeholder":true,"num":-1}`, `{"_placeholder":true,"num":"0"}`,
			`{"_placeholder":true,"num":0.5}`, `{"_placeholder":true}`,
			`{"_placeholder":true,"num":99999999999999999999}`, `{"_placeholder":true,"num":"length"}`,
			`{"_placeholder":true,"num":null}`,
		} {
			s := f.member()
			s.text(`451-["x",` + args + `]`)
			s.binary("attachment")
			if f.onNode && strings.Contains(args, "0.5") { // Node.js uses it as an index of the array
				continue
			}
			s.closedFor(args)
		}
	}},
	{name: "AttachmentsThatNeverCome", run: func(f *fixture) {
		for _, next := range []string{`42["x"]`, "40/custom,", "41", `451-["x",{"_placeholder":true,"num":0}]`} {
			s := f.member()
			s.text(`452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
			s.binary("first")
			s.text(next)
			s.closedFor(next)
		}
		// a client that never sends them is served like others until it disconnects
		s := f.member()
		s.text(`451-["x",{"_placeholder":true,"num":0}]`)
		f.must(emit("hello").of(s.id))
		s.expect(`42["hello"]`)
		require.NoError(f, s.conn.Close())
		f.goneFor(s.id, "transport close")
	}},
	{name: "UnannouncedAttachments", run: func(f *fixture) {
		s := f.member()
		s.binary("x")
		s.closedFor("binary")
		s = f.member()
		s.text(`451-["x",{"_placeholder":true,"num":0}]`)
		s.binary("one")
		s.binary("two")
		s.closedFor("a second one")
		s = f.socket()
		s.binary("x")
		s.closed()
	}},
	{name: "TooManyAttachments", run: func(f *fixture) {
		var args []string
		for i := range 11 {
			args = append(args, fmt.Sprintf(`{"_placeholder":true,"num":%d}`, i))
		}
		s := f.member()
		s.text(`4511-["x",` + strings.Join(args, ",") + `]`)
		s.closedFor("11")
	}},
	{name: "InvalidAckIDs", run: func(f *fixture) {
		s := f.member()
		for _, id := range []string{"0", "1", "999999", "9007199254740993", "99999999999999999999999999",
			strings.Repeat("9", 1000), "00"} {
			s.text("43" + id + `["nobody asked"]`)
			s.fine()
		}
		asked := make(chan result, 1)
		go func() {
			r, err := f.server.run(f.ctx, ask("question").of(s.id).timeout(500*time.Millisecond))
			if err != nil {
				r.Error = err.Error()
			}
			asked <- r
		}()
		question := s.next()
		id := strings.TrimSuffix(strings.TrimPrefix(question, "42"), `["question"]`)
		s.text("43" + id + `1["another"]`)
		other := f.member()
		other.text("43" + id + `["from another client"]`)
		other.fine()
		require.Equal(f, "operation has timed out", (<-asked).Error, "a client must not answer for another one")
		s.text("43"+id+`["late"]`, "43"+id+`["twice"]`)
		s.fine()
	}},
	{name: "DeeplyNestedInputs", run: func(f *fixture) {
		for _, n := range []int{1000, 100_000} {
			for _, open := range []string{"[", `{"a":`} {
				text := strings.Repeat(open, n) + "1" +
					strings.Repeat(map[string]string{"[": "]", `{"a":`: "}"}[open], n)
				s := f.member()
				s.text(`42["deep",` + text + `]`)
				s.text("40") // the server closes the connection in any case
				s.closedFor(fmt.Sprint(n, open))
				s = f.socket()
				s.text(`40{"deep":` + text + `}`)
				s.text(`42["x"]`)
				s.text("40")
				s.closed()
			}
		}
		f.server.reports().Take()
	}},
	{name: "DangerousKeys", run: func(f *fixture) {
		s := f.socket()
		s.text(`40{"__proto__":{"refuse":"polluted"},"constructor":{"prototype":{"x":1}},"toString":1}`)
		s.id = socketOf(f, s.next())
		s.text(`42["up",{"__proto__":{"polluted":true},"constructor":null,"hasOwnProperty":1}]`)
		f.report("event", func(e serverEvent) bool { return e.ID == s.id && e.Event == "up" })
		s.text(`42["__proto__"]`, `42["constructor",1]`, `42["toString"]`, `42["hasOwnProperty"]`)
		s.fine()
		f.must(emit("clean"))
		s.expect(`42["clean"]`)
		f.healthy.expect(`42["clean"]`)
	}},
	{name: "WrongArgumentsForAHandler", notOnNode: true, run: func(f *fixture) { // Node.js does not check them
		s := f.member()
		for _, p := range []string{`421["twice",5]`, `421["twice"]`, `421["twice",{}]`, `421["twice",[]]`,
			`421["count","x"]`, `421["count",1.5]`, `421["count",1e400]`} {
			s.text(p)
			require.Regexp(f, `^431\[\{"error":".+"\}\]$`, s.next(), "%s: the client must get the error", p)
			_, err := f.server.(*goServer).errors.Next(f.ctx)
			require.NoError(f, err)
		}
		s.text(`42["count","x"]`) // without an acknowledgement only the application gets the error
		_, err := f.server.(*goServer).errors.Next(f.ctx)
		require.NoError(f, err)
		s.fine()
	}},
}

// closedFor waits until the server has closed the connection and the application has received the reason.
func (s *rawSocket) closedFor(why string) {
	s.f.Helper()
	s.closed("after " + why)
	s.f.goneFor(s.id, anyReason)
}

// sockets waits until the namespace "/" has n sockets.
func (f *fixture) sockets(n int) {
	f.Helper()
	f.until(fmt.Sprintf("the server has %d sockets", n),
		func() bool { return len(f.must(op{Call: "fetchSockets"}).Sockets) == n })
}

// nothingHeard requires that the application has received only events of the healthy client.
func (f *fixture) nothingHeard() {
	f.Helper()
	for _, e := range f.server.reports().Take() {
		require.False(f, e.What == "event" && e.ID != f.healthy.id, "%.300v", e)
	}
}
