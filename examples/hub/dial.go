package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// talk is a client. It sends each line of in as a message and prints the messages that arrive, until in ends, ctx
// ends or the server closes the connection.
func talk(ctx context.Context, url string, in io.Reader, out io.Writer) error {
	conn, early, _, err := ws.Dial(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	go func() {
		for lines := bufio.NewScanner(in); lines.Scan(); {
			// An error of writing shows when reading, too.
			_, _ = conn.Write(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame(lines.Bytes()))))
		}
		farewell := ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))
		_, _ = conn.Write(ws.MustCompileFrame(ws.MaskFrame(farewell)))
	}()
	source := io.Reader(conn)
	if early != nil {
		source = early // contains what came with the answer to the handshake
	}
	for {
		text, err := wsutil.ReadServerText(struct { // answers pings
			io.Reader
			io.Writer
		}{source, conn})
		var closed wsutil.ClosedError
		switch {
		case errors.As(err, &closed):
			fmt.Fprintln(out, "closed:", int(closed.Code), closed.Reason)
			return nil
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		fmt.Fprintln(out, string(text))
	}
}
