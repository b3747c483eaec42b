package engine

import (
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

func encoded(t *testing.T, messages ...pgproto3.BackendMessage) (bytes []byte) {
	t.Helper()
	for _, m := range messages {
		var err error
		bytes, err = m.Encode(bytes)
		require.NoError(t, err)
	}
	return bytes
}

// terminationMessage returns an error message like PostgreSQL's.
func terminationMessage(severity, code, routine string) *pgproto3.ErrorResponse {
	return &pgproto3.ErrorResponse{
		Severity: "FATALE", SeverityUnlocalized: severity, Code: code, Routine: routine,
		Message: "interruzione della connessione", File: "postgres.c", Line: 3200,
	}
}

// trackedExchange returns the tracker of a connection on which written was written and read was then received
// in pieces.
func trackedExchange(t *testing.T, written, read []byte, piece int) *statementTracker {
	t.Helper()
	here, there := net.Pipe()
	defer here.Close()
	x := new(statementTracker)
	w := &trackedConn{here, x}
	x.begin()
	go func() {
		defer there.Close()
		_, _ = there.Read(make([]byte, len(written)+1))
		for len(read) > 0 {
			n := min(piece, len(read))
			_, _ = there.Write(read[:n])
			read = read[n:]
		}
	}()
	if len(written) > 0 {
		_, err := w.Write(written)
		require.NoError(t, err)
		for err == nil {
			_, err = w.Read(make([]byte, 4096))
		}
	}
	return x
}

func TestNotRunOnlyIfTheServerTerminatedFirst(t *testing.T) {
	bound := &pgproto3.BindComplete{}
	for name, c := range map[string]struct {
		read []pgproto3.BackendMessage
		want bool
	}{
		"Terminated": {[]pgproto3.BackendMessage{terminationMessage("FATAL", "57P01",
			"ProcessInterrupts")}, true},
		"IdleTimeout": {[]pgproto3.BackendMessage{terminationMessage("FATAL", "57P05",
			"ProcessInterrupts")}, true},
		"NoAnswer": {nil, false},
		"AfterTheStatementStarted": {[]pgproto3.BackendMessage{bound,
			terminationMessage("FATAL", "57P01", "ProcessInterrupts")}, false},
		"AfterAnotherError": {[]pgproto3.BackendMessage{
			terminationMessage("ERROR", "57014", "ProcessInterrupts"), terminationMessage("FATAL", "57P01",
				"ProcessInterrupts"),
		}, false},
		"FromAProxy":    {[]pgproto3.BackendMessage{terminationMessage("FATAL", "57P01", "")}, false},
		"FromPgBouncer": {[]pgproto3.BackendMessage{terminationMessage("FATAL", "08P01", "")}, false},
		"AfterACrash":   {[]pgproto3.BackendMessage{terminationMessage("FATAL", "57P02", "quickdie")}, false},
		"NotFatal":      {[]pgproto3.BackendMessage{terminationMessage("ERROR", "57P01", "ProcessInterrupts")}, false},
		"Warning": {[]pgproto3.BackendMessage{
			(*pgproto3.NoticeResponse)(terminationMessage("WARNING", "57P01", "SyncRepWaitForLSN")),
			terminationMessage("FATAL", "57P01", "ProcessInterrupts"),
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{1, 7, 4096} {
				x := trackedExchange(t, []byte("statement"), encoded(t, c.read...), piece)
				require.Equal(t, c.want, x.notRun(), "read %d bytes at a time", piece)
			}
		})
	}
	all := encoded(t, terminationMessage("FATAL", "57P01", "ProcessInterrupts"))
	for n := range all {
		require.False(t, trackedExchange(t, []byte("statement"), all[:n], 4096).notRun(), "after %d of %d bytes", n,
			len(all))
	}
	require.True(t, trackedExchange(t, nil, nil, 1).notRun(), "nothing was written")
	x := trackedExchange(t, []byte("statement"), all, 4096)
	x.begin()
	require.True(t, x.notRun(), "the session has ended before the next statement")
	require.False(t, new(statementTracker).notRun(), "before begin, nothing is known")
}

// TestTerminationRightAfterAnAnswer: the termination message is read together with the answer, before the next
// statement.
func TestTerminationRightAfterAnAnswer(t *testing.T) {
	answer := []pgproto3.BackendMessage{
		&pgproto3.BindComplete{}, &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")},
		&pgproto3.ReadyForQuery{TxStatus: 'I'},
	}
	end := terminationMessage("FATAL", "57P01", "ProcessInterrupts")
	for name, c := range map[string]struct {
		read []pgproto3.BackendMessage
		want bool
	}{
		"Termination": {slices.Concat(answer, []pgproto3.BackendMessage{end}), true},
		"TwoAnswers":  {slices.Concat(answer, answer, []pgproto3.BackendMessage{end}), true},
		"Nothing":     {answer, false},
		"FromAProxy": {slices.Concat(answer, []pgproto3.BackendMessage{terminationMessage("FATAL", "08P01", "")}),
			false},
		"BeforeTheAnswer": {[]pgproto3.BackendMessage{answer[0], end}, false},
		"InATransaction":  {[]pgproto3.BackendMessage{&pgproto3.ReadyForQuery{TxStatus: 'T'}, end}, false},
	} {
		t.Run(name, func(t *testing.T) {
			x := trackedExchange(t, []byte("statement"), encoded(t, c.read...), 4096)
			require.False(t, x.notRun(), "the statement itself may have run")
			require.Equal(t, c.want, x.terminated())
			x.begin()
			x.wrote(9)
			require.Equal(t, c.want, x.notRun(), "the next statement")
		})
	}
}

func FuzzIsTermination(f *testing.F) {
	message, err := terminationMessage("FATAL", "57P01", "ProcessInterrupts").Encode(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(message)
	f.Add([]byte("E\x00\x00\x00\x05\x00"))
	f.Add([]byte("E\xff\xff\xff\xffV"))
	f.Fuzz(func(_ *testing.T, message []byte) { isTermination(message) })
}

// brokenConn is a connection to which nothing can be written.
type brokenConn struct{ net.Conn }

func (brokenConn) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestNotRunIfNothingWasWritten(t *testing.T) {
	x := new(statementTracker)
	x.begin()
	_, err := (&trackedConn{brokenConn{}, x}).Write([]byte("statement"))
	require.Error(t, err)
	require.True(t, x.notRun())
}

func TestQuietSeesUnreadDataAndTheEnd(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	here, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer here.Close()
	there, err := listener.Accept()
	require.NoError(t, err)
	defer there.Close()
	conn := &trackedConn{here, new(statementTracker)}
	quiet, known := Quiet(conn)
	if !known {
		t.Skip("this operating system does not support it")
	}
	require.True(t, quiet)

	_, err = there.Write([]byte("x"))
	require.NoError(t, err)
	becomesReadable(t, conn)
	_, err = conn.Read(make([]byte, 1))
	require.NoError(t, err)
	quiet, _ = Quiet(conn)
	require.True(t, quiet, "the data was read, and peeking did not consume it")

	require.NoError(t, there.Close())
	becomesReadable(t, conn)
	require.NoError(t, here.Close())
	quiet, known = Quiet(conn)
	require.False(t, quiet)
	require.True(t, known)
	_, known = Quiet(brokenConn{})
	require.False(t, known)
}

func becomesReadable(t *testing.T, conn net.Conn) {
	t.Helper()
	require.Eventually(t, func() bool {
		quiet, _ := Quiet(conn)
		return !quiet
	}, 2*time.Minute, time.Millisecond)
}
