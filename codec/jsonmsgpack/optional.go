package jsonmsgpack

// The methods in this file read optional parts of a message. They skip invalid parts and count them.

// skipInvalid skips a value and counts it.
func (p *parser) skipInvalid() {
	p.skip()
	p.skipped++
}

// expect reports whether the next value is of kind k. If not, it skips the value. null means that the field is not
// set; any other kind is invalid.
func (p *parser) expect(k kind) bool {
	switch {
	case p.err != nil:
		return false
	case p.r.kind() == k:
		return true
	case !p.null():
		p.skipInvalid()
	}
	return false
}

// text is like str, for an optional field: it skips a value that is not a string.
func (p *parser) text(field string) string {
	if !p.expect(kindString) {
		return ""
	}
	return p.str(field)
}

// number reads a number from an optional field. ok is false if the value is not a number.
func (p *parser) number(field string) (n number, ok bool) {
	if !p.expect(kindNumber) {
		return number{Integer: true}, false
	}
	n, err := p.r.num()
	p.fail(field, err)
	return n, err == nil
}

// flag reads true or false. Any other value is skipped and counts as false.
func (p *parser) flag(field string) bool {
	if !p.expect(kindBool) {
		return false
	}
	b, err := p.r.boolean()
	p.fail(field, err)
	return b
}

// name reads a string, or a number as its text. Any other value, including null, is invalid and skipped.
func (p *parser) name(field string) (name string, ok bool) {
	if p.err != nil {
		return "", false
	}
	switch p.r.kind() {
	case kindString:
		s, err := p.r.str()
		p.fail(field, err)
		return s, err == nil
	case kindNumber:
		n, err := p.r.num()
		p.fail(field, err)
		return n.Text(), err == nil
	}
	p.skipInvalid()
	return "", false
}

// sender reads a string, or a number as its text: a Node.js node may use its process id as its uid. null means no
// sender.
func (p *parser) sender(field string) string {
	if p.err == nil && p.r.kind() == kindNumber {
		uid, _ := p.name(field)
		return uid
	}
	return p.str(field)
}

// names reads an array of names. given reports whether the array has elements, even if none is valid.
func (p *parser) names(field string) (list []string, given bool) {
	if p.err != nil {
		return nil, false
	}
	p.fail(field, p.r.openArray())
	for p.elem(field) {
		given = true
		if name, ok := p.name(field); ok {
			list = append(list, name)
		}
	}
	return list, given
}

// list is like names, for a value that may not be an array. null is an empty list. Any other value is skipped,
// and given is true.
func (p *parser) list(field string) (list []string, given bool) {
	if p.null() {
		return nil, false
	}
	if !p.expect(kindArray) {
		return nil, true
	}
	return p.names(field)
}
