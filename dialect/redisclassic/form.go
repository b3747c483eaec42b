package redisclassic

import (
	"strconv"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/classic"
	"github.com/backplane-go/backplane/internal/jsontext"
	"github.com/backplane-go/backplane/internal/msgpack"
)

// form writes an object, as JSON or as MessagePack.
type form struct {
	json []byte
	pack *msgpack.Writer // nil: JSON
	open []openObject
}

// openObject is an object that is being written.
type openObject struct {
	head    int // where its head is in pack.Out
	members int // how many it has; at most 15, so that the head has one byte
}

// fixMap is the head of a map of few pairs.
const fixMap = 0x80

func (f *form) openObject() {
	if f.pack == nil {
		f.json = append(f.json, '{')
	} else {
		f.open = append(f.open, openObject{head: len(f.pack.Out)})
		f.pack.OpenMap(0)
		return
	}
	f.open = append(f.open, openObject{})
}

func (f *form) closeObject() {
	o := f.open[len(f.open)-1]
	f.open = f.open[:len(f.open)-1]
	if f.pack == nil {
		f.json = append(f.json, '}')
		return
	}
	f.pack.Out[o.head] = fixMap | byte(o.members)
	f.pack.Close()
}

// key writes the key of a member, which consists of letters.
func (f *form) key(k string) {
	o := &f.open[len(f.open)-1]
	o.members++
	if f.pack != nil {
		f.pack.Key(k)
		return
	}
	if o.members > 1 {
		f.json = append(f.json, ',')
	}
	f.json = append(append(append(f.json, '"'), k...), `":`...)
}

func (f *form) text(s string) {
	if f.pack != nil {
		f.pack.Str(s)
	} else {
		f.json = jsontext.AppendString(f.json, s)
	}
}

func (f *form) number(n int64) {
	if f.pack != nil {
		f.pack.Int(n)
	} else {
		f.json = strconv.AppendInt(f.json, n, 10)
	}
}

func (f *form) bool(b bool) {
	if f.pack != nil {
		f.pack.Bool(b)
	} else {
		f.json = strconv.AppendBool(f.json, b)
	}
}

func (f *form) names(list []string) {
	if f.pack != nil {
		classic.WriteNames(f.pack, list)
		return
	}
	f.json = append(f.json, '[')
	for i, s := range list {
		if i > 0 {
			f.json = append(f.json, ',')
		}
		f.json = jsontext.AppendString(f.json, s)
	}
	f.json = append(f.json, ']')
}

// value writes user data. JSON has no bytes: then the error is codec.ErrBinary.
func (f *form) value(v codec.Value) (err error) {
	if f.pack != nil {
		return f.pack.Value(v)
	}
	f.json, err = v.AppendJSON(f.json)
	return err
}

// list writes an array of n elements.
func (f *form) list(n int, element func(i int) error) error {
	if f.pack != nil {
		f.pack.OpenArray(n)
		defer f.pack.Close()
	} else {
		f.json = append(f.json, '[')
		defer func() { f.json = append(f.json, ']') }()
	}
	for i := range n {
		if i > 0 && f.pack == nil {
			f.json = append(f.json, ',')
		}
		if err := element(i); err != nil {
			return err
		}
	}
	return nil
}
