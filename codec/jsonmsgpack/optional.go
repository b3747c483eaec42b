package jsonmsgpack

// Here is how the parser reads what a message can do without. What is odd is skipped and counted.

// odd skips a value that is of no use.
func (p *parser) odd() {
	p.skip()
	p.skipped++
}

// is reports whether a value of kind k comes next. If not it is skipped: null says that there is none, all else is odd.
func (p *parser) is(k kind) bool {
	switch {
	case p.err != nil:
		return false
	case p.r.kind() == k:
		return true
	case !p.null():
		p.odd()
	}
	return false
}

// text is str for what a message can do without: what is no string is skipped.
func (p *parser) text(field string) string {
	if !p.is(kindString) {
		return ""
	}
	return p.str(field)
}

// number reads a number that a message can do without, if it is one.
func (p *parser) number(field string) (n number, ok bool) {
	if !p.is(kindNumber) {
		return number{integer: true}, false
	}
	n, err := p.r.num()
	p.fail(field, err)
	return n, err == nil
}

// flag reads true or false; what is neither is skipped, and false.
func (p *parser) flag(field string) bool {
	if !p.is(kindBool) {
		return false
	}
	b, err := p.r.boolean()
	p.fail(field, err)
	return b
}

// name reads a string, or a number as its text. All else, null too, names nothing and is skipped.
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
		return n.text(), err == nil
	}
	p.odd()
	return "", false
}

// sender reads a string, or a number as its text, as a Node.js node has that is given its process id as its uid. null is no sender.
func (p *parser) sender(field string) string {
	if p.err == nil && p.r.kind() == kindNumber {
		uid, _ := p.name(field)
		return uid
	}
	return p.str(field)
}

// names reads an array of names. given reports whether it has elements, some of which may name nothing.
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

// list is names for what may be no array. null is an empty one; all else is skipped, and given.
func (p *parser) list(field string) (list []string, given bool) {
	if p.null() {
		return nil, false
	}
	if !p.is(kindArray) {
		return nil, true
	}
	return p.names(field)
}
