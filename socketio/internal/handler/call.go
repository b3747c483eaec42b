package handler

import (
	"context"
	"math"
	"reflect"

	"github.com/backplane-go/backplane/codec"
)

// stackArgs is the number of arguments up to which a call allocates nothing for its lists of arguments.
const stackArgs = 8

// reflected returns a func that calls fn, which has this shape, by reflection.
func (s *shape) reflected(fn reflect.Value) caller {
	fixed := len(s.params) // all parameters but the variadic one
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
		var buf [stackArgs]codec.Value
		values, err := args.AppendValues(buf[:0], most)
		if err != nil {
			return err
		}
		size := fixed
		if s.rest != nil {
			size += max(0, len(values)-len(s.params))
		}
		var space [stackArgs]reflect.Value
		in := space[:0]
		if size > stackArgs {
			in = make([]reflect.Value, 0, size)
		}
		if s.ctx {
			in = append(in, contextValue(ctx))
		}
		if s.ackFirst {
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
		if s.ack != nil && !s.ackFirst {
			in = append(in, s.ack(ack))
		}
		out := fn.Call(in)
		if s.returnsError {
			err, _ := out[0].Interface().(error)
			return err
		}
		return nil
	}
}

// argument decodes argument i of args. values are all arguments.
func (p *param) argument(args codec.Args, values []codec.Value, i int) (reflect.Value, error) {
	if i >= len(values) {
		if p.optional {
			return reflect.Zero(p.typ), nil
		}
		return reflect.Value{}, missing(args, i, p.typ)
	}
	v, err := p.decode(values[i])
	if err != nil {
		return v, decodeError(args, i, p.typ, values[i], err)
	}
	return v, nil
}

// contextValue returns ctx as a parameter, even if it is nil.
func contextValue(ctx context.Context) reflect.Value {
	if ctx == nil {
		return reflect.Zero(contextType)
	}
	return reflect.ValueOf(ctx)
}
