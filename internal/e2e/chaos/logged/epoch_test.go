package logged_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/chaos"
	"github.com/backplane-go/backplane/internal/e2e/chaos/logged"
)

// forget makes the server begin a new epoch from 13.5 s to 14.5 s, in which the client misses the event of 14 s. Its
// node reports that.
func forget(h *logged.History) {
	h.Trouble = []logged.Trouble{{Place: -1, From: 13*second + 500_000, To: 14*second + 500_000, Epoch: true}}
	h.Clients[0].Anomalies = []logged.Event{{Kind: logged.Missing, At: 15 * second, Stream: "n1.1", Seq: 6,
		Numbers: []int{5}}}
	h.Nodes[1].Clients = []logged.Event{{Kind: logged.Accepted, At: second, Client: 1}}
	h.Nodes[1].Gaps = []logged.Event{{Kind: logged.Gap, Begin: 13 * second, At: 14*second + 800_000}}
}

// accept makes the other node accept the client at a time.
func accept(h *logged.History, at int64) {
	h.Nodes[2].Clients = []logged.Event{{Kind: logged.Accepted, At: at, Client: 1, Recovered: true}}
}

func TestJudgeOfEpochs(t *testing.T) {
	for _, tc := range []struct {
		name      string
		change    func(h *logged.History)
		forgotten int
		want      []chaos.ViolationKind
	}{
		{"Reported", func(*logged.History) {}, 1, nil},
		{"ReportedAndANewClientAfterwards", func(h *logged.History) { back(h, false) }, 1, nil},
		{"RecoveredAfterwards", func(h *logged.History) {
			back(h, true)
			accept(h, 17*second)
		}, 0, []chaos.ViolationKind{logged.Untrue}},
		{"RecoveredBefore", func(h *logged.History) { // the client has learned that later
			back(h, true)
			accept(h, 13*second+900_000)
			h.Nodes[2].Gaps = h.Nodes[1].Gaps
		}, 1, nil},
		{"NotReported", func(h *logged.History) { h.Nodes[1].Gaps = nil }, 0, []chaos.ViolationKind{logged.Lost}},
		{"ReportedAsFilled", func(h *logged.History) { h.Nodes[1].Gaps[0].Filled = true }, 0,
			[]chaos.ViolationKind{logged.Lost}},
		{"ReportedByAnotherNode", func(h *logged.History) {
			h.Nodes[1].Gaps, h.Nodes[2].Gaps = nil, h.Nodes[1].Gaps
		}, 0, []chaos.ViolationKind{logged.Lost}},
		{"ReportedForAnotherTime", func(h *logged.History) { h.Nodes[1].Gaps[0].Begin = 14*second + 100_000 }, 0,
			[]chaos.ViolationKind{logged.Lost}},
		{"KilledBeforeItCouldReport", func(h *logged.History) {
			h.Nodes[1].Gaps, h.Nodes[1].Ended, h.Nodes[1].Killed = nil, 15*second, true
			back(h, false)
		}, 1, nil},
		{"KilledMuchLater", func(h *logged.History) {
			h.Nodes[1].Gaps, h.Nodes[1].Ended, h.Nodes[1].Killed = nil, 40*second, true
		}, 0, []chaos.ViolationKind{logged.Lost}},
		{"WithoutANewEpoch", func(h *logged.History) { h.Trouble[0].Epoch = false }, 0,
			[]chaos.ViolationKind{logged.Unfilled, logged.Lost}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := story()
			forget(h)
			tc.change(h)
			verdict := logged.Judge(h, 8, 2*time.Minute)
			var got []chaos.ViolationKind
			for _, v := range verdict.Violations {
				t.Logf("%s %s: %s", v.Kind, v.Node, v.Text)
				got = append(got, v.Kind)
			}
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.forgotten, verdict.Forgotten)
		})
	}
}

// What the server had when it ended is compared with what was acknowledged in the same epoch.
func TestJudgeCountsWhatTheServerHasLost(t *testing.T) {
	h := story() // with an event each second from 10 s to 19 s
	h.Streams["n1.1"].Sent[2].Outcome = logged.Unknown
	h.Trouble = []logged.Trouble{
		{Place: -1, From: 14*second + 500_000, To: 15*second + 500_000, Epoch: true},
		{Place: -1, From: 18*second + 500_000, To: 19 * second, Epoch: true},
	}
	h.Stored = []logged.Stored{
		{Until: 14*second + 600_000, Events: map[string]map[int]bool{"n1.1": {1: true, 2: true, 4: true}}}, // not 5
		{Until: 18*second + 500_000, Events: map[string]map[int]bool{"n1.1": {7: true}}},                   // not 8, 9
	}
	require.Equal(t, 3, logged.Judge(h, 8, 2*time.Minute).ServerLost)
}
