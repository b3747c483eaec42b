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

// goodbye is what PostgreSQL says.
func goodbye(severity, code, routine string) *pgproto3.ErrorResponse {
	return &pgproto3.ErrorResponse{Severity: "FATALE", SeverityUnlocalized: severity, Code: code, Routine: routine,
		Message: "interruzione della connessione", File: "postgres.c", Line: 3200}
}

// exchanged is the exchange of a connection on which something is written, in pieces, and then something else is read.
func exchanged(t *testing.T, written, read []byte, piece int) *exchange {
	t.Helper()
	here, there := net.Pipe()
	defer here.Close()
	x := new(exchange)
	w := &watched{here, x}
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

func TestUntouched(t *testing.T) {
	bound := &pgproto3.BindComplete{}
	for name, c := range map[string]struct {
		read []pgproto3.BackendMessage
		want bool
	}{
		"Terminated":             {[]pgproto3.BackendMessage{goodbye("FATAL", "57P01", "ProcessInterrupts")}, true},
		"IdleTimeout":            {[]pgproto3.BackendMessage{goodbye("FATAL", "57P05", "ProcessInterrupts")}, true},
		"NoAnswer":               {nil, false},
		"AfterTheStatementBegan": {[]pgproto3.BackendMessage{bound, goodbye("FATAL", "57P01", "ProcessInterrupts")}, false},
		"AfterAnotherError":      {[]pgproto3.BackendMessage{goodbye("ERROR", "57014", "ProcessInterrupts"), goodbye("FATAL", "57P01", "ProcessInterrupts")}, false},
		"OfAProxy":               {[]pgproto3.BackendMessage{goodbye("FATAL", "57P01", "")}, false},
		"OfPgBouncer":            {[]pgproto3.BackendMessage{goodbye("FATAL", "08P01", "")}, false},
		"OfACrash":               {[]pgproto3.BackendMessage{goodbye("FATAL", "57P02", "quickdie")}, false},
		"NotFatal":               {[]pgproto3.BackendMessage{goodbye("ERROR", "57P01", "ProcessInterrupts")}, false},
		"Warning": {[]pgproto3.BackendMessage{
			(*pgproto3.NoticeResponse)(goodbye("WARNING", "57P01", "SyncRepWaitForLSN")), goodbye("FATAL", "57P01", "ProcessInterrupts")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{1, 7, 4096} {
				x := exchanged(t, []byte("statement"), encoded(t, c.read...), piece)
				require.Equal(t, c.want, x.untouched(), "read %d bytes at a time", piece)
			}
		})
	}
	all := encoded(t, goodbye("FATAL", "57P01", "ProcessInterrupts"))
	for n := range all {
		require.False(t, exchanged(t, []byte("statement"), all[:n], 4096).untouched(), "after %d of %d bytes", n, len(all))
	}
	require.True(t, exchanged(t, nil, nil, 1).untouched(), "nothing was written")
	x := exchanged(t, []byte("statement"), all, 4096)
	x.begin()
	require.True(t, x.untouched(), "each statement counts for itself")
	require.False(t, new(exchange).untouched(), "nothing is known before begin")
}

// TestGoodbyeRightAfterAnAnswer is read together with it, and not by the next statement.
func TestGoodbyeRightAfterAnAnswer(t *testing.T) {
	answer := []pgproto3.BackendMessage{&pgproto3.BindComplete{}, &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, &pgproto3.ReadyForQuery{TxStatus: 'I'}}
	end := goodbye("FATAL", "57P01", "ProcessInterrupts")
	for name, c := range map[string]struct {
		read []pgproto3.BackendMessage
		want bool
	}{
		"Goodbye":         {slices.Concat(answer, []pgproto3.BackendMessage{end}), true},
		"TwoAnswers":      {slices.Concat(answer, answer, []pgproto3.BackendMessage{end}), true},
		"Nothing":         {answer, false},
		"OfAProxy":        {slices.Concat(answer, []pgproto3.BackendMessage{goodbye("FATAL", "08P01", "")}), false},
		"BeforeTheAnswer": {[]pgproto3.BackendMessage{answer[0], end}, false},
		"InATransaction":  {[]pgproto3.BackendMessage{&pgproto3.ReadyForQuery{TxStatus: 'T'}, end}, false},
	} {
		t.Run(name, func(t *testing.T) {
			x := exchanged(t, []byte("statement"), encoded(t, c.read...), 4096)
			require.False(t, x.untouched(), "the statement itself was run, or may have been")
			require.Equal(t, c.want, x.isOver())
			x.begin()
			x.wrote(9)
			require.Equal(t, c.want, x.untouched(), "the next one")
		})
	}
}

func FuzzGoodbye(f *testing.F) {
	message, err := goodbye("FATAL", "57P01", "ProcessInterrupts").Encode(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(message)
	f.Add([]byte("E\x00\x00\x00\x05\x00"))
	f.Add([]byte("E\xff\xff\xff\xffV"))
	f.Fuzz(func(_ *testing.T, message []byte) { isGoodbye(message) })
}

// broken is a connection on which nothing can be written.
type broken struct{ net.Conn }

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestNothingWasWritten(t *testing.T) {
	x := new(exchange)
	x.begin()
	_, err := (&watched{broken{}, x}).Write([]byte("statement"))
	require.Error(t, err)
	require.True(t, x.untouched())
}

func TestQuiet(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	here, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer here.Close()
	there, err := listener.Accept()
	require.NoError(t, err)
	defer there.Close()
	conn := &watched{here, new(exchange)}
	quiet, known := Quiet(conn)
	if !known {
		t.Skip("this operating system does not tell")
	}
	require.True(t, quiet)

	_, err = there.Write([]byte("x"))
	require.NoError(t, err)
	becomesLoud(t, conn)
	_, err = conn.Read(make([]byte, 1))
	require.NoError(t, err)
	quiet, _ = Quiet(conn)
	require.True(t, quiet, "what was there has been read, and was not taken by looking")

	require.NoError(t, there.Close())
	becomesLoud(t, conn)
	require.NoError(t, here.Close())
	quiet, known = Quiet(conn)
	require.False(t, quiet)
	require.True(t, known)
	_, known = Quiet(broken{})
	require.False(t, known)
}

func becomesLoud(t *testing.T, conn net.Conn) {
	t.Helper()
	require.Eventually(t, func() bool {
		quiet, _ := Quiet(conn)
		return !quiet
	}, 10*time.Second, time.Millisecond)
}
