package natsdriver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/nats/internal/server"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/broker"
)

// maxReaders is how many connections ask JetStream, besides the one that appends.
const maxReaders = 4

// What the subjects of JetStream's services begin with.
const (
	streamAPI = "$JS.API.STREAM."
	directAPI = "$JS.API.DIRECT.GET."
	elected   = "$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED."
)

// noResponders is the status of an answer that the server itself has given, because nobody listens to the question.
const noResponders = 503

// apiError is an error of JetStream.
type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *apiError) Error() string { return fmt.Sprintf("JetStream: %s (%d)", e.Description, e.ErrCode) }

// The numbers of some errors. See JSApiError in the documentation of NATS.
const (
	codeNoMessage      = 10037
	codeNotForAccount  = 10039
	codeNameInUse      = 10058
	codeNoStream       = 10059
	codeWrongLast      = 10071
	codeNotEnabled     = 10076
	codeOverlap        = 10065
	codeNotReady       = 10008
	codeLastUnknown    = 10164
	codeDuplicateOnWay = 10158
)

// code returns the number of an error of JetStream, or 0.
func code(err error) int {
	api := (*apiError)(nil)
	if errors.As(err, &api) {
		return api.ErrCode
	}
	return 0
}

// query asks questions over one of the readers' connections. It asks again over another connection if that breaks.
func (d *Driver) query(ctx context.Context, questions ...server.Question) (answers []server.Answer, err error) {
	err = d.with(ctx, func(l *server.Link) (err error) {
		answers, err = l.Ask(ctx, questions...)
		return err
	})
	return answers, err
}

// with calls f with one of the readers' connections, and once more if that breaks.
func (d *Driver) with(ctx context.Context, f func(l *server.Link) error) error {
	over, err := d.readers.Take(ctx)
	if err != nil {
		return err
	}
	defer d.readers.Give(over)
	for again := false; ; again = true {
		err := over.Do(ctx, func(c *broker.Conn) error { return f(c.Conn.(*server.Link)) })
		if !again && ctx.Err() == nil && errors.Is(err, ErrDisconnected) && !errors.Is(err, transport.ErrNotSent) {
			continue
		}
		return refusal(err)
	}
}

// refusal returns the error of a request of which nothing was done. A *transport.RejectedError has only kept the
// connection.
func refusal(err error) error {
	if rejected := (*transport.RejectedError)(nil); errors.As(err, &rejected) {
		return fmt.Errorf("%w: %w", transport.ErrNotSent, rejected.Err)
	}
	return err
}

// question returns a question to a service, with its request in JSON, or without one.
func question(subject string, request any) server.Question {
	q := server.Question{Subject: subject}
	if request != nil {
		b, err := json.Marshal(request)
		if err != nil {
			panic(err) // the requests of this package can be encoded
		}
		q.Payload = b
	}
	return q
}

// decode reads an answer in JSON, and returns the error in it.
func decode(a server.Answer, into any) error {
	if len(a.Messages) == 0 {
		return errMalformed
	}
	m := &a.Messages[0]
	if status, text := m.Status(); status != 0 {
		if status == noResponders {
			return errNobody
		}
		return &apiError{Code: status, Description: text}
	}
	var failed struct {
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(m.Payload, &failed); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	if failed.Error != nil {
		return failed.Error
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(m.Payload, into); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	return nil
}

var (
	errMalformed = errors.New("natsdriver: JetStream's answer is malformed")
	errNobody    = errors.New("natsdriver: nobody answers on this subject")
)

// call asks one question, and reads the answer.
func (d *Driver) call(ctx context.Context, subject string, request, into any) error {
	answers, err := d.query(ctx, question(subject, request))
	if err != nil {
		return err
	}
	return decode(answers[0], into)
}

// stored is a message of a stream, as JetStream's answers have it.
type stored struct {
	Subject  string    `json:"subject"`
	Sequence uint64    `json:"seq"`
	Header   []byte    `json:"hdrs"`
	Data     []byte    `json:"data"`
	Time     time.Time `json:"time"`
}

// lastOf asks the leader of a stream for the last message on a subject.
func lastOf(stream, subject string) server.Question {
	return question(streamAPI+"MSG.GET."+stream, map[string]string{"last_by_subj": subject})
}

// decodeStored reads the answer to lastOf. ok is false if there is no message.
func decodeStored(a server.Answer) (m stored, ok bool, err error) {
	var answer struct {
		Message *stored `json:"message"`
	}
	switch err := decode(a, &answer); {
	case code(err) == codeNoMessage:
		return m, false, nil
	case err != nil:
		return m, false, err
	case answer.Message == nil:
		return m, false, errMalformed
	}
	return *answer.Message, true, nil
}

// state is what JetStream says about the messages of a stream.
type state struct {
	Messages int64             `json:"messages"`
	Bytes    int64             `json:"bytes"`
	First    uint64            `json:"first_seq"`
	Last     uint64            `json:"last_seq"`
	Subjects map[string]uint64 `json:"subjects"`
}

// info is what JetStream says about a stream.
type info struct {
	Config json.RawMessage `json:"config"`
	State  state           `json:"state"`
	Total  int             `json:"total"` // subjects
}

// streamInfo asks the leader of a stream about it, and about the subjects that a filter matches, unless that is empty.
func (d *Driver) streamInfo(ctx context.Context, stream, filter string) (all info, err error) {
	for offset := 0; ; {
		var request any
		if filter != "" {
			request = map[string]any{"subjects_filter": filter, "offset": offset}
		}
		var some info
		if err := d.call(ctx, streamAPI+"INFO."+stream, request, &some); err != nil {
			return all, err
		}
		if offset == 0 {
			all = some
		} else {
			for subject, n := range some.State.Subjects {
				all.State.Subjects[subject] = n
			}
		}
		offset += len(some.State.Subjects)
		if len(some.State.Subjects) == 0 || offset >= some.Total {
			return all, nil
		}
	}
}
