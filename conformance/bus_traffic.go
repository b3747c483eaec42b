package conformance

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// traffic publishes sequences and receives them in sessions, all at the same time. At most one batch or one
// window of messages is in flight: a bus need not buffer everything.
type traffic struct {
	*busChecker
	called     string
	sequences  []*trafficSequence
	readers    []*reader
	progress   atomic.Int64 // counts every event, so that silence is noticed
	publishing atomic.Int32 // calls of Publish in progress

	limit time.Duration // for everything; 0 means no limit but the patience for each step
}

// At most this many messages and bytes are in flight, unless one batch has more.
const (
	windowMessages = 500
	windowBytes    = 2 << 20
)

// trafficSequence is a sequence that is being published.
type trafficSequence struct {
	*sequence
	buses     []transport.Bus // they publish the batches in turn
	batches   []int           // number of messages in each
	count     int             // sum of batches
	roomFreed chan struct{}   // has an element when a reader has received something
}

// addSequence adds a sequence to the traffic. The buses publish its batches in turn.
func (t *traffic) addSequence(s *sequence, batches []int, buses ...transport.Bus) {
	f := &trafficSequence{sequence: s, buses: buses, batches: batches, roomFreed: make(chan struct{}, 1)}
	for _, n := range batches {
		f.count += n
	}
	t.sequences = append(t.sequences, f)
}

// addReader adds a session that listens to channels. All sequences must have been added before.
func (t *traffic) addReader(name string, s transport.Session, channels ...string) {
	r := &reader{traffic: t, name: name, session: s, channels: make(map[string]bool)}
	for _, channel := range channels {
		r.channels[t.channel(channel)] = true
	}
	r.next = make([]atomic.Int64, len(t.sequences))
	for i := range t.sequences {
		r.advance(i, 0)
	}
	t.readers = append(t.readers, r)
}

// transfer publishes and receives everything, or fails the check. It stops and returns false when the limit has
// passed.
func (t *traffic) transfer() (inTime bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	work := len(t.sequences) + len(t.readers)
	findings := make(chan *problem, work)
	for i := range t.sequences {
		t.startWorker(findings, func() *problem { return t.sendSequence(ctx, i) })
	}
	for _, r := range t.readers {
		t.startWorker(findings, func() *problem { return r.receiveAll(ctx) })
	}
	t.noteCall(t.called)

	var first *problem
	late := false
	limit := make(<-chan time.Time)
	if t.limit > 0 {
		timer := time.NewTimer(t.limit)
		defer timer.Stop()
		limit = timer.C
	}
	moved, since := int64(-1), time.Now()
	ticker := time.NewTicker(max(t.patience/20, time.Millisecond))
	defer ticker.Stop()
	for work > 0 {
		select {
		case f := <-findings:
			work--
			if f != nil && first == nil {
				first = f
				cancel()
			}
			moved, since = -1, time.Now()
		case <-limit:
			late = true
			cancel()
		case <-ticker.C:
			if now := t.progress.Load(); now != moved {
				moved, since = now, time.Now()
				t.noteCall(t.called)
				continue
			}
			if time.Since(since) < t.patience {
				continue
			}
			switch {
			case ctx.Err() == nil:
				if t.publishing.Load() > 0 {
					first = &problem{t.called, "Publish returns",
						fmt.Sprintf("it still waits after %v, although all sessions receive", t.patience)}
				}
				cancel()
				since = time.Now()
			case first != nil:
				t.report(first)
			default:
				t.fail(t.called, "all calls return when their context has ended", "some still wait after %v",
					t.patience)
			}
		}
	}
	t.report(first)
	return !late
}

// startWorker calls f in the background. A panic is a problem too.
func (t *traffic) startWorker(findings chan<- *problem, f func() *problem) {
	var found *problem
	done := t.runInBackground(func() error {
		found = f()
		return nil
	})
	go func() {
		if err := <-done; err != nil {
			found = &problem{t.called, "all calls return", err.Error()}
		}
		findings <- found
	}()
}

// sendSequence publishes a sequence. It overwrites what it has published: the bus must not need it any more.
func (t *traffic) sendSequence(ctx context.Context, i int) *problem {
	f := t.sequences[i]
	var batch []transport.Message
	var bytes int64 // in flight
	sizes := make([]int32, f.count)
	n, acknowledged := 0, 0
	for call, count := range f.batches {
		batch = batch[:min(len(batch), count)]
		for len(batch) < count {
			batch = append(batch, transport.Message{})
		}
		size := int64(0)
		for j := range batch {
			batch[j] = f.message(n+j, batch[j].Payload)
			sizes[n+j] = int32(len(batch[j].Payload))
			size += int64(sizes[n+j])
		}
		full := func() bool { return bytes+size > windowBytes || n-acknowledged+count > windowMessages }
		for acknowledged < n && full() {
			for seen := t.receivedByAll(i, n); acknowledged < seen; acknowledged++ {
				bytes -= int64(sizes[acknowledged])
			}
			if acknowledged == n || !full() {
				break
			}
			select {
			case <-f.roomFreed:
			case <-ctx.Done():
				return nil
			}
		}
		t.publishing.Add(1)
		err := f.buses[call%len(f.buses)].Publish(ctx, batch...)
		t.publishing.Add(-1)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return &problem{t.called, "no error",
				fmt.Sprintf("the error %q for a batch of %d messages with %d bytes in total", err, count, size)}
		}
		t.progress.Add(1)
		for j := range batch {
			overwrite(batch[j].Payload)
		}
		n, bytes = n+count, bytes+size
	}
	return nil
}

// receivedByAll returns the number up to which all readers have received sequence i, of which n messages were
// published.
func (t *traffic) receivedByAll(i, n int) int {
	for _, r := range t.readers {
		n = min(n, int(r.next[i].Load()))
	}
	return n
}
