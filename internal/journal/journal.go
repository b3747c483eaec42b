// Package journal writes the log of a cluster and of a Socket.IO server to the application's slog.Logger.
//
// events.go lists everything that can be logged. A message is constant, and the attributes of an event have fixed keys,
// so that programs can read the log. docs/reference/logs.md describes the events; a test compares it with the list.
//
// An event that others can cause in any number is limited in rate: its first record is written at once. After that at
// most one is written per Interval. It has the attributes of the latest occurrence, and the attribute "suppressed" says
// how many occurrences before it were not written. So the records and their counts add up to all occurrences.
package journal

import (
	"context"
	"log"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/internal/guard"
)

// Interval is the time in which at most one record of a limited event is written.
const Interval = time.Second

// Suppressed is the key of the number of occurrences that were not written.
const Suppressed = "suppressed"

// Event is something that is logged.
type Event struct {
	Level   slog.Level
	Message string
	// Keys are the keys of the attributes, in order.
	Keys []string
	// Burst is how many records may be written at once before the rate is limited. 0: the rate is not limited.
	Burst int
}

// Journal writes records to a logger. It survives a panic of the logger's handler. It is safe for concurrent use.
type Journal struct {
	logger *slog.Logger
	off    bool // the handler discards everything

	flushes sync.WaitGroup // running calls of the timer

	mu     sync.Mutex // guards the fields below
	series map[series]*repeats
	timer  *time.Timer // writes what is suppressed; nil: nothing is
	closed bool
}

// series are the occurrences of an event that are limited together.
type series struct {
	event *Event
	kind  string
}

// repeats are the occurrences of a series.
type repeats struct {
	left       float64 // records that may be written now
	at         time.Time
	suppressed int
	latest     []slog.Value // of the latest occurrence that was suppressed
}

// New returns a Journal that writes to l. If l is nil, it writes nothing.
func New(l *slog.Logger) *Journal {
	l = guard.Logger(l)
	return &Journal{logger: l, off: l.Handler() == slog.DiscardHandler, series: make(map[series]*repeats)}
}

// Writes reports whether records of an event are written. Callers ask it before they make the attributes of an event
// that is frequent. It may call the application's handler.
func (j *Journal) Writes(e *Event) bool {
	return !j.off && j.logger.Enabled(context.Background(), e.Level)
}

// Off reports whether nothing is ever written.
func (j *Journal) Off() bool { return j.off }

// Log writes a record with the values of the event's keys, in order.
func (j *Journal) Log(e *Event, values ...slog.Value) { j.LogKind(e, "", values...) }

// LogKind is like Log for an event whose occurrences of one kind are limited apart from those of others. The kinds of
// an event must be few.
func (j *Journal) LogKind(e *Event, kind string, values ...slog.Value) {
	if j.off {
		return
	}
	if e.Burst == 0 {
		j.write(e, values, 0)
		return
	}
	if suppressed, now := j.admit(series{e, kind}, values); now {
		j.write(e, values, suppressed)
	}
}

// admit reports whether an occurrence is written now, and how many before it were not.
func (j *Journal) admit(s series, values []slog.Value) (suppressed int, writes bool) {
	now := time.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.series[s]
	if r == nil {
		r = &repeats{left: float64(s.event.Burst), at: now}
		j.series[s] = r
	}
	if j.closed || r.take(s.event, now) {
		suppressed, r.suppressed, r.latest = r.suppressed, 0, nil
		return suppressed, true
	}
	r.suppressed++
	r.latest = values
	if j.timer == nil {
		j.flushes.Add(1)
		j.timer = time.AfterFunc(Interval, j.flush)
	}
	return 0, false
}

// take reports whether a record may be written now, and counts it.
func (r *repeats) take(e *Event, now time.Time) bool {
	r.left = min(r.left+float64(now.Sub(r.at))/float64(Interval), float64(e.Burst))
	r.at = now
	if r.left < 1 {
		return false
	}
	r.left--
	return true
}

// flush writes what was suppressed and may be written now. The timer calls it.
func (j *Journal) flush() {
	defer j.flushes.Done()
	j.mu.Lock()
	j.timer = nil
	due, waiting := j.due(false)
	if waiting && !j.closed {
		j.flushes.Add(1)
		j.timer = time.AfterFunc(Interval, j.flush)
	}
	j.mu.Unlock()
	for _, write := range due {
		write()
	}
}

// due returns the functions that write what was suppressed. It returns waiting if something stays suppressed. The
// caller holds mu.
func (j *Journal) due(all bool) (due []func(), waiting bool) {
	now := time.Now()
	for s, r := range j.series {
		switch {
		case r.suppressed == 0:
		case all || r.take(s.event, now):
			values, before := r.latest, r.suppressed-1
			due = append(due, func() { j.write(s.event, values, before) })
			r.suppressed, r.latest = 0, nil
		default:
			waiting = true
		}
	}
	return due, waiting
}

// Close writes what was suppressed. Later events are not limited any more.
func (j *Journal) Close() {
	j.mu.Lock()
	j.closed = true
	due, _ := j.due(true)
	if j.timer != nil && j.timer.Stop() {
		j.flushes.Done()
	}
	j.timer = nil
	j.mu.Unlock()
	for _, write := range due {
		write()
	}
	j.flushes.Wait()
}

// write writes a record. suppressed is how many occurrences before it were not written.
func (j *Journal) write(e *Event, values []slog.Value, suppressed int) {
	if !j.Writes(e) {
		return
	}
	attrs := make([]slog.Attr, 0, len(e.Keys)+1)
	for i, key := range e.Keys[:min(len(e.Keys), len(values))] {
		attrs = append(attrs, slog.Attr{Key: key, Value: values[i]})
	}
	if suppressed > 0 {
		attrs = append(attrs, slog.Int(Suppressed, suppressed))
	}
	j.logger.LogAttrs(context.Background(), e.Level, e.Message, attrs...)
}

// Text is the value of a text that a client or another node has chosen, which may be long.
func Text(s string) slog.Value { return slog.StringValue(excerpt.Of(s)) }

// Error is the value of an error whose text may be long. It is empty if err is nil.
func Error(err error) slog.Value {
	if err == nil {
		return slog.StringValue("")
	}
	return slog.StringValue(excerpt.Error(err))
}

// Standard returns a logger for package net/http that writes an event. The text is the value of its only key.
func (j *Journal) Standard(e *Event) *log.Logger { return log.New(writer{j, e}, "", 0) }

type writer struct {
	journal *Journal
	event   *Event
}

// Write implements io.Writer.
func (w writer) Write(p []byte) (int, error) {
	w.journal.Log(w.event, Text(strings.TrimSuffix(string(p), "\n")))
	return len(p), nil
}
