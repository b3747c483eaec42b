package logged_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/chaos"
	"github.com/backplane-go/backplane/internal/e2e/chaos/logged"
)

const second = 1_000_000 // microseconds

// story is a run of 100 s with one client on two nodes, in which nothing is wrong: ten acknowledged events, one every
// second from 10 s on.
func story() *logged.History {
	stream := &logged.Stream{Target: 1} // client 1 is in room 1
	for i := range int64(10) {
		stream.Sent = append(stream.Sent, logged.Message{Begin: (10 + i) * second, End: (10+i)*second + 1000,
			Outcome: logged.OK})
	}
	return &logged.History{
		Nodes: []*logged.Node{nil, {Name: "a", Opened: 1, Ended: math.MaxInt64},
			{Name: "b", Place: 1, Opened: 1, Ended: math.MaxInt64}},
		Streams: map[string]*logged.Stream{"n1.1": stream},
		Clients: []*logged.Client{{
			Connects: []logged.Connect{{Open: second, At: second, Welcomed: second, Node: 1, ID: "x",
				Lost: math.MaxInt64}},
			Began: []logged.Event{{At: 10 * second, Stream: "n1.1", Seq: 1}},
			Last:  map[string]int{"n1.1": 10}, Received: 10, Present: true,
		}},
	}
}

// back makes the client lose its connection at 15 s and come back to the other node at 17 s.
func back(h *logged.History, recovered bool) {
	c := h.Clients[0]
	c.Connects[0].Lost, c.Connects[0].Reason = 15*second, "transport close"
	c.Connects = append(c.Connects, logged.Connect{Open: 17*second - 1000, At: 17 * second, Welcomed: 17 * second,
		Node: 2, ID: "x", Recovered: recovered, Lost: math.MaxInt64})
}

