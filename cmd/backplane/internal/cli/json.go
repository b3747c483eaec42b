package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// JSON writes v as one line of JSON.
func (t *Terminal) JSON(v any) error {
	text, err := JSONLine(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.Out, text)
	return err
}

// JSONLine returns v as JSON on one line. Control characters are escaped so that a terminal does not act on them.
func JSONLine(v any) (string, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return "", err
	}
	return escapeControls(string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))), nil
}

// escapeControls escapes the control characters that JSON allows in strings, and the characters that change the
// direction of text. In JSON both occur only inside strings.
func escapeControls(text string) string {
	var b bytes.Buffer
	for _, r := range text {
		switch {
		case r >= 0x7f && r <= 0x9f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
