package chaos_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/chaos"
)

// second is a second in the unit of these tests, microseconds.
const second = 1_000_000

// story is a history in which the Go node a sends a message per second to b and c, from second 1.
type story struct {
	chaos.History
	a, b, c *chaos.Node
}

const told = 10 // messages

func newStory() *story {
	s := new(story)
	for _, n := range []struct {
		node **chaos.Node
		name string
	}{{&s.a, "a"}, {&s.b, "b"}, {&s.c, "c"}} {
		*n.node = s.Add(n.name, true)
		(*n.node).Note(chaos.Event{Kind: chaos.Opened, At: 1, UIDs: map[string]string{"/": "uid of " + n.name}})
	}
	for seq := 1; seq <= told; seq++ {
		s.send(seq, chaos.OK)
		s.give(s.b, seq)
		s.give(s.c, seq)
	}
	return s
}

// send makes a send a message and deliver it to its own client; change modifies the event first.
func (s *story) send(seq int, o chaos.Outcome) {
	begin := int64(seq) * second
	_, again := s.a.Sent[0][seq]
	s.a.Note(chaos.Event{Kind: chaos.Sent, Seq: seq, Begin: begin, At: begin + 1000, Outcome: o})
	if !again {
		s.give(s.a, seq)
	}
}

// give delivers a message of a shortly after it was sent.
func (s *story) give(n *chaos.Node, seq int) {
	n.Note(chaos.Event{Kind: chaos.Got, From: s.a.Number, Seq: seq, At: int64(seq)*second + 2000})
}

// take removes a delivery.
func (s *story) take(n *chaos.Node, seqs ...int) {
	source := chaos.Source{Node: s.a.Number}
	var left []chaos.Delivery
	for _, d := range n.Got[source] {
		keep := true
		for _, seq := range seqs {
			keep = keep && d.Seq != seq
		}
		if keep {
			left = append(left, d)
		}
	}
	n.Got[source] = left
}

func (s *story) judge() *chaos.Verdict { return chaos.Judge(&s.History, (told+1)*second) }

// kinds returns the kinds of the violations.
func kinds(v *chaos.Verdict) (kinds []chaos.ViolationKind) {
	for _, f := range v.Violations {
		kinds = append(kinds, f.Kind)
	}
	return kinds
}

func gap(since, at int64) chaos.Event { return chaos.Event{Kind: chaos.Gap, Since: since, At: at} }

