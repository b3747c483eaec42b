package wire

import "github.com/backplane-go/backplane/transport"

// load is what the bus carries for some messages: records if there is a log, or else messages.
type load struct {
	msgs    []transport.Message
	records []transport.Record
}

// load returns what the bus carries for batch.
func (s *Sender) load(batch []*Outgoing) load {
	if s.Log == nil {
		msgs := make([]transport.Message, 0, len(batch))
		for _, o := range batch {
			msgs = o.appendTo(msgs)
		}
		return load{msgs: msgs}
	}
	records := make([]transport.Record, 0, len(batch))
	for _, o := range batch {
		records = o.appendRecords(records)
	}
	return load{records: records}
}

// len returns the number of messages.
func (l load) len() int { return len(l.msgs) + len(l.records) }

// one returns the load of message n alone.
func (l load) one(n int) load {
	if l.records != nil {
		return load{records: l.records[n : n+1]}
	}
	return load{msgs: l.msgs[n : n+1]}
}

// place sets the positions of the kept messages of batch that were sent. l is the load of batch.
func (l load) place(batch []*Outgoing) {
	if l.records == nil {
		return
	}
	end := 0
	for _, o := range batch {
		end += o.pieces()
		if o.Keep && o.Err == nil {
			o.Position = l.records[end-1].Position()
		}
	}
}
