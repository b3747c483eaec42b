package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/vmihailenco/msgpack/v5"
)

// Message is one notification as it went over a channel.
type Message struct {
	Channel string
	Payload string

	// Type, UID and NSP of the notification. 0 or empty: it has none.
	Type int
	UID  string
	NSP  string
	// AttachmentID is set on a reference; Attachment is then the row's payload, or nil if there was none any more.
	AttachmentID string
	Attachment   []byte
	// Body is the message, the attachment's if there is one. Its numbers are float64.
	Body map[string]any
}

// Data is the message's data.
func (m Message) Data() map[string]any {
	data, _ := m.Body["data"].(map[string]any)
	return data
}

// Recorder shows all that goes over some channels.
type Recorder struct {
	Messages Inbox[Message]
	// Seen has all messages, also those that Await has taken from Messages.
	Seen Inbox[Message]

	conn   *pgx.Conn
	fetch  *pgx.Conn
	table  string
	cancel context.CancelFunc
	done   chan struct{}
}

// Record starts recording. table is that of the attachments. It ends with the test.
func Record(t testing.TB, databaseURL, table string, channels ...string) *Recorder {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &Recorder{table: table, cancel: cancel, done: make(chan struct{})}
	var err error
	if r.conn, err = pgx.Connect(ctx, databaseURL); err != nil {
		t.Fatal("record: ", err)
	}
	if r.fetch, err = pgx.Connect(ctx, databaseURL); err != nil {
		t.Fatal("record: ", err)
	}
	for _, channel := range channels {
		if err := r.Listen(ctx, channel); err != nil {
			t.Fatal("record: ", err)
		}
	}
	go r.run(ctx, t)
	t.Cleanup(func() {
		r.cancel()
		<-r.done
		closing, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = r.conn.Close(closing)
		_ = r.fetch.Close(closing)
	})
	return r
}

// Listen adds a channel. It must not be called once the recorder runs.
func (r *Recorder) Listen(ctx context.Context, channel string) error {
	_, err := r.conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize())
	return err
}

func (r *Recorder) run(ctx context.Context, t testing.TB) {
	defer close(r.done)
	for {
		n, err := r.conn.WaitForNotification(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.Errorf("record: %v", err)
			return
		}
		m, err := r.read(ctx, n.Channel, n.Payload)
		if err != nil && ctx.Err() == nil {
			t.Errorf("record %s: %v", n.Payload, err)
		}
		r.Seen.Put(m)
		r.Messages.Put(m)
	}
}

func (r *Recorder) read(ctx context.Context, channel, payload string) (Message, error) {
	m := Message{Channel: channel, Payload: payload}
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
	err := r.fetch.QueryRow(ctx, fmt.Sprintf("SELECT payload FROM %s WHERE id = $1", r.table), m.AttachmentID).Scan(&m.Attachment)
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

// Await returns the oldest message of that sender and type that was not returned yet; uid "" is any sender.
func (r *Recorder) Await(ctx context.Context, uid string, messageType int) (Message, error) {
	m, err := r.Messages.Await(ctx, func(m Message) bool {
		return m.Type == messageType && (uid == "" || m.UID == uid)
	})
	if err != nil {
		return m, fmt.Errorf("a message of type %d from %q: %w", messageType, uid, err)
	}
	return m, nil
}