func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(h *logged.History)
		want   []chaos.ViolationKind
	}{
		{"NothingIsWrong", func(*logged.History) {}, nil},
		{"RecoveredIsFine", func(h *logged.History) { back(h, true) }, nil},
		{"LastEventsAreLost", func(h *logged.History) { h.Clients[0].Last["n1.1"] = 8 },
			[]chaos.ViolationKind{logged.Lost, logged.Lost}},
		{"RefusedEventsMayBeMissing", func(h *logged.History) {
			h.Clients[0].Last["n1.1"] = 9
			h.Streams["n1.1"].Sent[9].Outcome = logged.Refused
		}, nil},
		{"HoleIsLost", func(h *logged.History) {
			h.Clients[0].Anomalies = []logged.Event{{Kind: logged.Missing, Stream: "n1.1", Seq: 6,
				Numbers: []int{4, 5}}}
		}, []chaos.ViolationKind{logged.Lost, logged.Lost}},
		{"ARefusedEventComesAtOnceBeforeTheSessionEnds", func(h *logged.History) {
			back(h, false)
			h.Trouble = []logged.Trouble{{Place: -1, From: 12 * second, To: 18 * second}}
			h.Streams["n1.1"].Sent[4].Outcome = logged.Refused
			h.Clients[0].Anomalies = []logged.Event{{Kind: logged.Missing, Stream: "n1.1", At: 14 * second, Seq: 5,
				Numbers: []int{4}}}
		}, nil},
		{"RecoveredSessionMustHaveIt", func(h *logged.History) {
			back(h, true)
			h.Streams["n1.1"].Sent[4].Outcome = logged.Refused
			h.Clients[0].Anomalies = []logged.Event{{Kind: logged.Missing, Stream: "n1.1", At: 14 * second, Seq: 5,
				Numbers: []int{4}}}
		}, []chaos.ViolationKind{logged.Lost}},
		{"UnknownEventMayBeMissing", func(h *logged.History) {
			h.Clients[0].Anomalies = []logged.Event{{Kind: logged.Missing, Stream: "n1.1", Seq: 5, Numbers: []int{4}}}
			h.Streams["n1.1"].Sent[3].Outcome = logged.Unknown
		}, nil},
		{"LateIsOutOfOrderAndNotLost", func(h *logged.History) {
			h.Clients[0].Anomalies = []logged.Event{{Kind: logged.Missing, Stream: "n1.1", Seq: 5, Numbers: []int{4}},
				{Kind: logged.Late, Stream: "n1.1", Seq: 4, Numbers: []int{5}}}
		}, []chaos.ViolationKind{chaos.Disordered}},
		{"LateAfterARefusedOne", func(h *logged.History) {
			h.Clients[0].Anomalies = []logged.Event{{Kind: logged.Missing, Stream: "n1.1", Seq: 5, Numbers: []int{4}},
				{Kind: logged.Late, Stream: "n1.1", Seq: 4, Numbers: []int{5}}}
			h.Streams["n1.1"].Sent[4].Outcome = logged.Refused
		}, nil},
		{"TwoEventsWithOnePosition", func(h *logged.History) {
			h.Clients[0].Anomalies = []logged.Event{{Kind: logged.Disagreed, Stream: "n1.1", Seq: 4, Text: "n1.1.5"}}
		}, []chaos.ViolationKind{logged.OtherOrder}},
		{"RefusedEventWithAnOldPosition", func(h *logged.History) {
			h.Clients[0].Anomalies = []logged.Event{{Kind: logged.Disagreed, Stream: "n1.1", Seq: 4, Text: "n1.1.5"}}
			h.Streams["n1.1"].Sent[4].Outcome = logged.Refused
		}, nil},
		{"LateAfterAnError", func(h *logged.History) {
			h.Clients[0].Anomalies = []logged.Event{{Kind: logged.Missing, Stream: "n1.1", Seq: 5, Numbers: []int{4}},
				{Kind: logged.Late, Stream: "n1.1", Seq: 4}}
			h.Streams["n1.1"].Sent[3].Outcome = logged.Unknown
		}, nil},
		{"DoubledAfterAnErrorToo", func(h *logged.History) {
			h.Clients[0].Anomalies = []logged.Event{{Kind: logged.Doubled, Stream: "n1.1", Seq: 4}}
			h.Streams["n1.1"].Sent[3].Outcome = logged.Refused
		}, []chaos.ViolationKind{chaos.Doubled}},
		{"PositionsGoBack", func(h *logged.History) {
			h.Clients[0].Anomalies = []logged.Event{{Kind: logged.Backwards, Stream: "n1.1", Seq: 4, Offset: "e.1.3",
				Text: "e.1.5"}}
		}, []chaos.ViolationKind{logged.OtherOrder}},
		{"RefusedEventHasThePositionBefore", func(h *logged.History) {
			h.Clients[0].Anomalies = []logged.Event{{Kind: logged.Backwards, Stream: "n1.1", Seq: 4, Offset: "e.1.5",
				Text: "e.1.5"}}
			h.Streams["n1.1"].Sent[3].Outcome = logged.Refused
		}, nil},
		{"FirstEventsAreLost", func(h *logged.History) { h.Clients[0].Began[0].Seq = 3 },
			[]chaos.ViolationKind{logged.Lost, logged.Lost}},
		{"FirstEventsThatComeLateAreNotLost", func(h *logged.History) {
			h.Clients[0].Began[0].Seq = 3
			h.Streams["n1.1"].Sent[2].Outcome = logged.Refused
			h.Clients[0].Anomalies = []logged.Event{{Kind: logged.Late, Stream: "n1.1", Seq: 1, Numbers: []int{3}},
				{Kind: logged.Late, Stream: "n1.1", Seq: 2, Numbers: []int{3}}}
		}, nil},
		{"EventsBeforeTheWelcomeAreNot", func(h *logged.History) {
			h.Clients[0].Began[0].Seq = 3
			h.Clients[0].Connects[0].Welcomed = 12 * second
		}, nil},
		{"NotRecoveredWithoutReason", func(h *logged.History) {
			back(h, false)
			h.Clients[0].Began = append(h.Clients[0].Began, logged.Event{At: 18 * second, Stream: "n1.1", Seq: 9})
		}, []chaos.ViolationKind{logged.NotRecovered}},
		{"ServerWasDown", func(h *logged.History) {
			back(h, false)
			h.Trouble = []logged.Trouble{{Place: -1, From: 16 * second, To: 18 * second}}
		}, nil},
		{"OtherNodeWasInTrouble", func(h *logged.History) {
			back(h, false)
			h.Trouble = []logged.Trouble{{Place: 0, From: 16 * second, To: 18 * second}}
		}, []chaos.ViolationKind{logged.NotRecovered}},
		{"CrashJustBefore", func(h *logged.History) {
			back(h, false)
			h.Nodes[1].Ended = 15 * second
			h.Trouble = []logged.Trouble{{Place: -1, From: 14 * second, To: 14*second + 500_000, Crash: true}}
		}, nil},
		{"CrashBeforeTheSession", func(h *logged.History) {
			back(h, false)
			h.Nodes[1].Ended = 15 * second
			h.Trouble = []logged.Trouble{{Place: -1, From: 5 * second, To: 7 * second, Crash: true}}
			h.Clients[0].Connects[0].At = 8 * second
		}, []chaos.ViolationKind{logged.NotRecovered}},
		{"KilledJustAfterTheConnect", func(h *logged.History) {
			back(h, false)
			h.Nodes[1].Ended = second + 30_000
		}, nil},
		{"GapThatWasNotFilled", func(h *logged.History) {
			h.Nodes[1].Gaps = []logged.Event{{Kind: logged.Gap, At: 5 * second}}
		}, []chaos.ViolationKind{logged.Unfilled}},
		{"LogCouldNotBeRead", func(h *logged.History) {
			h.Nodes[1].Gaps = []logged.Event{{Kind: logged.Gap, Begin: 4 * second, At: 12 * second}}
			h.Trouble = []logged.Trouble{{Place: 0, From: 5 * second, To: 8 * second},
				{Place: -1, From: 7 * second, To: 12 * second}}
		}, nil},
		{"LogCouldBeRead", func(h *logged.History) {
			h.Nodes[1].Gaps = []logged.Event{{Kind: logged.Gap, Begin: 4 * second, At: 12 * second}}
			h.Trouble = []logged.Trouble{{Place: 1, From: 5 * second, To: 8 * second},
				{Place: -1, From: 7 * second, To: 12 * second}}
		}, []chaos.ViolationKind{logged.Unfilled}},
		{"LeaksOfNodes", func(h *logged.History) { h.Nodes[1].Leaks = []string{"2 goroutines"} },
			[]chaos.ViolationKind{chaos.Leak}},
		{"OtherRooms", func(h *logged.History) { h.Wrong = []logged.Event{{Client: 1, Text: "has rooms"}} },
			[]chaos.ViolationKind{logged.Incomplete}},
		{"OtherID", func(h *logged.History) {
			back(h, true)
			h.Clients[0].Connects[1].ID = "y"
		}, []chaos.ViolationKind{logged.Incomplete}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := story()
			tc.change(h)
			var got []chaos.ViolationKind
			for _, v := range logged.Judge(h, 8, 2*time.Minute).Violations {
				t.Logf("%s %s: %s", v.Kind, v.Node, v.Text)
				got = append(got, v.Kind)
			}
			require.Equal(t, tc.want, got)
		})
	}
}
