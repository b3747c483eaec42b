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

// talk is a client: it sends each line of in as a message and prints those that come, until in, ctx or the server ends it.
func talk(ctx context.Context, url string, in io.Reader, out io.Writer) error {
	conn, early, _, err := ws.Dial(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	go func() {
		for lines := bufio.NewScanner(in); lines.Scan(); {
			_, _ = conn.Write(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame(lines.Bytes())))) // if it is gone, reading will tell
		}
		_, _ = conn.Write(ws.MustCompileFrame(ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))))
	}()
	source := io.Reader(conn)
	if early != nil {
		source = early // what came with the answer to the handshake is in it
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
