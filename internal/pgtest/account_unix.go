//go:build unix

package pgtest

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"github.com/backplane-go/backplane/internal/child"
)

// attributes returns the process attributes for PostgreSQL's programs. These refuse to run as root.
func attributes() (*syscall.SysProcAttr, error) {
	a := new(syscall.SysProcAttr)
	child.EndWithParent(a, quit)
	if syscall.Geteuid() != 0 {
		return a, nil
	}
	var account *user.User
	var err error
	for _, name := range []string{"postgres", "nobody"} {
		if account, err = user.Lookup(name); err == nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("pgtest: PostgreSQL refuses to run as root, and no other account was found: %w", err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	a.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return a, nil
}

// giveTo makes the account of attributes the owner of a folder.
func giveTo(a *syscall.SysProcAttr, folder string) error {
	if a.Credential == nil {
		return nil
	}
	return os.Chown(folder, int(a.Credential.Uid), int(a.Credential.Gid))
}
