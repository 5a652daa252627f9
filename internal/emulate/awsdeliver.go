package emulate

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// delivery is how long CloudTrail gathers records into one object of a region.
const delivery = 5 * time.Minute

// Deliver writes the records under root as a trail does into its bucket: for
// each account, region and five minutes one object
//
//	AWSLogs/<account>/CloudTrail/<region>/YYYY/MM/DD/<account>_CloudTrail_<region>_YYYYMMDDTHHmmZ_<16 characters>.json.gz
//
// in which the records are in no order. It returns the paths relative to root,
// sorted.
func (a *AWS) Deliver(root string) ([]string, error) {
	a.mu.Lock()
	records := slices.Clone(a.records)
	a.mu.Unlock()
	type object struct {
		account, region string
		slot            time.Time
	}
	group := map[object][]cloudTrailRecord{}
	var order []object
	for _, r := range records {
		at, err := time.Parse(time.RFC3339, r.EventTime)
		if err != nil {
			return nil, fmt.Errorf("deliver: %w", err)
		}
		o := object{r.RecipientAccountID, r.AWSRegion, at.Truncate(delivery)}
		if group[o] == nil {
			order = append(order, o)
		}
		group[o] = append(group[o], r)
	}
	var paths []string
	for _, o := range order {
		rel, err := a.object(root, o.account, o.region, o.slot.Add(2*delivery), group[o])
		if err != nil {
			return nil, err
		}
		paths = append(paths, rel)
	}
	slices.Sort(paths)
	return paths, nil
}

// Flush writes the records that no Flush wrote before, as they lie there when
// CloudTrail delivers: one object for each account and region, named for the
// five minutes that end now or next. Records that could not be written are kept
// for the next time. It returns the paths relative to root, sorted.
func (a *AWS) Flush(root string) ([]string, error) {
	a.mu.Lock()
	records := a.records
	a.records = nil
	a.mu.Unlock()
	group := map[[2]string][]cloudTrailRecord{}
	for _, r := range records {
		k := [2]string{r.RecipientAccountID, r.AWSRegion}
		group[k] = append(group[k], r)
	}
	sent := a.Stage.Now().Add(delivery - 1).Truncate(delivery)
	var paths []string
	var failed []error
	for k, recs := range group {
		rel, err := a.object(root, k[0], k[1], sent, recs)
		if err != nil {
			failed = append(failed, err)
			a.mu.Lock()
			a.records = append(a.records, recs...)
			a.mu.Unlock()
			continue
		}
		paths = append(paths, rel)
	}
	slices.Sort(paths)
	return paths, errors.Join(failed...)
}

// object writes one object of a trail, its records in no order.
func (a *AWS) object(root, account, region string, sent time.Time, recs []cloudTrailRecord) (string, error) {
	slices.SortFunc(recs, func(a, b cloudTrailRecord) int { return strings.Compare(a.EventID, b.EventID) })
	body, err := marshal(map[string]any{"Records": recs})
	if err != nil {
		return "", fmt.Errorf("deliver: %w", err)
	}
	sent = sent.UTC()
	name := fmt.Sprintf("%s_CloudTrail_%s_%s_%s.json.gz", account, region, sent.Format("20060102T1504Z"), a.Stage.Token("object", alnum, 16))
	rel := filepath.Join("AWSLogs", account, "CloudTrail", region, sent.Format("2006"), sent.Format("01"), sent.Format("02"), name)
	if err := writeFile(filepath.Join(root, rel), gzipped(body)); err != nil {
		return "", fmt.Errorf("deliver: %w", err)
	}
	return filepath.ToSlash(rel), nil
}

// Redeliver copies a delivered object to a second name, as happens when
// CloudTrail is not sure that the first try arrived.
func (a *AWS) Redeliver(root, rel string) (string, error) {
	body, err := os.ReadFile(filepath.Join(root, rel))
	if err != nil {
		return "", fmt.Errorf("redeliver: %w", err)
	}
	cut := strings.LastIndexByte(rel, '_')
	again := rel[:cut+1] + a.Stage.Token("object", alnum, 16) + ".json.gz"
	if err := writeFile(filepath.Join(root, again), body); err != nil {
		return "", fmt.Errorf("redeliver: %w", err)
	}
	return again, nil
}

