package conformance_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// changesKept returns a mutant whose sessions change kept records.
func changesKept(check, bug string, change func(r *transport.Record)) mutant[conformance.LogHarness] {
	return breaksLog(check, bug, func(m *logMedium) { m.changeKept(change) })
}

// changesRecords returns a mutant whose Append appends other records.
func changesRecords(
	check, bug string, change func(records []transport.Record) []transport.Record,
) mutant[conformance.LogHarness] {
	return breaksLog(check, bug, func(m *logMedium) {
		m.append = func(ctx context.Context, records []transport.Record) error {
			return m.Hub.Append(ctx, change(slices.Clone(records)))
		}
	})
}

// changesReported returns a mutant whose Append reports other positions.
func changesReported(check, bug string, change func(records []transport.Record)) mutant[conformance.LogHarness] {
	return breaksLog(check, bug, func(m *logMedium) {
		m.append = func(ctx context.Context, records []transport.Record) error {
			err := m.Hub.Append(ctx, records)
			change(records)
			return err
		}
	})
}

var logDeliveryMutants = []mutant[conformance.LogHarness]{
	changesKept("KeptMessagesHavePositions", "returns no positions", func(r *transport.Record) {
		*r = transport.Record{Message: r.Message}
	}),
	changesKept("KeptMessagesHavePositions", "has a long epoch",
		func(r *transport.Record) { r.Epoch = strings.Repeat(r.Epoch, 2) }),
	changesKept("KeptMessagesHavePositions", "has an epoch with a dash",
		func(r *transport.Record) { r.Epoch = r.Epoch[:10] + "-" + r.Epoch[10:] }),
	breaksLog("KeptMessagesHavePositions", "counts in each session", func(m *logMedium) {
		sessions := uint64(0)
		m.changeReceived(func() func(r *transport.Record) bool {
			sessions++
			own := sessions
			return func(r *transport.Record) bool {
				r.Offset.Major += own
				return true
			}
		})
	}),
	changesKept("KeptMessagesHavePositions", "gives a batch one offset", func(r *transport.Record) {
		r.Offset.Major -= r.Offset.Major % 2
	}),

	changesRecords("OtherMessagesTakeNoPlace", "keeps all messages",
		func(records []transport.Record) []transport.Record {
			for i := range records {
				records[i].Keep = true
			}
			return records
		}),
	changesRecords("OtherMessagesTakeNoPlace", "sends other messages first",
		func(records []transport.Record) []transport.Record {
			slices.SortStableFunc(records, func(a, b transport.Record) int {
				if a.Keep == b.Keep {
					return 0
				} else if b.Keep {
					return -1
				}
				return 1
			})
			return records
		}),
	changesRecords("OtherMessagesTakeNoPlace", "drops other messages beside kept ones",
		func(records []transport.Record) []transport.Record {
			if len(records) > 1 {
				records = slices.DeleteFunc(records, func(r transport.Record) bool { return !r.Keep })
			}
			return records
		}),
	breaksLog("OtherMessagesTakeNoPlace", "gives other messages the latest position", func(m *logMedium) {
		m.changeReceived(func() func(r *transport.Record) bool {
			var latest transport.Record
			return func(r *transport.Record) bool {
				if r.Keep {
					latest = *r
				} else {
					r.Epoch, r.Offset = latest.Epoch, latest.Offset
				}
				return true
			}
		})
	}),

	changesKept("PreviousLinksTheMessages", "counts Previous over all channels",
		func(r *transport.Record) { r.Previous.Major = r.Offset.Major - 1 }),
	changesKept("PreviousLinksTheMessages", "has no Previous", func(r *transport.Record) {
		r.Previous = transport.Offset{}
	}),
	breaksLog("PreviousLinksTheMessages", "has no Previous for the first message of a session", func(m *logMedium) {
		m.changeReceived(func() func(r *transport.Record) bool {
			seen := make(map[string]bool)
			return func(r *transport.Record) bool {
				if r.Keep && !seen[r.Channel] {
					seen[r.Channel], r.Previous = true, transport.Offset{}
				}
				return true
			}
		})
	}),
	breaksLog("PreviousLinksTheMessages", "has the Previous of the batch", func(m *logMedium) {
		m.changeReceived(func() func(r *transport.Record) bool {
			var last transport.Record
			return func(r *transport.Record) bool {
				if r.Keep && last.Channel == r.Channel && bytes.HasPrefix(last.Payload, []byte("after")) {
					r.Previous = last.Previous
				}
				last = *r
				return true
			}
		})
	}),

	breaksLog("PlainSessionsReceiveKeptMessages", "delivers kept messages to sessions of OpenLog only",
		func(m *logMedium) {
			m.changePlain(func(msg transport.Message, kept map[string]bool, _ transport.Message) bool {
				return !kept[string(msg.Payload)]
			})
		}),
	breaksLog("PlainSessionsReceiveKeptMessages", "merges equal messages in sessions of Open", func(m *logMedium) {
		m.changePlain(func(msg transport.Message, _ map[string]bool, last transport.Message) bool {
			return !bytes.Equal(msg.Payload, last.Payload)
		})
	}),

	changesReported("AppendReportsPositions", "reports the first offset for all", func(records []transport.Record) {
		for i := range records {
			if records[i].Keep {
				records[i].Offset = records[0].Offset
			}
		}
	}),
	changesReported("AppendReportsPositions", "reports positions of other messages", func(records []transport.Record) {
		for i := range records[min(1, len(records)):] {
			if !records[i+1].Keep {
				records[i+1].Epoch, records[i+1].Offset = records[i].Epoch, records[i].Offset
			}
		}
	}),
	changesReported("AppendReportsPositions", "clears Keep", func(records []transport.Record) {
		for i := range records {
			records[i].Keep = false
		}
	}),
	changesReported("AppendReportsPositions", "reports the offset as Previous", func(records []transport.Record) {
		for i := range records {
			records[i].Previous = records[i].Offset
		}
	}),
	changesReported("AppendReportsPositions", "reports the epoch only", func(records []transport.Record) {
		for i := range records {
			records[i].Offset, records[i].Previous = transport.Offset{}, transport.Offset{}
		}
	}),
	changesReported("AppendReportsPositions", "reports the position of the first message only",
		func(records []transport.Record) {
			for i := range records {
				if i > 0 {
					records[i] = transport.Record{Message: records[i].Message, Keep: records[i].Keep}
				}
			}
		}),
}

// changePlain makes a mutant's sessions of Open drop messages: keep gets the message, the payloads of kept messages,
// and the message before.
func (m *logMedium) changePlain(keep func(m transport.Message, kept map[string]bool, last transport.Message) bool) {
	var mu sync.Mutex
	kept := make(map[string]bool)
	m.append = func(ctx context.Context, records []transport.Record) error {
		mu.Lock()
		for _, r := range records {
			if r.Keep {
				kept[string(r.Payload)] = true
			}
		}
		mu.Unlock()
		return m.Hub.Append(ctx, records)
	}
	m.open = func(ctx context.Context) (transport.Session, error) {
		inner, err := m.Hub.Open(ctx)
		if err != nil {
			return nil, err
		}
		var last transport.Message
		s := &session{Session: inner}
		s.receive = func(ctx context.Context) (transport.Message, error) {
			for {
				msg, err := inner.Receive(ctx)
				if err != nil {
					return msg, err
				}
				mu.Lock()
				ok := keep(msg, kept, last)
				mu.Unlock()
				if last = msg; ok {
					return msg, nil
				}
			}
		}
		return s, nil
	}
}