// TestJudgeFinds gives the judge one violation at a time.
func TestJudgeFinds(t *testing.T) {
	for _, tc := range []struct {
		name string
		tell func(*story)
		want []chaos.ViolationKind
	}{
		{"NothingWhereAllIsWell", func(*story) {}, nil},
		{"ALostMessage", func(s *story) { s.take(s.b, 5) }, []chaos.ViolationKind{chaos.Silent}},
		{"TheLastMessageLost", func(s *story) { s.take(s.b, told) }, []chaos.ViolationKind{chaos.Silent}},
		{"AMessageThatNobodyGot", func(s *story) { s.take(s.b, 5); s.take(s.c, 5) },
			[]chaos.ViolationKind{chaos.Silent, chaos.Silent}},
		{"ALossBeforeTheReportedWindow", func(s *story) {
			s.take(s.b, 5)
			s.b.Note(gap(5*second+200_000, 6*second))
		}, []chaos.ViolationKind{chaos.Outside}},
		{"ALossAfterTheReportedWindow", func(s *story) {
			s.take(s.b, 5)
			s.b.Note(gap(3*second, 5*second-200_000))
		}, []chaos.ViolationKind{chaos.Outside}},
		{"ALossThatAnotherNodeReports", func(s *story) {
			s.take(s.b, 5)
			s.c.Note(gap(3*second, 6*second))
		}, []chaos.ViolationKind{chaos.Silent}},
		{"ALossOfAMessageWhoseFateWasUnknown", func(s *story) {
			s.send(5, chaos.Unknown)
			s.take(s.b, 5)
		}, []chaos.ViolationKind{chaos.Silent}},
		{"MoreLossesThanDropsReported", func(s *story) {
			s.take(s.b, 5, 6)
			s.b.Note(chaos.Event{Kind: chaos.Drop, At: 5*second + 2000, UID: "uid of a"})
		}, []chaos.ViolationKind{chaos.Silent}},
		{"ADropReportedOfAnotherSender", func(s *story) {
			s.take(s.b, 5)
			s.b.Note(chaos.Event{Kind: chaos.Drop, At: 5*second + 2000, UID: "uid of c"})
		}, []chaos.ViolationKind{chaos.Silent}},
		{"ADropReportedOfALaterMessage", func(s *story) {
			s.take(s.b, 5)
			s.b.Note(chaos.Event{Kind: chaos.Drop, At: 7*second + 2000, UID: "uid of a"})
		}, []chaos.ViolationKind{chaos.Silent}},
		{"AQueuedMessageLostWithoutAnError", func(s *story) {
			s.send(5, chaos.Queued)
			s.take(s.b, 5)
			s.take(s.c, 5)
		}, []chaos.ViolationKind{chaos.Silent, chaos.Silent}},
		{"AQueuedMessageLostWithAnErrorOfALaterOne", func(s *story) {
			s.send(5, chaos.Queued)
			s.take(s.b, 5)
			s.take(s.c, 5)
			s.a.Note(chaos.Event{Kind: chaos.Failed, At: 8 * second})
		}, []chaos.ViolationKind{chaos.Silent, chaos.Silent}},
		{"AQueuedMessageLostWithAnErrorOfAnotherStream", func(s *story) {
			s.send(5, chaos.Queued)
			s.take(s.b, 5)
			s.take(s.c, 5)
			s.a.Note(chaos.Event{Kind: chaos.Failed, At: 5*second + 500_000, Stream: 1})
		}, []chaos.ViolationKind{chaos.Silent, chaos.Silent}},
		{"AQueuedMessageLostWithAnErrorAfterALaterOneOfAnotherStreamWentOut", func(s *story) {
			s.send(5, chaos.Queued)
			s.take(s.b, 5)
			s.take(s.c, 5)
			s.a.Note(chaos.Event{Kind: chaos.Sent, Stream: 1, Seq: 1, Begin: 5*second + 100_000, At: 5*second + 200_000,
				Outcome: chaos.OK})
			for _, n := range []*chaos.Node{s.a, s.b, s.c} {
				n.Note(chaos.Event{Kind: chaos.Got, From: s.a.Number, Stream: 1, Seq: 1, At: 5*second + 200_000})
			}
			s.a.Note(chaos.Event{Kind: chaos.Failed, At: 5*second + 500_000})
		}, []chaos.ViolationKind{chaos.Silent, chaos.Silent}},
		{"AMessageThatTheSendersOwnClientMissed", func(s *story) { s.take(s.a, 5) },
			[]chaos.ViolationKind{chaos.Silent}},
		{"ADoubledMessage", func(s *story) { s.give(s.b, told) }, []chaos.ViolationKind{chaos.Doubled}},
		{"AMessageDoubledMuchLater", func(s *story) { s.give(s.b, 2) }, []chaos.ViolationKind{chaos.Doubled}},
		{"AMessageAfterALaterOne", func(s *story) { s.take(s.b, 5); s.give(s.b, 5) },
			[]chaos.ViolationKind{chaos.Disordered}},
		{"AFailedMessageBehindItsSuccessors", func(s *story) {
			s.send(5, chaos.Unknown)
			for _, n := range []*chaos.Node{s.b, s.c} {
				s.take(n, 5)
				s.give(n, 5)
			}
		}, []chaos.ViolationKind{chaos.Disordered, chaos.Disordered}},
		{"AnotherBody", func(s *story) {
			s.b.Note(chaos.Event{Kind: chaos.Got, Seq: told + 1, At: told * second, Text: "its body is another"})
			s.a.Note(chaos.Event{Kind: chaos.Sent, Seq: told + 1, Outcome: chaos.Unknown})
		}, []chaos.ViolationKind{chaos.Corrupt}},
		{"AMessageThatWasNeverSent", func(s *story) {
			s.b.Note(chaos.Event{Kind: chaos.Got, Seq: told + 1, At: told * second})
		}, []chaos.ViolationKind{chaos.Corrupt}},
		{"AMessageOfNobody", func(s *story) {
			s.b.Note(chaos.Event{Kind: chaos.Got, From: 99, Seq: 1, At: second})
		}, []chaos.ViolationKind{chaos.Corrupt}},
		{"ARefusedMessageThatArrives", func(s *story) {
			s.send(5, chaos.Refused)
			s.take(s.b, 5)
		}, []chaos.ViolationKind{chaos.Untrue, chaos.Silent}},
		{"AnAnswerThatIsIncomplete", func(s *story) {
			s.a.Note(chaos.Event{Kind: chaos.Call, At: second, Begin: second, Lacks: []string{"uid of b"}})
		}, []chaos.ViolationKind{chaos.Untrue}},
		{"ALateCall", func(s *story) {
			s.a.Note(chaos.Event{Kind: chaos.Call, Begin: second, Limit: 300_000, At: second + 401_000})
		}, []chaos.ViolationKind{chaos.Late}},
		{"ALateCallOfAProcessThatStoodStillBefore", func(s *story) {
			s.a.Note(chaos.Event{Kind: chaos.Noise, At: second - 1, Excess: 500_000})
			s.a.Note(chaos.Event{Kind: chaos.Call, Begin: second, Limit: 300_000, At: second + 401_000})
		}, []chaos.ViolationKind{chaos.Late}},
		{"ALateSend", func(s *story) {
			s.a.Note(chaos.Event{Kind: chaos.Sent, Seq: told, Begin: told * second, Limit: 300_000,
				At: told*second + 500_000, Outcome: chaos.OK})
		}, []chaos.ViolationKind{chaos.Late}},
		{"ALeak", func(s *story) {
			s.a.Note(chaos.Event{Kind: chaos.Closed, Begin: (told + 1) * second, Leaks: []string{"3 goroutines"}})
		}, []chaos.ViolationKind{chaos.Leak}},
		{"ANodeThatStaysDeaf", func(s *story) { s.b.Note(chaos.Event{Kind: chaos.Deaf, At: second}) },
			[]chaos.ViolationKind{chaos.Leak}},
		{"ALossLongBeforeTheReceiverClosed", func(s *story) {
			s.take(s.b, told)
			s.b.Note(chaos.Event{Kind: chaos.Closed, Begin: 100 * second})
		}, []chaos.ViolationKind{chaos.Silent}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStory()
			tc.tell(s)
			v := s.judge()
			require.ElementsMatch(t, tc.want, kinds(v), "%v", v.Violations)
		})
	}
}

