package chat

import (
	"context"
	"strconv"

	"github.com/backplane-go/backplane"
)

// question is sent to everybody else in a room.
type question struct {
	envelope
	Text    string   `json:"text"`
	Choices []string `json:"choices"`
	Seconds int      `json:"seconds"` // how long answers count
}

// answers acknowledges "ask" with the numbers of the choices.
type answers struct {
	Answers []int `json:"answers"`
}

// ask handles "ask": it sends a question to everybody else in the room and acknowledges with their answers. Each answer
// is also sent as "answer" when it arrives.
func (p *participant) ask(ctx context.Context, in struct {
	Room, Text string
	Choices    []string
}, ack func(any)) error {
	room, err := checkRoom(in.Room)
	if err != nil {
		return err
	}
	text, err := checkText(in.Text, maxQuestion)
	if err != nil {
		return err
	}
	if len(in.Choices) < 2 || len(in.Choices) > maxChoices {
		return refuse("a question has 2 to " + strconv.Itoa(maxChoices) + " answers to choose from")
	}
	for i, choice := range in.Choices {
		if in.Choices[i], err = checkText(choice, maxChoice); err != nil {
			return err
		}
	}
	if !p.asking.CompareAndSwap(false, true) {
		return refuse("your last question is still open")
	}
	timeout := p.chat.config.PollTime
	q := question{p.envelope(room), text, in.Choices, int(timeout.Seconds())}
	to := p.socket.Broadcast()
	if room != "" {
		to = p.socket.To(room)
	}
	// In a goroutine, so that the client's other events are handled meanwhile. ctx ends when the client disconnects.
	p.chat.polls.Go(func() { p.collect(ctx, p.chat.known(to).Timeout(timeout), q, ack) })
	return nil
}

func (p *participant) collect(ctx context.Context, to backplane.Target, q question, ack func(any)) {
	defer p.asking.Store(false)
	all := []int{}
	for value, err := range to.Acks(ctx, "question", q) {
		if err != nil {
			break // not everybody has answered in time
		}
		var choice int
		if value.Decode(&choice) != nil || choice < 0 || choice >= len(q.Choices) {
			continue
		}
		all = append(all, choice)
		_ = p.socket.Emit("answer", struct { // fails if the client has disconnected
			Choice int `json:"choice"`
		}{choice})
	}
	ack(answers{all})
}