// Digest writes the digest file that CloudTrail puts beside the objects of one
// region for the hour that ends at end, over those of paths that fall into it.
// The signature is no part of the file: it lies in the object's metadata.
func (a *AWS) Digest(root string, paths []string, account, region string, end time.Time) (string, error) {
	const form = "2006-01-02T15:04:05Z"
	end = end.UTC()
	start := end.Add(-time.Hour)
	bucket := "example-trail-" + account
	files := []map[string]any{}
	oldest, newest := "", ""
	for _, rel := range paths {
		sent, ok := deliveredAt(rel)
		if !ok || !strings.Contains(rel, "/CloudTrail/"+region+"/") || sent.Before(start) || !sent.Before(end) {
			continue
		}
		zipped, err := os.ReadFile(filepath.Join(root, rel))
		if err != nil {
			return "", fmt.Errorf("digest: %w", err)
		}
		body, err := gunzipped(zipped)
		if err != nil {
			return "", fmt.Errorf("digest: %s: %w", rel, err)
		}
		var doc struct{ Records []struct{ EventTime string } }
		if err := json.Unmarshal(body, &doc); err != nil {
			return "", fmt.Errorf("digest: %s: %w", rel, err)
		}
		lo, hi := "", ""
		for _, r := range doc.Records {
			if lo == "" || r.EventTime < lo {
				lo = r.EventTime
			}
			hi = max(hi, r.EventTime)
		}
		if oldest == "" || lo < oldest {
			oldest = lo
		}
		newest = max(newest, hi)
		files = append(files, map[string]any{
			"s3Bucket": bucket, "s3Object": rel,
			"hashValue": fmt.Sprintf("%x", sha256.Sum256(body)), "hashAlgorithm": "SHA-256",
			"newestEventTime": hi, "oldestEventTime": lo,
		})
	}
	name := func(at time.Time) string {
		return fmt.Sprintf("AWSLogs/%s/CloudTrail-Digest/%s/%s/%s_CloudTrail-Digest_%s_example-trail_%s_%s.json.gz",
			account, region, at.Format("2006/01/02"), account, region, region, at.Format("20060102T150405Z"))
	}
	body, err := marshal(map[string]any{
		"awsAccountId": account, "digestStartTime": start.Format(form), "digestEndTime": end.Format(form),
		"digestS3Bucket": bucket, "digestS3Object": name(end),
		"digestPublicKeyFingerprint": a.Stage.Hex("digestKey", 32), "digestSignatureAlgorithm": "SHA256withRSA",
		"newestEventTime": newest, "oldestEventTime": oldest,
		"previousDigestS3Bucket": bucket, "previousDigestS3Object": name(start),
		"previousDigestHashValue": a.Stage.Hex("digestHash", 64), "previousDigestHashAlgorithm": "SHA-256",
		"previousDigestSignature": a.Stage.Hex("digestSignature", 64) + a.Stage.Hex("digestSignature", 64),
		"logFiles":                files,
	})
	if err != nil {
		return "", fmt.Errorf("digest: %w", err)
	}
	return name(end), writeFile(filepath.Join(root, name(end)), gzipped(body))
}

// deliveredAt reads the time of delivery out of an object's name.
func deliveredAt(rel string) (time.Time, bool) {
	f := strings.Split(filepath.Base(rel), "_")
	if len(f) != 5 {
		return time.Time{}, false
	}
	at, err := time.Parse("20060102T1504Z", f[3])
	return at, err == nil
}

const alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// marshal is json.Marshal without the escapes meant for HTML, which the
// providers do not write.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// gzipped compresses with neither name nor time in the header, so that equal
// content gives equal bytes.
func gzipped(body []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = z.Write(body)
	_ = z.Close()
	return b.Bytes()
}

func gunzipped(zipped []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(z); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// writeFile makes a file appear whole: whoever watches the folder never reads
// a part of it.
func writeFile(name string, body []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	part := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".part")
	err := os.WriteFile(part, body, 0o644)
	if err == nil {
		err = os.Rename(part, name)
	}
	if err != nil {
		_ = os.Remove(part) // or a full disk gets fuller with each try
	}
	return err
}

// appendFile adds lines to a file, which is made if need be. Like writeFile, it
// shows whole files only.
func appendFile(name string, lines []byte) error {
	before, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if n := len(before); n > 0 && before[n-1] != '\n' {
		before = append(before, '\n')
	}
	return writeFile(name, append(before, lines...))
}
