package chat

import (
	"context"
	"strconv"

	"github.com/backplane-go/backplane"
)

// question is what is asked of everybody in a room.
type question struct {
	envelope
	Text    string   `json:"text"`
	Choices []string `json:"choices"`
	Seconds int      `json:"seconds"` // for which answers count
}

// answers acknowledge "ask": the numbers of the choices.
type answers struct {
	Answers []int `json:"answers"`
}

// ask asks everybody else in the room, and acknowledges with their answers. Each is told as "answer" when it comes.
func (m *member) ask(ctx context.Context, in struct {
	Room, Text string
	Choices    []string
}, ack func(any)) error {
	room, err := roomOf(in.Room)
	if err != nil {
		return err
	}
	text, err := textOf(in.Text, maxQuestion)
	if err != nil {
		return err
	}
	if len(in.Choices) < 2 || len(in.Choices) > maxChoices {
		return refuse("a question has 2 to " + strconv.Itoa(maxChoices) + " answers to choose from")
	}
	for i, choice := range in.Choices {
		if in.Choices[i], err = textOf(choice, maxChoice); err != nil {
			return err
		}
	}
	if !m.asking.CompareAndSwap(false, true) {
		return refuse("your last question is still open")
	}
	patience := m.chat.config.PollTime
	q := question{m.envelope(room), text, in.Choices, int(patience.Seconds())}
	to := m.socket.Broadcast()
	if room != "" {
		to = m.socket.To(room)
	}
	m.chat.polls.Go(func() { m.collect(ctx, to.Timeout(patience), q, ack) }) // the client goes on meanwhile; ctx ends with it
	return nil
}

func (m *member) collect(ctx context.Context, to backplane.Target, q question, ack func(any)) {
	defer m.asking.Store(false)
	all := []int{}
	for value, err := range to.Acks(ctx, "question", q) {
		if err != nil {
			break // not everybody has answered
		}
		var choice int
		if value.Decode(&choice) != nil || choice < 0 || choice >= len(q.Choices) {
			continue
		}
		all = append(all, choice)
		_ = m.socket.Emit("answer", struct { // fails if the client has gone
			Choice int `json:"choice"`
		}{choice})
	}
	ack(answers{all})
}
