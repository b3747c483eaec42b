package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/vmihailenco/msgpack/v5"
)

// Message is a notification on a channel.
type Message struct {
	Channel string
	Payload string

	// Type, UID and NSP of the notification; 0 or empty if it has none.
	Type int
	UID  string
	NSP  string
	// AttachmentID is set if the notification refers to an attachment. Attachment is then the payload of the row, nil
	// if the row was gone.
	AttachmentID string
	Attachment   []byte
	// Body is the decoded message, from the attachment if there is one. Its numbers are float64. It is nil for the
	// notifications of a legacy cluster, which are lists.
	Body map[string]any
}

// Data returns the field data of the message.
func (m Message) Data() map[string]any {
	data, _ := m.Body["data"].(map[string]any)
	return data
}

// Recorder records the messages on channels.
type Recorder struct {
	conn  *pgx.Conn
	fetch *pgx.Conn
	table string

	mu        sync.Mutex // guards the fields below
	channels  map[string]*Recording
	requests  []listenRequest
	interrupt context.CancelFunc // ends the current wait
}

type listenRequest struct {
	channel string
	done    chan error
}

// Recording has the messages of one channel.
type Recording struct {
	// The messages that Await has not returned yet, and all messages.
	Messages, Seen Inbox[Message]
}

// Record starts a recorder, which ends with the test. table is the table of the attachments.
func Record(t testing.TB, databaseURL, table string) *Recorder {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &Recorder{table: table, channels: make(map[string]*Recording)}
	var err error
	if r.conn, err = pgx.Connect(ctx, databaseURL); err != nil {
		t.Fatal("record: ", err)
	}
	if r.fetch, err = pgx.Connect(ctx, databaseURL); err != nil {
		t.Fatal("record: ", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := r.serve(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("record: %v", err)
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		closing, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = r.conn.Close(closing)
		_ = r.fetch.Close(closing)
	})
	return r
}

// Listen starts to record a channel.
func (r *Recorder) Listen(ctx context.Context, channel string) (*Recording, error) {
	recording, request := new(Recording), listenRequest{channel, make(chan error, 1)}
	r.mu.Lock()
	r.channels[channel] = recording
	r.requests = append(r.requests, request)
	if r.interrupt != nil {
		r.interrupt()
	}
	r.mu.Unlock()
	select {
	case err := <-request.done:
		return recording, err
	case <-ctx.Done():
		return nil, fmt.Errorf("record %s: %w", channel, context.Cause(ctx))
	}
}

// serve executes the pending requests and records one notification.
func (r *Recorder) serve(ctx context.Context) error {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	r.mu.Lock()
	requests := r.requests
	r.requests, r.interrupt = nil, cancel
	r.mu.Unlock()
	for _, request := range requests {
		_, err := r.conn.Exec(ctx, "LISTEN "+pgx.Identifier{request.channel}.Sanitize())
		request.done <- err
	}
	n, err := r.conn.WaitForNotification(waiting)
	if err != nil {
		if waiting.Err() != nil {
			return nil
		}
		return err
	}
	m, err := r.read(ctx, n.Channel, n.Payload)
	if err != nil {
		return fmt.Errorf("%s: %w", n.Payload, err)
	}
	r.mu.Lock()
	recording := r.channels[n.Channel]
	r.mu.Unlock()
	if recording != nil {
		recording.Seen.Put(m)
		recording.Messages.Put(m)
	}
	return nil
}

func (r *Recorder) read(ctx context.Context, channel, payload string) (Message, error) {
	m := Message{Channel: channel, Payload: payload}
	if channel == "socketio" {
		return m, nil
	}
	if err := json.Unmarshal([]byte(payload), &m.Body); err != nil {
		return m, err
	}
	number, _ := m.Body["type"].(float64)
	m.Type = int(number)
	m.UID, _ = m.Body["uid"].(string)
	m.NSP, _ = m.Body["nsp"].(string)
	id, ok := m.Body["attachmentId"]
	if !ok {
		return m, nil
	}
	m.AttachmentID = fmt.Sprint(id)
	query := fmt.Sprintf("SELECT payload FROM %s WHERE id = $1", r.table)
	err := r.fetch.QueryRow(ctx, query, m.AttachmentID).Scan(&m.Attachment)
	if errors.Is(err, pgx.ErrNoRows) {
		return m, nil
	}
	if err != nil {
		return m, err
	}
	var body any
	if err := msgpack.Unmarshal(m.Attachment, &body); err != nil {
		return m, err
	}
	m.Body, _ = Canon(body).(map[string]any)
	return m, nil
}

// Await waits for a message of this sender and type and returns the oldest that it has not returned yet. An empty uid
// means any sender.
func (r *Recording) Await(ctx context.Context, uid string, messageType int) (Message, error) {
	m, err := r.Messages.Await(ctx, func(m Message) bool {
		return m.Type == messageType && (uid == "" || m.UID == uid)
	})
	if err != nil {
		return m, fmt.Errorf("a message of type %d from %q: %w", messageType, uid, err)
	}
	return m, nil
}
