package pqdriver

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"sync"
)

// preparedStatements holds the statements that are prepared in the caller's pool.
type preparedStatements struct {
	mu     sync.Mutex // guards the fields below
	mode   prepareMode
	byText map[string]*sql.Stmt
	spare  []*sql.Stmt // prepared a second time, by concurrent calls
}

type prepareMode int

const (
	prepareUnknown    prepareMode = iota // it is not known yet whether there is a pooler
	prepareStatements                    // the pool's connections lead to the server itself
	prepareNothing                       // there may be a proxy that pools transactions
)

// get returns the prepared statement, or nil if nothing may be prepared. database/sql prepares it on each
// connection that needs it. There are only a few statements, and they stay until remove.
func (s *preparedStatements) get(ctx context.Context, db *sql.DB, text string) (*sql.Stmt, error) {
	s.mu.Lock()
	mode, stmt := s.mode, s.byText[text]
	s.mu.Unlock()
	if mode == prepareUnknown {
		pooled, err := mayPoolTransactions(ctx, db)
		if err != nil {
			return nil, err
		}
		if mode = prepareStatements; pooled {
			mode = prepareNothing
		}
		s.setMode(mode)
	}
	if mode == prepareNothing || stmt != nil {
		return stmt, nil
	}
	stmt, err := db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.byText[text]; other != nil { // a concurrent call has prepared it meanwhile
		s.spare = append(s.spare, stmt)
		return other, nil
	}
	if s.byText == nil {
		s.byText = make(map[string]*sql.Stmt)
	}
	s.byText[text] = stmt
	return stmt, nil
}

// setMode changes the mode; prepareNothing is final. Statements that were prepared behind a pooler are
// abandoned: closing them could close those of another client.
func (s *preparedStatements) setMode(mode prepareMode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mode != prepareNothing {
		s.mode = mode
	}
	if s.mode == prepareNothing {
		s.byText, s.spare = nil, nil
	}
}

// remove removes all statements and returns them.
func (s *preparedStatements) remove() []*sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := append(s.spare, slices.Collect(maps.Values(s.byText))...)
	s.byText, s.spare = nil, nil
	return all
}
