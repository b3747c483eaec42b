// Package resp writes commands and reads replies in RESP, the protocol of Redis and its relatives. It understands
// versions 2 and 3: https://redis.io/docs/latest/develop/reference/protocol-spec/.
//
// # Files
//
//   - resp.go: Value, and writing commands
//   - reader.go: reading replies
package resp

import "strconv"

// Value is a reply, or a message that the server has sent by itself.
type Value struct {
	// Kind is the first byte of the value in version 3: '+' for a simple string, '$' for a string of bytes, ':' for a
	// number, '-' for an error, '*' for an array, '~' for a set, '%' for a map, '>' for a push, '_' for nothing …
	// What is only longer than others, such as an error with a length ('!'), has the kind of its short form.
	Kind byte
	// Bytes is the content of everything that has no items: text, and numbers as text.
	Bytes []byte
	// Items are those of an array, a set or a push, and the keys and values of a map in turn.
	Items []Value
}

// Text returns the content as a string.
func (v Value) Text() string { return string(v.Bytes) }

// Item returns the i-th item, or a Value without a kind if there is none.
func (v Value) Item(i int) Value {
	if i < 0 || i >= len(v.Items) {
		return Value{}
	}
	return v.Items[i]
}

// Lookup returns the value of a key in a map, or in an array of keys and values as version 2 has it.
func (v Value) Lookup(key string) Value {
	for i := 0; i+1 < len(v.Items); i += 2 {
		if string(v.Items[i].Bytes) == key {
			return v.Items[i+1]
		}
	}
	return Value{}
}

// Err returns the error of an error reply as an *Error, and nil for all others.
func (v Value) Err() error {
	if v.Kind != '-' {
		return nil
	}
	return &Error{Text: v.Text()}
}

// AppendHeader appends the beginning of a command with n arguments, the first of which is its name.
func AppendHeader(b []byte, n int) []byte { return appendLength(b, '*', n) }

// AppendArg appends an argument of a command. It may have any bytes.
func AppendArg[T string | []byte](b []byte, arg T) []byte {
	b = appendLength(b, '$', len(arg))
	b = append(b, arg...)
	return append(b, '\r', '\n')
}

// AppendCommand appends a command.
func AppendCommand(b []byte, args ...string) []byte {
	b = AppendHeader(b, len(args))
	for _, arg := range args {
		b = AppendArg(b, arg)
	}
	return b
}

func appendLength(b []byte, kind byte, n int) []byte {
	b = append(b, kind)
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, '\r', '\n')
}
