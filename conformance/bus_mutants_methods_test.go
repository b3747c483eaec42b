package conformance_test

import (
	"context"

	"github.com/backplane-go/backplane/transport"
)

// aroundCall is called in place of a method, with the method's own call.
type aroundCall func(ctx context.Context, call func(ctx context.Context) error) error

// busMethod is a method that has a context. The func wrap puts around in its place.
type busMethod struct {
	name string
	wrap func(b *bus, around aroundCall)
}

// busMethods are all of them. Publish is there twice: for all calls, and for large batches only.
var busMethods = []busMethod{
	{"Publish", func(b *bus, around aroundCall) { b.wrapPublish(0, around) }},
	{"Publish of a batch", func(b *bus, around aroundCall) { b.wrapPublish(100, around) }},
	{"Open", func(b *bus, around aroundCall) {
		b.open = func(ctx context.Context) (s transport.Session, err error) {
			err = around(ctx, func(ctx context.Context) (err error) {
				s, err = b.Hub.Open(ctx)
				return err
			})
			return s, err
		}
	}},
	{"Listen", wrapsListen("Listen")},
	{"Unlisten", wrapsListen("Unlisten")},
	{"ListenAll", wrapsListen("ListenAll")},
	{"Enter", func(b *bus, around aroundCall) {
		b.enter = func(ctx context.Context, name string) (e transport.Entry, err error) {
			err = around(ctx, func(ctx context.Context) (err error) {
				e, err = b.Hub.Enter(ctx, name)
				return err
			})
			return e, err
		}
	}},
	{"Entries", func(b *bus, around aroundCall) {
		b.entries = func(ctx context.Context, prefix string) (infos []transport.EntryInfo, err error) {
			err = around(ctx, func(ctx context.Context) (err error) {
				infos, err = b.Hub.Entries(ctx, prefix)
				return err
			})
			return infos, err
		}
	}},
	{"Receive", func(b *bus, around aroundCall) {
		b.session = func(s *session) {
			s.receive = func(ctx context.Context) (m transport.Message, err error) {
				err = around(ctx, func(ctx context.Context) (err error) {
					m, err = s.Session.Receive(ctx)
					return err
				})
				return m, err
			}
		}
	}},
}

// methodNamed returns one of the methods.
func methodNamed(name string) busMethod {
	for _, m := range busMethods {
		if m.name == name {
			return m
		}
	}
	panic("no method " + name)
}

// wrapPublish puts around in place of Publish for batches of at least so many messages.
func (b *bus) wrapPublish(least int, around aroundCall) {
	b.publish = func(ctx context.Context, msgs ...transport.Message) error {
		if len(msgs) < least {
			return b.Hub.Publish(ctx, msgs...)
		}
		return around(ctx, func(ctx context.Context) error { return b.Hub.Publish(ctx, msgs...) })
	}
}

func wrapsListen(name string) func(b *bus, around aroundCall) {
	return func(b *bus, around aroundCall) {
		b.session = func(s *session) {
			s.wrapListen(name, func(ctx context.Context, _ []string, call func(context.Context) error) error {
				return around(ctx, call)
			})
		}
	}
}

// wrapListen puts around in place of Listen, Unlisten or ListenAll.
func (s *session) wrapListen(name string,
	around func(ctx context.Context, channels []string, call func(context.Context) error) error) {
	switch name {
	case "Listen":
		s.listen = func(ctx context.Context, channel string) error {
			return around(ctx, []string{channel},
				func(ctx context.Context) error { return s.Session.Listen(ctx, channel) })
		}
	case "Unlisten":
		s.unlisten = func(ctx context.Context, channel string) error {
			return around(ctx, []string{channel},
				func(ctx context.Context) error { return s.Session.Unlisten(ctx, channel) })
		}
	default:
		s.listenAll = func(ctx context.Context, channels []string) error {
			return around(ctx, channels, func(ctx context.Context) error {
				return s.Session.(transport.MultiListener).ListenAll(ctx, channels...)
			})
		}
	}
}
