package handler

import (
	"context"
	"math"
	"reflect"

	"github.com/backplane-go/backplane/codec"
)

// room is for how many arguments a call needs no allocation to tell them apart.
const room = 8

// through returns what calls fn, which is of this shape, by reflection.
func (s *shape) through(fn reflect.Value) func(context.Context, codec.Args, func(...any)) error {
	fixed := len(s.params) // parameters, but for variadic ones
	if s.ctx {
		fixed++
	}
	if s.ack != nil {
		fixed++
	}
	most := len(s.params)
	if s.rest != nil {
		most = math.MaxInt
	}
	return func(ctx context.Context, args codec.Args, ack func(...any)) error {
		var buf [room]codec.Value
		values, err := args.AppendValues(buf[:0], most)
		if err != nil {
			return err
		}
		size := fixed
		if s.rest != nil {
			size += max(0, len(values)-len(s.params))
		}
		var space [room]reflect.Value
		in := space[:0]
		if size > room {
			in = make([]reflect.Value, 0, size)
		}
		if s.ctx {
			in = append(in, contextValue(ctx))
		}
		if s.early {
			in = append(in, s.ack(ack))
		}
		for i := range s.params {
			v, err := s.params[i].argument(args, values, i)
			if err != nil {
				return err
			}
			in = append(in, v)
		}
		if s.rest != nil {
			for i := len(s.params); i < len(values); i++ {
				v, err := s.rest.argument(args, values, i)
				if err != nil {
					return err
				}
				in = append(in, v)
			}
		}
		if s.ack != nil && !s.early {
			in = append(in, s.ack(ack))
		}
		out := fn.Call(in)
		if s.fails {
			err, _ := out[0].Interface().(error)
			return err
		}
		return nil
	}
}

// argument decodes the i-th of values, the arguments of args.
func (p *param) argument(args codec.Args, values []codec.Value, i int) (reflect.Value, error) {
	if i >= len(values) {
		if p.optional {
			return reflect.Zero(p.typ), nil
		}
		return reflect.Value{}, missing(args, i, p.typ)
	}
	v, err := p.decode(values[i])
	if err != nil {
		return v, unfit(args, i, p.typ, values[i], err)
	}
	return v, nil
}

// contextValue is ctx as a parameter takes it, even if it is nil.
func contextValue(ctx context.Context) reflect.Value {
	if ctx == nil {
		return reflect.Zero(contextType)
	}
	return reflect.ValueOf(ctx)
}