// TestJudgeAccepts gives the judge histories without violations.
func TestJudgeAccepts(t *testing.T) {
	for _, tc := range []struct {
		name string
		tell func(*story)
		want func(*chaos.Verdict) int
		n    int
	}{
		{"ALossThatIsReported", func(s *story) {
			s.take(s.b, 5, 6)
			s.b.Note(gap(5*second, 6*second))
		}, func(v *chaos.Verdict) int { return v.Gaps }, 2},
		{"DropsThatAreReportedOneByOne", func(s *story) {
			s.take(s.b, 5, 6)
			s.b.Note(chaos.Event{Kind: chaos.Drop, At: 5*second + 2000, UID: "uid of a"})
			s.b.Note(chaos.Event{Kind: chaos.Drop, At: 6*second + 2000, UID: "uid of a"})
		}, func(v *chaos.Verdict) int { return v.Drops }, 2},
		{"AnErrorOfAMessageThatNobodyGot", func(s *story) {
			s.send(5, chaos.Unknown)
			s.take(s.b, 5)
			s.take(s.c, 5)
		}, func(v *chaos.Verdict) int { return v.Unsent }, 1},
		{"AnErrorOfAMessageThatAllGot", func(s *story) { s.send(5, chaos.Unknown) },
			func(v *chaos.Verdict) int { return v.Unsent }, 0},
		{"AQueuedMessageWhoseErrorIsReported", func(s *story) {
			s.send(5, chaos.Queued)
			s.take(s.b, 5)
			s.take(s.c, 5)
			s.a.Note(chaos.Event{Kind: chaos.Failed, At: 5*second + 500_000})
		}, func(v *chaos.Verdict) int { return v.Unsent }, 1},
		{"AnErrorThatIsLeftForTheMessageThatNeedsIt", func(s *story) {
			for _, seq := range []int{4, 5, 6} {
				s.send(seq, chaos.Queued)
				s.take(s.b, seq)
				s.take(s.c, seq)
			}
			for _, n := range []*chaos.Node{s.b, s.c} {
				n.Note(gap(3*second+500_000, 5*second+500_000))
			}
			s.a.Note(chaos.Event{Kind: chaos.Failed, At: 6*second + 500_000})
		}, func(v *chaos.Verdict) int { return v.Unsent }, 1},
		{"WhatWasSentBeforeANodeOpened", func(s *story) {
			s.take(s.b, 1, 2)
			s.b.Note(chaos.Event{Kind: chaos.Opened, At: 2*second + 500_000})
		}, func(v *chaos.Verdict) int { return v.Delivered }, 3*told - 2},
		{"WhatWasOnItsWayWhenANodeClosed", func(s *story) {
			s.take(s.b, 9, 10)
			s.b.Note(chaos.Event{Kind: chaos.Closed, Begin: (told + 1) * second})
		}, func(v *chaos.Verdict) int { return v.Excused }, 2},
		{"ACallThatReturnsJustInTime", func(s *story) {
			s.a.Note(chaos.Event{Kind: chaos.Call, Begin: second, Limit: 300_000, At: second + 399_000})
		}, func(v *chaos.Verdict) int { return v.Calls }, 1},
		{"ACallOfAProcessThatStoodStill", func(s *story) {
			s.a.Note(chaos.Event{Kind: chaos.Call, Begin: second, Limit: 300_000, At: second + 900_000})
			s.a.Note(chaos.Event{Kind: chaos.Noise, At: second + 905_000, Excess: 600_000})
		}, func(v *chaos.Verdict) int { return v.Calls }, 1},
		{"AnIncompleteAnswerOfAForeignNode", func(s *story) {
			s.a.Note(chaos.Event{Kind: chaos.Call, At: second, Begin: second, Lacks: []string{"somebody"}})
		}, func(v *chaos.Verdict) int { return v.Calls }, 1},
		{"ANodeThatHearsAgain", func(s *story) {
			s.b.Note(chaos.Event{Kind: chaos.Deaf, At: second})
			s.b.Note(gap(second, 2*second))
		}, func(v *chaos.Verdict) int { return v.Gaps }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStory()
			tc.tell(s)
			v := s.judge()
			require.Empty(t, v.Violations)
			require.Equal(t, tc.n, tc.want(v))
		})
	}
}

