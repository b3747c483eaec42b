//go:build !linux

package load

import (
	"errors"
	"time"
)

// errSystem is the error of every command on systems without epoll.
var errSystem = errors.New("the load generator reads its clients through epoll, which only Linux has")

type epoll struct{}

func newEpoll() (epoll, error) { return epoll{}, errSystem }

func (*epoll) close() {}

func (*epoll) connect(*conn) error { return errSystem }

func (*epoll) wait(time.Duration) ([]*conn, error) { return nil, errSystem }

func (*conn) close() {}

func (*conn) read([]byte) (n int, again bool, err error) { return 0, false, errSystem }

func (*conn) write([]byte) error { return errSystem }
