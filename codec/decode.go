package codec

import "encoding/json"

// Decode decodes v into the value that into points to, as encoding/json would.
func (v Value) Decode(into any) error {
	p, err := v.JSON()
	if err != nil {
		return err
	}
	return json.Unmarshal(p, into)
}
