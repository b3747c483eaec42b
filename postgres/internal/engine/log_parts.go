package engine

import (
	"strconv"

	"github.com/backplane-go/backplane/transport"
)

// parts are the channels of a statement that have messages to keep, in the order in which they appear.
type parts struct {
	list   []part
	counts map[string]int // how many messages without Keep came first on other channels
	last   int            // the part that was used last
}

// part is what a statement keeps on one channel.
type part struct {
	channel string
	first   int   // the number of the first record that is kept
	kept    int   // how many are kept
	lengths []int // of the runs of messages that are kept, not kept, kept, and so on
}

func (p *parts) reset() {
	p.list = p.list[:0]
	p.last = 0
	clear(p.counts)
}

// find returns the part of a channel, or nil.
func (p *parts) find(channel string) *part {
	if p.last < len(p.list) && p.list[p.last].channel == channel {
		return &p.list[p.last]
	}
	for i := range p.list {
		if p.list[i].channel == channel {
			p.last = i
			return &p.list[i]
		}
	}
	return nil
}

// The digits of the largest numbers in a header.
const (
	maxOffsetDigits = 19
	maxCountDigits  = 4 // maxBatchItems
)

// cost returns by how many bytes a record makes the header larger, or a little more.
func (p *parts) cost(r *transport.Record) int {
	found := p.find(r.Channel)
	switch {
	case found == nil && !r.Keep:
		return 0
	case found == nil: // " offset length channel 0,count,count"
		return len(r.Channel) + maxOffsetDigits + 2 + 2*maxCountDigits + 6
	case found.keeps() != r.Keep:
		return maxCountDigits + 1
	}
	return 0
}

// add adds record number i of the statement.
func (p *parts) add(i int, r *transport.Record) {
	found := p.find(r.Channel)
	if found == nil {
		if !r.Keep {
			if p.counts == nil {
				p.counts = make(map[string]int)
			}
			p.counts[r.Channel]++
			return
		}
		if len(p.list) < cap(p.list) { // use the memory of an earlier statement again
			p.list = p.list[:len(p.list)+1]
		} else {
			p.list = append(p.list, part{})
		}
		p.last = len(p.list) - 1
		found = &p.list[p.last]
		*found = part{channel: r.Channel, first: i, lengths: found.lengths[:0]}
		if before := p.counts[r.Channel]; before > 0 {
			found.lengths = append(found.lengths, 0, before)
		}
		found.lengths = append(found.lengths, 0)
	}
	if found.keeps() != r.Keep {
		found.lengths = append(found.lengths, 0)
	}
	found.lengths[len(found.lengths)-1]++
	if r.Keep {
		found.kept++
	}
}

// keeps reports whether the last run consists of messages that are kept.
func (p *part) keeps() bool { return len(p.lengths)%2 == 1 }

// runs returns the lengths of the runs, separated by commas.
func (p *part) runs() []byte {
	text := make([]byte, 0, 16)
	for i, n := range p.lengths {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, int64(n), 10)
	}
	return text
}
