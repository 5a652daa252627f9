package rehearse

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vedette/internal/event"
)

// recorded counts what is in the logs of a run, by class of log and by the
// name that the provider writes. It reads the providers' files by itself and
// not by the decoders: what it says is held against what they make of them.
func recorded(dir string) (map[event.Log]map[string]int, error) {
	counts := map[event.Log]map[string]int{}
	add := func(l event.Log, name string) {
		if counts[l] == nil {
			counts[l] = map[string]int{}
		}
		counts[l][name]++
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := readLog(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		slashed := filepath.ToSlash(path)
		if strings.Contains(slashed, "/CloudTrail-Digest/") {
			return nil
		}
		err = records(body, func(rec *logRecord) {
			if l, name := rec.name(); l != event.NoLog {
				add(l, name)
			}
		})
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
	return counts, err
}

// maxLog bounds a file of logs, unpacked, in bytes.
const maxLog = 256 << 20

func readLog(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := io.Reader(f)
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, err
		}
		in = z
	}
	body, err := io.ReadAll(io.LimitReader(in, maxLog+1))
	if err == nil && len(body) > maxLog {
		return nil, fmt.Errorf("larger than %d bytes", maxLog)
	}
	return body, err
}

// records calls do for each record of a file: of a Records list, or a line.
func records(body []byte, do func(*logRecord)) error {
	d := json.NewDecoder(bytes.NewReader(body))
	for {
		var one struct {
			Records []*logRecord
			logRecord
		}
		if err := d.Decode(&one); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		for _, rec := range one.Records {
			do(rec)
		}
		if one.Records == nil {
			do(&one.logRecord)
		}
	}
}

// logRecord is as much of a record of any provider as tells its name.
type logRecord struct {
	// CloudTrail
	EventName     string
	EventCategory string
	// Azure
	Category      string
	OperationName string
	Properties    struct {
		RequestMethod, RequestURI string
	}
	// Google Cloud
	LogName      string
	ProtoPayload struct{ MethodName string }
}

// name returns the class of log and the operation as it is written there; for
// Microsoft Graph, which writes none, the method and the path less its
// version: "GET /users".
func (r *logRecord) name() (event.Log, string) {
	switch {
	case r.EventName != "" && r.EventCategory == "Data":
		return event.CloudTrailData, r.EventName
	case r.EventName != "":
		return event.CloudTrailManagement, r.EventName
	case strings.HasSuffix(r.LogName, "data_access"):
		return event.GCPDataAccess, r.ProtoPayload.MethodName
	case r.LogName != "":
		return event.GCPActivity, r.ProtoPayload.MethodName
	case r.Category == "AuditEvent":
		return event.AzureKeyVault, r.OperationName
	case strings.HasPrefix(r.Category, "Storage"):
		return event.AzureStorage, r.OperationName
	case r.Category == "MicrosoftGraphActivityLogs":
		path := r.Properties.RequestURI
		if _, rest, ok := strings.Cut(path, "://"); ok {
			_, path, _ = strings.Cut(rest, "/")
		}
		path, _, _ = strings.Cut(path, "?")
		_, path, _ = strings.Cut(strings.Trim(path, "/"), "/")
		return event.AzureGraph, r.Properties.RequestMethod + " /" + path
	case r.OperationName != "":
		return event.AzureActivity, r.OperationName
	}
	return event.NoLog, ""
}

// sorted walks a map in order of its keys.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
