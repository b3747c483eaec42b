package resp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// What a server may send at most, so that a wrong length does not exhaust the memory.
const (
	maxBytes = 512 << 20 // Redis' own limit for a string (proto-max-bulk-len)
	maxItems = 1 << 20
	maxDepth = 16
	// atOnce is how much is allocated before it has been received.
	atOnce = 1 << 20
)

// ErrProtocol is wrapped in the error of a Read that got something else than RESP.
var ErrProtocol = errors.New("resp: the peer does not speak RESP")

// Error is an error reply of a server.
type Error struct {
	// Text is the reply, such as "NOPERM this user has no permissions to …".
	Text string
}

func (e *Error) Error() string { return e.Text }

// RedisError makes the error one of those that go-redis calls its own.
func (e *Error) RedisError() {}

// Code returns the first word of the text, by which programs tell errors apart.
func (e *Error) Code() string {
	code, _, _ := strings.Cut(e.Text, " ")
	return code
}

// Read reads a value. An error reply is a value too. The bytes of the value belong to the caller. An io.EOF means that
// the stream has ended between two values.
func Read(in *bufio.Reader) (Value, error) {
	return read(in, 0)
}

func read(in *bufio.Reader, depth int) (Value, error) {
	line, err := readLine(in)
	if err != nil {
		if depth > 0 {
			err = unexpected(err)
		}
		return Value{}, err
	}
	v := Value{Kind: line[0]}
	switch v.Kind {
	case '+', '-', ':', ',', '#', '(', '_':
		v.Bytes = bytes.Clone(line[1:])
		return v, nil
	case '$', '!', '=':
		return readBytes(in, v.Kind, line[1:])
	case '*', '~', '>', '%', '|':
		return readItems(in, v.Kind, line[1:], depth)
	}
	return Value{}, malformed("a value that begins with", line)
}

// readLine reads a line without its end. It is valid until the next read.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, malformed("a line without end:", line)
	case err != nil && len(line) > 0:
		return nil, unexpected(err)
	case err != nil:
		return nil, err
	case len(line) < 3 || line[len(line)-2] != '\r':
		return nil, malformed("the line", line)
	}
	return line[:len(line)-2], nil
}

// readBytes reads a value with a length.
func readBytes(in *bufio.Reader, kind byte, length []byte) (Value, error) {
	if string(length) == "-1" {
		return Value{Kind: '_'}, nil
	}
	n, err := parseLength(length, maxBytes)
	if err != nil {
		return Value{}, err
	}
	content := make([]byte, min(n+2, atOnce))
	if _, err := io.ReadFull(in, content); err != nil {
		return Value{}, unexpected(err)
	}
	if missing := n + 2 - len(content); missing > 0 {
		rest := bytes.NewBuffer(content)
		if _, err := io.CopyN(rest, in, int64(missing)); err != nil {
			return Value{}, unexpected(err)
		}
		content = rest.Bytes()
	}
	if content[n] != '\r' || content[n+1] != '\n' {
		return Value{}, malformed("a string that is longer than it says:", content[n:])
	}
	content = content[:n:n]
	switch kind {
	case '!':
		kind = '-'
	case '=': // "txt:" or "mkd:" is before the text
		kind, content = '$', content[min(4, n):]
	}
	return Value{Kind: kind, Bytes: content}, nil
}

// readItems reads a value that consists of others. Attributes ('|') are skipped: they precede the value to which they
// belong.
func readItems(in *bufio.Reader, kind byte, length []byte, depth int) (Value, error) {
	if string(length) == "-1" {
		return Value{Kind: '_'}, nil
	}
	n, err := parseLength(length, maxItems)
	if err != nil {
		return Value{}, err
	}
	if kind == '%' || kind == '|' {
		n *= 2
	}
	if depth >= maxDepth {
		return Value{}, malformed("values in values, deeper than", []byte(strconv.Itoa(maxDepth)))
	}
	v := Value{Kind: kind, Items: make([]Value, 0, min(n, 64))}
	for range n {
		item, err := read(in, depth+1)
		if err != nil {
			return Value{}, err
		}
		v.Items = append(v.Items, item)
	}
	if kind == '|' {
		return read(in, depth+1)
	}
	return v, nil
}

func parseLength(digits []byte, most int) (int, error) {
	n, err := strconv.ParseUint(string(digits), 10, 31)
	if err != nil || n > uint64(most) {
		return 0, malformed("the length", digits)
	}
	return int(n), nil
}

func malformed(what string, got []byte) error {
	return fmt.Errorf("%w: %s %.40q", ErrProtocol, what, got)
}

// unexpected is the error of a stream that ends within a value.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
