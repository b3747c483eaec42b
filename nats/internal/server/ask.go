package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// answers is the id of the subscription to the answers of questions. Sessions count theirs from 1.
const answers = 1 << 30

// A question without an answer is repeated after this time, and then after twice as long each time.
const (
	firstRepeat = time.Second
	lastRepeat  = 8 * time.Second
)

// Question is a message that a service answers, such as JetStream. It must not matter whether it comes once or twice.
type Question struct {
	Subject string
	Header  []byte // with the line NATS/1.0, and an empty line at the end; nil if there is none
	Payload []byte
	Many    bool // the answer is several messages, of which the last one has a status
}

// Answer is what a service has answered.
type Answer struct {
	Messages []Message
	Repeated bool // the question was sent more than once
}

// Status returns the number and the text in the first line of a header, or 0.
func (m *Message) Status() (int, string) {
	line, _, _ := bytes.Cut(m.Header, []byte("\r\n"))
	number, text, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(string(line), "NATS/1.0")), " ")
	n, _ := strconv.Atoi(number)
	return n, text
}

// Field returns a field of the header, or "".
func (m *Message) Field(name string) string {
	for line := range bytes.SplitSeq(m.Header, []byte("\r\n")) {
		key, value, ok := bytes.Cut(line, []byte(":"))
		if ok && string(key) == name {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}

// AppendHeader appends a header with these names and values in turn.
func AppendHeader(b []byte, fields ...string) []byte {
	b = append(b, "NATS/1.0\r\n"...)
	for i := 0; i+1 < len(fields); i += 2 {
		b = append(append(append(append(b, fields[i]...), ": "...), fields[i+1]...), "\r\n"...)
	}
	return append(b, "\r\n"...)
}

// asker asks questions over a link.
type asker struct {
	prefix string // of the subjects of answers

	mu      sync.Mutex // guards all below
	last    int
	waiting map[int]*waiting // by the number of the answer's subject
	changed chan struct{}    // closed when an answer is complete
}

// waiting is a question without an answer.
type waiting struct {
	question *Question
	answer   *Answer
	got      []Message // of this time that it was asked
	number   int
	done     bool
}

// Asking is Hello of a dialer whose connections ask questions. If proves is set, Prove may be called.
func Asking(proves bool) func(c *broker.Conn) error {
	return func(c *broker.Conn) error {
		l := c.Conn.(*Link)
		l.asker = &asker{prefix: l.servers.Prefix + "%r" + rand.Text() + ".", waiting: make(map[int]*waiting),
			changed: make(chan struct{})}
		if proves {
			l.witnesses.answers = l.asker.prefix
		}
		go l.Run(l.asker.answered, nil) // until the connection is closed; Err knows how it has ended
		_, err := fmt.Fprintf(l, "SUB %s* %d\r\n", l.asker.prefix, answers)
		return err
	}
}

// answered handles an answer.
func (a *asker) answered(m Message) {
	n, err := strconv.Atoi(strings.TrimPrefix(m.Subject, a.prefix))
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.waiting[n]
	if err != nil || w == nil {
		return // of a question that was answered when it was asked before
	}
	if status, _ := m.Status(); w.question.Many && status == 0 {
		w.got = append(w.got, m)
		return
	}
	w.answer.Messages, w.done = append(w.got, m), true
	delete(a.waiting, n)
	close(a.changed)
	a.changed = make(chan struct{})
}

// Ask asks questions, all at once, and returns their answers in the same order. It asks again if there is no answer for
// a while.
func (l *Link) Ask(ctx context.Context, questions ...Question) ([]Answer, error) {
	all := make([]Answer, len(questions))
	asked := make([]*waiting, len(questions))
	for i := range questions {
		asked[i] = &waiting{question: &questions[i], answer: &all[i]}
	}
	return all, l.askAll(ctx, asked)
}

// Prove asks a question, and returns when all servers of the cluster have heard what the server that has answered had
// to tell them before.
func (l *Link) Prove(ctx context.Context, q Question) (answer Answer, err error) {
	if err := l.witnesses.prepare(ctx); err != nil {
		return answer, fmt.Errorf("%w: %w", transport.ErrNotSent, err)
	}
	asked := &waiting{question: &q, answer: &answer}
	if err = l.askAll(ctx, []*waiting{asked}); err != nil {
		return answer, err
	}
	if status, _ := answer.Messages[0].Status(); status != 0 {
		return answer, nil // nobody has done anything
	}
	ctx, cancel := l.whileOpen(ctx)
	defer cancel()
	err = l.witnesses.await(ctx, func(other *witness) bool { return other.answer >= asked.number })
	return answer, l.cause(err)
}

// askAll asks questions until all have an answer.
func (l *Link) askAll(ctx context.Context, asked []*waiting) error {
	defer l.asker.forget(asked)
	for wait := firstRepeat; ; wait = min(2*wait, lastRepeat) {
		b := l.asker.encode(asked)
		if b == nil {
			return nil
		}
		processed := make(chan struct{})
		p, err := l.ask(b, func() { close(processed) })
		if err != nil {
			return err
		}
		timer := time.NewTimer(wait)
		err = l.awaitAnswers(ctx, asked, p, processed, timer.C)
		timer.Stop()
		if err != nil {
			return err
		}
	}
}

// awaitAnswers waits until all questions are answered, the server has refused one, or it is time to ask again.
func (l *Link) awaitAnswers(
	ctx context.Context, asked []*waiting, p *ping, processed <-chan struct{}, again <-chan time.Time,
) error {
	for {
		done, changed := l.asker.complete(asked)
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-processed:
			l.mu.Lock()
			err := errors.Join(p.errs...)
			l.mu.Unlock()
			if err != nil {
				return &transport.RejectedError{Err: err}
			}
			processed = nil
		case <-again:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-l.ended.Done():
			return l.Err()
		}
	}
}

// encode returns what to write to ask the questions that have no answer yet, or nil if all have one.
func (a *asker) encode(asked []*waiting) (b []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	size := 0
	for _, w := range asked {
		size += len(w.question.Subject) + len(w.question.Header) + len(w.question.Payload) + 128
	}
	for _, w := range asked {
		if w.done {
			continue
		}
		if b == nil {
			b = make([]byte, 0, size)
		}
		if w.number > 0 {
			delete(a.waiting, w.number) // a late answer counts no more: only one may be complete
			w.got, w.answer.Repeated = nil, true
		}
		a.last++
		w.number = a.last
		a.waiting[w.number] = w
		q := w.question
		if q.Header == nil {
			b = fmt.Appendf(b, "PUB %s %s%d %d\r\n", q.Subject, a.prefix, w.number, len(q.Payload))
		} else {
			b = fmt.Appendf(b, "HPUB %s %s%d %d %d\r\n", q.Subject, a.prefix, w.number, len(q.Header),
				len(q.Header)+len(q.Payload))
			b = append(b, q.Header...)
		}
		b = append(append(b, q.Payload...), "\r\n"...)
	}
	return b
}

// complete reports whether all questions are answered, and returns a channel that is closed when one more is.
func (a *asker) complete(asked []*waiting) (bool, <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range asked {
		if !w.done {
			return false, a.changed
		}
	}
	return true, nil
}

// forget removes the questions that have no answer.
func (a *asker) forget(asked []*waiting) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range asked {
		delete(a.waiting, w.number)
	}
}