// TestJudgeCountsTheWitness shows that messages missed by a Node.js node are not violations, and that its messages are
// followed.
func TestJudgeCountsTheWitness(t *testing.T) {
	s := newStory()
	d := s.Add("d", false)
	d.Note(chaos.Event{Kind: chaos.Opened, At: 1})
	for _, seq := range []int{1, 3, 2, 2, 4} {
		s.give(d, seq)
	}
	for seq := 1; seq <= 3; seq++ {
		at := int64(seq) * second
		d.Note(chaos.Event{Kind: chaos.Sent, Seq: seq, Begin: at, At: at, Outcome: chaos.Queued})
		if seq == 3 {
			continue // its sender lost it: nobody received it
		}
		for _, n := range []*chaos.Node{s.a, s.b, s.c} {
			if n != s.c || seq != 2 {
				n.Note(chaos.Event{Kind: chaos.Got, From: d.Number, Seq: seq, At: at + 2000})
			}
		}
	}
	v := s.judge()
	require.Equal(t, []chaos.ViolationKind{chaos.Silent}, kinds(v),
		"want a violation, because c missed a message that a and b received: %v",
		v.Violations)
	require.Equal(t, 5, v.Witness.Delivered)
	require.Equal(t, told-4, v.Witness.Missed)
	require.Equal(t, 1, v.Witness.Doubled)
	require.Equal(t, 1, v.Witness.Reordered)
}
