package server

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"time"

	"hydra/internal/config"
)

// NewLogger returns the logger that the configuration asks for.
func NewLogger(w io.Writer, c config.Log) *slog.Logger {
	lowest := level(c.Level)
	switch c.Format {
	case "json":
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: lowest, ReplaceAttr: replace}))
	case "json_pretty":
		return slog.New(slog.NewJSONHandler(indenter{w}, &slog.HandlerOptions{Level: lowest, ReplaceAttr: replace}))
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: lowest})) // has durations readable by itself
}

// levelTrace is below debug, as in the original.
const levelTrace = slog.LevelDebug - 4

func level(name string) slog.Level {
	switch name {
	case "trace":
		return levelTrace
	case "debug":
		return slog.LevelDebug
	case "warn", "warning":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	case "fatal", "panic":
		return slog.LevelError + 4
	}
	return slog.LevelInfo
}

// replace writes durations as people read them; slog's JSON has nanoseconds.
func replace(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().Round(time.Microsecond).String())
	}
	return a
}

// indenter spreads each line of JSON over several. slog writes a line per call.
type indenter struct{ w io.Writer }

func (i indenter) Write(line []byte) (int, error) {
	var b bytes.Buffer
	if err := json.Indent(&b, line, "", "  "); err != nil {
		return i.w.Write(line)
	}
	if _, err := i.w.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(line), nil
}
