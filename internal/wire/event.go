package wire

import (
	"slices"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
)

// Event encodes an event and its arguments.
func Event(name string, args []any) (codec.Args, error) {
	if fault.Reserved(name) {
		return codec.Args{}, &fault.ReservedEventError{Event: name}
	}
	return codec.NewArgs(name, args...)
}

// Union returns a new slice with the elements of a and b, each once.
func Union(a, b []string) []string {
	all := slices.Clip(a)
	for _, s := range b {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
