package jsonmsgpack

import "github.com/backplane-go/backplane/codec"

// FastBroadcast and ParseText are the two parsers of the text form.
var FastBroadcast = fastBroadcast

var ParseText = func(p []byte) (*codec.Envelope, error) { return parse(&textReader{p: p}) }
