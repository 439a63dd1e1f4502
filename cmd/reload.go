package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"llmgw/store"
)

// configPoll is how often the configuration file is looked at.
const configPoll = 2 * time.Second

// watchConfig reloads on SIGHUP and when the file changes, until ctx ends. The
// file is polled: editors replace it in ways that watchers of one file miss.
func (s *server) watchConfig(ctx context.Context) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, reloadSignals...)
	defer signal.Stop(hup)
	tick := time.NewTicker(configPoll)
	defer tick.Stop()
	seen := stamp(s.file.path)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		case <-tick.C:
			now := stamp(s.file.path)
			if now == seen {
				continue
			}
			seen = now
		}
		s.reload(ctx)
	}
}

// stamp tells two versions of a file apart; "" when it is not there.
func stamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprint(info.ModTime().UnixNano(), info.Size())
}

// reload puts the file's present content in force as a whole, or says loudly
// that it cannot and keeps what was.
func (s *server) reload(ctx context.Context) {
	err := s.tryReload(ctx)
	out := store.Reload{At: time.Now().UTC()}
	if err != nil {
		out.Error = err.Error()
		s.log.Error("the configuration was not reloaded; the old one stays in force", "file", s.file.path, "err", err)
	} else {
		s.log.Info("the configuration was reloaded", "file", s.file.path)
	}
	s.store.SetReload(out)
}

func (s *server) tryReload(ctx context.Context) error {
	f, err := loadFile(s.file.path, s.listener.Addr().String())
	if err != nil {
		return err
	}
	if err := f.checkSecrets(); err != nil {
		return err
	}
	if f.Store.Path != s.file.Store.Path || s.flags.listen == "" && f.Listen != s.listen {
		return errors.New("listen and store.path take effect only at a restart")
	}
	cfg, err := s.proxyConfig(ctx, f)
	if err != nil {
		return err
	}
	if err := s.gateway.Reload(cfg); err != nil {
		return err
	}
	s.saveSetup(f, cfg)
	s.current.Store(f)
	return nil
}
