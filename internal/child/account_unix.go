//go:build unix

package child

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Unprivileged returns the process attributes for a program that should not, or refuses to, run as root: root runs it
// with the first of accounts that exists, other users with their own. The kernel sends it signal when this process
// ends.
func Unprivileged(signal syscall.Signal, accounts ...string) (*syscall.SysProcAttr, error) {
	a := new(syscall.SysProcAttr)
	EndWithParent(a, signal)
	if syscall.Geteuid() != 0 {
		return a, nil
	}
	var account *user.User
	err := fmt.Errorf("none of the accounts %q exists", accounts)
	for _, name := range accounts {
		if account, err = user.Lookup(name); err == nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("child: an account other than root is needed: %w", err)
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

// GiveTo makes the account of a the owner of a file or folder.
func GiveTo(a *syscall.SysProcAttr, path string) error {
	if a.Credential == nil {
		return nil
	}
	return os.Chown(path, int(a.Credential.Uid), int(a.Credential.Gid))
}
