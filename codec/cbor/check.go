package cbor

import "unicode/utf8"

// The tags of times: text as in RFC 3339, or seconds since 1970.
const (
	tagTimeText  = 0
	tagTimeEpoch = 1
)

// check returns an error if p is not CBOR that this package accepts as user data. p must be well-formed and must not
// exceed the allowed depth.
func check(p []byte) error {
	r := treeReader{p: p}
	return r.check()
}

func (r *treeReader) check() error {
	first := r.p[r.i]
	major, n, err := r.head()
	if err != nil {
		return err
	}
	switch major {
	case majorBytes:
		r.i += n
	case majorText:
		r.i += n
		if !utf8.Valid(r.p[r.i-n : r.i]) {
			return errUTF8
		}
	case majorMap:
		for range n {
			if r.p[r.i]>>5 != majorText {
				return errKey
			}
			if err := r.check(); err != nil {
				return err
			}
			if err := r.check(); err != nil {
				return err
			}
		}
	case majorArray:
		for range n {
			if err := r.check(); err != nil {
				return err
			}
		}
	case majorTag:
		return r.checkTag(n)
	case majorSimple:
		if first < simpleFalse || first == simpleOther {
			return errValue
		}
	}
	return nil
}

func (r *treeReader) checkTag(tag int) error {
	next := r.p[r.i]
	major := next >> 5
	switch {
	case tag == tagJSON && major == majorBytes:
	case tag == tagTimeText && major == majorText:
	case tag == tagTimeEpoch && (major == majorUint || major == majorInt || next > simpleOther):
	default:
		return errValue
	}
	return r.check()
}
