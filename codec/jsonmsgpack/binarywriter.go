package jsonmsgpack

import (
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/msgpack"
)

// Msgpack is the encoding of msgpack values as Node.js writes them.
var Msgpack codec.Encoding = msgpack.Standard

// binaryWriter implements writer for msgpack and follows @msgpack/msgpack 2.8.
type binaryWriter struct{ w *msgpack.Writer }

func (b binaryWriter) openMap(n int)                   { b.w.OpenMap(n) }
func (b binaryWriter) openArray(n int)                 { b.w.OpenArray(n) }
func (b binaryWriter) close()                          { b.w.Close() }
func (b binaryWriter) key(k string)                    { b.w.Key(k) }
func (b binaryWriter) str(s string)                    { b.w.Str(s) }
func (b binaryWriter) num(n int64)                     { b.w.Int(n) }
func (b binaryWriter) boolean(v bool)                  { b.w.Bool(v) }
func (b binaryWriter) value(v codec.Value) error       { return b.w.Value(v) }
func (b binaryWriter) socketValue(v codec.Value) error { return b.w.Value(v) }
