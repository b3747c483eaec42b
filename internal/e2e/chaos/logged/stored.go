package logged

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strconv"

	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/internal/resp"
)

// Stored has the events that a server that has ended has stored.
type Stored struct {
	Until  int64 // when it ended
	Events map[string]map[int]bool
}

// ask sends a command to a server.
func ask(ctx context.Context, s *redistest.Server, args ...string) (resp.Value, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	v, err := redistest.Do(ctx, s.Address(), args...)
	return v, errors.Join(err, v.Err())
}

// storedEvent finds the stream and the number of an event in a message.
var storedEvent = regexp.MustCompile(`\["` + eventName + `","([nc][\d.]+)",(\d+)\]`)

// stored returns the events in the log that the server, which has ended, has on its disk. Another server reads them:
// this one begins a new epoch, without a log, when a node uses it again.
func (s *redisServer) stored(ctx context.Context) (map[string]map[int]bool, error) {
	reader, err := s.StartCopy(ctx)
	if err != nil {
		return nil, err
	}
	events, err := readLog(ctx, reader)
	return events, errors.Join(err, reader.Stop())
}

func readLog(ctx context.Context, s *redistest.Server) (map[string]map[int]bool, error) {
	events := make(map[string]map[int]bool)
	streams, err := ask(ctx, s, "KEYS", "{backplane}log:*")
	if err != nil {
		return nil, err
	}
	for _, stream := range streams.Items {
		for from, more := "-", true; more; {
			part, err := ask(ctx, s, "XRANGE", stream.Text(), from, "+", "COUNT", "1000")
			if err != nil {
				return nil, err
			}
			more = len(part.Items) > 0
			for _, entry := range part.Items {
				from = "(" + entry.Item(0).Text()
				note(events, entry.Item(1))
			}
		}
	}
	return events, nil
}

// note adds the events in an entry of the log.
func note(events map[string]map[int]bool, fields resp.Value) {
	for _, field := range fields.Items {
		if !bytes.Contains(field.Bytes, []byte(eventName)) {
			continue
		}
		for _, m := range storedEvent.FindAllSubmatch(field.Bytes, -1) {
			number, _ := strconv.Atoi(string(m[2])) // of digits
			stream := string(m[1])
			if events[stream] == nil {
				events[stream] = make(map[int]bool)
			}
			events[stream][number] = true
		}
	}
}
