package main

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/bench/internal/process"
)

// argument is the JSON argument of a message: its run, its number, the time it was made (Unix nanoseconds), and
// padding.
type argument struct {
	Run uint32 `json:"run"`
	I   uint32 `json:"i"`
	T   int64  `json:"t"`
	Pad string `json:"pad"`
}

// padding is text of words in random order, which compresses to about a third. noise is for binary arguments and does
// not compress. All contenders use the same.
var padding, noise = fill(1 << 20)

func fill(size int) (string, []byte) {
	words := strings.Fields("the quick brown fox jumps over a lazy dog while seven wizards box with liquid jugs and " +
		"my sphinx of quartz judges")
	var text strings.Builder
	bytes := make([]byte, size)
	for i, n := 0, uint32(1); text.Len() < size || i < size; i++ {
		n = n*1664525 + 1013904223
		if i < size {
			bytes[i] = byte(n >> 24)
		}
		if text.Len() < size {
			text.WriteString(words[n>>16%uint32(len(words))])
			text.WriteByte(' ')
		}
	}
	return text.String(), bytes
}

// jsonArgument returns an argument that is size bytes long as JSON.
func jsonArgument(size int, run, i uint32) argument {
	const fixed = len(`{"run":,"i":,"t":1700000000000000000,"pad":""}`)
	return argument{run, i, time.Now().UnixNano(), padding[:max(0, size-fixed-digits(run)-digits(i))]}
}

func digits(n uint32) int {
	d := 1
	for ; n >= 10; n /= 10 {
		d++
	}
	return d
}

func binaryArgument(size int, run, i uint32) []byte {
	b := make([]byte, max(size, 16))
	copy(b, noise)
	binary.BigEndian.PutUint32(b, run)
	binary.BigEndian.PutUint32(b[4:], i)
	binary.BigEndian.PutUint64(b[8:], uint64(time.Now().UnixNano()))
	return b
}

// expectation counts the messages that a receiver gets in one run.
type expectation struct {
	command
	done chan struct{}

	mu    sync.Mutex // guards the fields below
	reply reply
	seen  []bool
	late  []int64 // latencies in nanoseconds
	cpu0  float64
}

func newExpectation(c command) *expectation {
	return &expectation{command: c, done: make(chan struct{}), seen: make([]bool, c.N), late: make([]int64, 0, c.N),
		cpu0: process.CPUSeconds()}
}

// packet counts a broadcast. It searches the encoded bytes, because decoding is not part of what is measured.
func (e *expectation) packet(p *backplane.Packet) {
	if e.Kind != "bin" {
		if text, err := p.Args.AppendJSON(nil); err == nil {
			e.text(text)
		}
		return
	}
	var b []byte
	if p.Args.Decode(&b) == nil && len(b) >= 16 {
		e.got(binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), int64(binary.BigEndian.Uint64(b[8:])))
	}
}

// text counts the message whose argument occurs somewhere in p.
func (e *expectation) text(p []byte) {
	e.got(uint32(number(p, `"run":`)), uint32(number(p, `"i":`)), number(p, `"t":`))
}

func number(p []byte, key string) (n int64) {
	at := bytes.Index(p, []byte(key))
	if at < 0 {
		return -1
	}
	for _, c := range p[at+len(key):] {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int64(c-'0')
	}
	return n
}

func (e *expectation) got(run, i uint32, t int64) {
	now := time.Now().UnixNano()
	e.mu.Lock()
	defer e.mu.Unlock()
	if run != e.Run || int(i) >= e.N {
		return
	}
	e.reply.Last = now
	if e.seen[i] {
		e.reply.Duplicated++
		return
	}
	e.seen[i] = true
	e.late = append(e.late, now-t)
	if e.reply.Received++; e.reply.Received == e.N {
		close(e.done)
	}
}

// wait returns the outcome once all messages have arrived, or none has arrived for the idle time.
func (e *expectation) wait() reply {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for over := false; !over; {
		select {
		case <-e.done:
			over = true
		case now := <-ticker.C:
			e.mu.Lock()
			over = e.reply.Last != 0 && float64(now.UnixNano()-e.reply.Last) > e.Idle*1e9
			e.mu.Unlock()
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.reply
	r.CPU = process.CPUSeconds() - e.cpu0
	slices.Sort(e.late)
	if len(e.late) > 0 {
		r.P50 = float64(e.late[len(e.late)/2])
		r.P99 = float64(e.late[len(e.late)*99/100])
	}
	return r
}
