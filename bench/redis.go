package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/backplane-go/backplane/internal/child"
	"github.com/backplane-go/backplane/internal/freeport"
)

// startRedis starts a Redis server that writes nothing to disk. It fails if redis-server or the npm packages are
// missing.
func (s *server) startRedis(packages ...string) (stop func(), err error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, err
	}
	for _, name := range packages {
		if _, err := os.Stat(filepath.Join(os.Getenv("BACKPLANE_TEST_NODE_MODULES"), name)); err != nil {
			return nil, fmt.Errorf("the npm package %s is missing: %w", name, err)
		}
	}
	folder, err := os.MkdirTemp("", "bench-redis-")
	if err != nil {
		return nil, err
	}
	number, err := freeport.Get()
	if err != nil {
		return nil, err
	}
	port := strconv.Itoa(number)
	cmd := exec.Command(binary, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
		folder)
	process, stop, err := start(cmd, folder, func() error {
		s.redisVersion, err = askRedis("127.0.0.1:" + port)
		return err
	})
	s.redis, s.servers = "redis://127.0.0.1:"+port, append(s.servers, process)
	return stop, err
}

// start starts a server and waits until ready returns nil. stop kills it and removes its folder.
func start(cmd *exec.Cmd, folder string, ready func() error) (pid int, stop func(), err error) {
	cmd.SysProcAttr = new(syscall.SysProcAttr)
	child.EndWithParent(cmd.SysProcAttr, syscall.SIGKILL)
	if err := cmd.Start(); err != nil {
		return 0, nil, errors.Join(err, os.RemoveAll(folder))
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		_ = os.RemoveAll(folder)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if err = ready(); err == nil {
			return cmd.Process.Pid, stop, nil
		}
		if time.Now().After(end) {
			stop()
			return 0, nil, err
		}
	}
}

// askRedis returns the version of a server.
func askRedis(address string) (string, error) {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "INFO server\r\n"); err != nil {
		return "", err
	}
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if version, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "redis_version:"); ok {
			return version, nil
		}
	}
	return "", errors.Join(lines.Err(), errors.New("redis did not tell its version"))
}
