package codec

import (
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/backplane-go/backplane/internal/jsontext"
)

// field is a field of a struct as encoding/json sees it.
type field struct {
	name      string
	key       string // the text before the value: ,"name":
	typ       reflect.Type
	shape     *shape
	index     []int // the path to the field, through embedded structs
	tagged    bool  // the name comes from a tag
	quoted    bool  // the option "string"
	omitEmpty bool
	omitZero  bool
	omits     bool // omitEmpty or omitZero
	simple    bool // a scalar type without methods, not even IsZero
}

// structFields holds the fields of a struct type in their order.
type structFields struct {
	list   []field
	byName map[string]int
	flat   bool // all fields are simple, not embedded, and can be read by readFlat
}

func newStructFields(t reflect.Type, made map[reflect.Type]*shape) *structFields {
	s := &structFields{list: visible(collect(t)), byName: map[string]int{}}
	s.flat = len(s.list) > 0
	for i := range s.list {
		f := &s.list[i]
		s.byName[f.name] = i
		f.key = string(append(jsontext.AppendString([]byte{','}, f.name), ':'))
		f.shape = newShape(f.typ, made)
		f.omits = f.omitEmpty || f.omitZero
		p := reflect.PointerTo(f.typ)
		f.simple = f.shape.form == formScalar && f.shape.addr == methodNone && !p.Implements(zeroerType)
		s.flat = s.flat && f.simple && !f.quoted && len(f.index) == 1 && !decodesItself(f.typ)
	}
	return s
}

// match returns the field for a key. Without an exact match it ignores case.
func (s *structFields) match(key string) (field, bool) {
	if i, ok := s.byName[key]; ok {
		return s.list[i], true
	}
	for _, f := range s.list {
		if strings.EqualFold(f.name, key) {
			return f, true
		}
	}
	return field{}, false
}

// embedded is a struct whose fields are promoted to the outer struct.
type embedded struct {
	typ   reflect.Type
	index []int
}

// collect lists all candidate fields level by level: those of t, then those of its embedded structs, and so on. It
// visits a type only at its outermost level.
func collect(t reflect.Type) []field {
	var all []field
	seen := map[reflect.Type]bool{}
	for level := []embedded{{typ: t}}; len(level) > 0; {
		times := map[reflect.Type]int{}
		for _, e := range level {
			times[e.typ]++
		}
		var next []embedded
		for _, e := range level {
			if seen[e.typ] {
				continue
			}
			seen[e.typ] = true
			for i := range e.typ.NumField() {
				f, deeper, ok := readField(e.typ.Field(i), append(slices.Clone(e.index), i))
				switch {
				case !ok:
				case deeper != nil:
					next = append(next, *deeper)
				default:
					all = append(all, f)
					if times[e.typ] > 1 {
						// the type is embedded twice at this level, so its fields hide each other
						all = append(all, f)
					}
				}
			}
		}
		level = next
	}
	return all
}

// readField describes one field of a struct. deeper is set if the field is an embedded struct whose fields are
// promoted.
func readField(sf reflect.StructField, index []int) (f field, deeper *embedded, ok bool) {
	t := sf.Type
	if t.Name() == "" && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if !sf.IsExported() && (!sf.Anonymous || t.Kind() != reflect.Struct) {
		return f, nil, false
	}
	tag := sf.Tag.Get("json")
	if tag == "-" {
		return f, nil, false
	}
	name, options, _ := strings.Cut(tag, ",")
	if !validName(name) {
		name = ""
	}
	if name == "" && sf.Anonymous && t.Kind() == reflect.Struct {
		return f, &embedded{typ: t, index: index}, true
	}
	f = field{name: name, typ: sf.Type, index: index, tagged: name != ""}
	if name == "" {
		f.name = sf.Name
	}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "omitempty":
			f.omitEmpty = true
		case "omitzero":
			f.omitZero = true
		case "string":
			f.quoted = scalar(t.Kind())
		}
	}
	return f, nil, true
}

func scalar(k reflect.Kind) bool {
	return k == reflect.String || k >= reflect.Bool && k <= reflect.Float64
}

// validName reports whether encoding/json accepts name in a tag.
func validName(name string) bool {
	for _, c := range name {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) {
			return false
		}
	}
	return name != ""
}

// visible selects, among the fields of one name, the one that is visible: the one at the outermost level, and at the
// same level the one with a tag. If there is no single such field, none is visible.
func visible(all []field) []field {
	slices.SortStableFunc(all, func(a, b field) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		if c := len(a.index) - len(b.index); c != 0 {
			return c
		}
		switch {
		case a.tagged == b.tagged:
			return 0
		case a.tagged:
			return -1
		}
		return 1
	})
	var out []field
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].name == all[0].name {
			n++
		}
		same := n > 1 && len(all[0].index) == len(all[1].index) && all[0].tagged == all[1].tagged
		if !same {
			out = append(out, all[0])
		}
		all = all[n:]
	}
	slices.SortFunc(out, func(a, b field) int { return slices.Compare(a.index, b.index) })
	return out
}

// valueIn returns the value of the field in the struct v. ok is false if the path to the field has a nil pointer.
func (f *field) valueIn(v reflect.Value) (reflect.Value, bool) {
	if len(f.index) == 1 {
		return v.Field(f.index[0]), true
	}
	for _, i := range f.index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, true
}

// omit reports whether v is left out. It is called only for fields with omitempty or omitzero.
func (f *field) omit(v reflect.Value) bool {
	if f.simple {
		return v.IsZero()
	}
	return f.omitEmpty && empty(v) || f.omitZero && zero(v)
}

func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// zero reports whether v is zero. If the type has an IsZero method, it calls the method.
func zero(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return true
		}
	case reflect.Interface:
		if e := v.Elem(); v.IsNil() || e.Kind() == reflect.Pointer && e.IsNil() {
			return true
		}
	}
	if z, ok := v.Interface().(interface{ IsZero() bool }); ok && v.Type().Implements(zeroerType) {
		return z.IsZero()
	}
	if reflect.PointerTo(v.Type()).Implements(zeroerType) {
		if !v.CanAddr() {
			p := reflect.New(v.Type())
			p.Elem().Set(v)
			v = p.Elem()
		}
		return v.Addr().Interface().(interface{ IsZero() bool }).IsZero()
	}
	return v.IsZero()
}

var zeroerType = reflect.TypeFor[interface{ IsZero() bool }]()
