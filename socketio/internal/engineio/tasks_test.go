package engineio_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/sched"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// working is a Receiver whose messages are handled by tasks.
type working struct {
	*session
	scheduler *sched.Scheduler
	work      func(text string)
}

func (w *working) Message(_ bool, data []byte, here *sched.Slot) (more bool) {
	w.scheduler.Start(&job{work: w.work, text: string(data)}, here)
	return true
}

// job is the task of one message.
type job struct {
	work func(text string)
	text string
	done bool
}

func (j *job) Work() {
	if !j.done { // otherwise the work has ended its goroutine
		j.done = true
		j.work(j.text)
	}
}

// serveWork starts a server. A task calls work for each message.
func serveWork(t *testing.T, work func(s *session, text string)) *testServer {
	var scheduler sched.Scheduler
	t.Cleanup(scheduler.Close)
	var h *testServer
	h = serve(t, engineio.Config{Open: func(c *engineio.Conn) engineio.Receiver {
		s := newSession(c)
		h.byID.Store(c.ID(), s)
		return &working{session: s, scheduler: &scheduler, work: func(text string) { work(s, text) }}
	}})
	return h
}

func sendBack(s *session, text string) {
	s.Send(wsframe.NewFrame(wsframe.Part{Data: []byte(text)}), engineio.SendOptions{})
}

// A task may block for as long as it likes: neither other clients nor further messages of the same client wait
// for it.
func TestTaskThatBlocksHoldsUpNoMessages(t *testing.T) {
	const blocked = 40
	began, release := make(chan struct{}, blocked), make(chan struct{})
	h := serveWork(t, func(s *session, text string) {
		if text == "wait" {
			began <- struct{}{}
			<-release
		}
		sendBack(s, text)
	})
	var waiting []*socket
	for range blocked {
		c, _ := h.connect(t)
		c.send(t, "4wait")
		receive(t, began, "work")
		c.send(t, "4more")
		require.Equal(t, "4more", c.text(t), "a message that arrives while a task of the same client blocks must be "+
			"delivered")
		waiting = append(waiting, c)
	}
	other, _ := h.connect(t)
	other.send(t, "4x")
	require.Equal(t, "4x", other.text(t))
	close(release)
	for _, c := range waiting {
		_ = c.text(t) // of the message, or of the one after it
	}
}

// A task may end its goroutine.
func TestTaskMayEndItsGoroutine(t *testing.T) {
	h := serveWork(t, func(s *session, text string) {
		if text == "exit" {
			runtime.Goexit()
		}
		sendBack(s, text)
	})
	for range 100 {
		c, _ := h.connect(t)
		c.send(t, "4exit")
		c.send(t, "4x")
		for c.text(t) != "4x" {
		}
		require.NoError(t, c.Close())
	}
}

// Messages that are larger than the buffer, and messages right before the end of the connection, must be
// delivered.
func TestEverythingIsReadBeforeTheEnd(t *testing.T) {
	h := serve(t, engineio.Config{})
	for _, size := range []int{1, 16<<10 - 8, 16 << 10, 100_000} {
		c, s := h.connect(t)
		text := strings.Repeat("x", size)
		var all []byte
		for range 3 {
			all = append(all, masked(ws.NewTextFrame([]byte("4"+text)))...)
		}
		_, err := c.Write(all)
		require.NoError(t, err)
		require.NoError(t, c.Close())
		for range 3 {
			require.Equal(t, text, s.text(t))
		}
		require.Error(t, s.ended(t, engineio.TransportClose))
	}
}

// Close does not wait for a task that blocks. When the task ends, no goroutine is left.
func TestCloseDoesNotWaitForTasks(t *testing.T) {
	began, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	h := serveWork(t, func(*session, string) {
		close(began)
		<-release
		close(done)
	})
	c, s := h.connect(t)
	c.send(t, "4x")
	receive(t, began, "work")
	require.NoError(t, h.Close())
	s.ended(t, engineio.ServerShutdown)
	close(release)
	receive(t, done, "the end of the work")
}
